"""Small trainings with all that a resident training can have, by each of its programs, from changed sources too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
import pytest
from parameters import flat
from resident_networks import orders

import nnpg
from nnpg import SGD, PlainDecay
from nnpg.programs.plan import Plan
from nnpg_kernels import Array
from nnpg_kernels.cuda.resident.training import launches, many
from nnpg_kernels.cuda.resident.training.many import ManySteps, many_steps_of
from nnpg_kernels.cuda.resident.training.numbers import Step, step_of

PROGRAMS = ("two launches", "cluster", "block")
RECIPES: dict[str, tuple[tuple[int, ...], list[Any]]] = {
    "groups of channels and of places": (
        (17, 7, 8),
        [
            *(nnpg.conv(6, (5, 7), padding=2), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.conv(2, 2), nnpg.ReLU()),
            *(nnpg.Flatten(), nnpg.dense(5), nnpg.Tanh(), nnpg.dense(35), nnpg.Tanh()),
        ],
    ),
    "parts and a head": (
        (12, 11, 11),
        [nnpg.conv(2, 5), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(35), nnpg.Sigmoid()],
    ),
    "maps": (
        (2, 8, 9),
        [
            *(nnpg.Center(0.2), nnpg.conv(5, 3, bias=False), nnpg.Sigmoid(), nnpg.MaxPool(3, 2, padding=1)),
            *(nnpg.conv(9, 2, padding=1), nnpg.MaxPool(3, 2), nnpg.Flatten(), nnpg.dense(35, bias=False)),
        ],
    ),
    "rows": ((7,), [nnpg.dense(35)]),
}
LOSSES = {
    "groups of channels and of places": ("softmax_cross_entropy", "squared_error"),
    "parts and a head": ("binary_cross_entropy", "squared_error"),
    "maps": ("softmax_cross_entropy",),
    "rows": ("softmax_cross_entropy",),
}
N = 5


@cache
def example(name: str) -> tuple[nnpg.Network, Array, Array]:
    shape, recipe = RECIPES[name]
    net = nnpg.build(recipe, input_shape=shape, rng=0, dtype="float64", backend="numpy")
    rng = np.random.default_rng(1)
    return net, rng.random((N, *shape)), rng.random((N, 35)).round(1)  # some of the largest targets are equal


def trained(net: nnpg.Network, x: Array, t: Array, loss: str, batch: int = 3, epochs: int = 2) -> nnpg.Training:
    sgd = SGD(lr=0.1, momentum=0.9, decay=PlainDecay(0.01), lr_decay=0.5)
    return nnpg.train(net, x, t, epochs=epochs, batch=batch, rng=1, loss=loss, optimiser=sgd, progress=False)


@cache
def expected(name: str, loss: str, labelled: bool, batch: int) -> nnpg.Training:
    net, x, t = example(name)
    return trained(net, x, t.argmax(axis=1) if labelled else t, loss, batch)


def check(name: str, program: str = "two launches", batch: int = 3) -> None:
    """Train with every loss: batches of 3 images, and a rest of 2; two launches have two slots of memory."""
    net, x, t = example(name)
    for loss in LOSSES[name]:
        for labelled in (False, True):
            with mock.patch.object(launches, "SLOTS", 2), orders(0, 1), nnpg.require_compiled(), computed_by(program):
                result = trained(net.to("cupy"), x, t.argmax(axis=1) if labelled else t, loss, batch)
            same(result, expected(name, loss, labelled, batch))


def same(result: nnpg.Training, right: nnpg.Training) -> None:
    for layer, w in flat(right.net.parameters).items():
        np.testing.assert_allclose(flat(result.net.parameters)[layer].get(), w, rtol=0, atol=1e-12)
    for one, other in zip(result.history, right.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-12, abs=1e-12)
        assert one.error == other.error


def fresh_step(net: nnpg.Network, plan: Plan) -> Step:
    """Return the numbers of a training, which have no program yet."""
    made: Any = {"centred": plan.mean is not None, "head": plan.head, "bytes_at_most": 227 << 10}
    return step_of(plan.blocks, biases(plan), plan.dtype, **made)


def biases(plan: Plan) -> list[bool]:
    return ["b" in plan.weights[block.weights] for block in plan.blocks]


@contextmanager
def computed_by(program: str) -> Iterator[None]:
    """Let trainings of small batches have one of PROGRAMS: a cluster shares even the smallest convolutions."""

    def fresh(net: nnpg.Network, plan: Plan, images: int) -> ManySteps:
        made: Any = {"centred": plan.mean is not None, "head": plan.head, "clusters": program == "cluster"}
        return many_steps_of(fresh_step(net, plan), plan.blocks, biases(plan), images, **made)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(many, "WORTH", 0))
        of_training = "nnpg.programs.cuda.training"
        stack.enter_context(mock.patch(f"{of_training}.IMAGES_AT_MOST", 0 if program == "two launches" else 4))
        stack.enter_context(mock.patch(f"{of_training}.many_steps", fresh))
        yield


@contextmanager
def compiled_from(change: Callable[[str], str], **options: Any) -> Iterator[None]:
    """Let the sources be changed before they are compiled, for trainings inside."""
    from emulator import compile_source

    made: dict[Any, Any] = {}

    def compiled(*arguments: Any) -> Any:
        if arguments not in made:
            made[arguments] = compile_source.__wrapped__(*arguments, **options)
        return made[arguments]

    source_of = launches.training_source
    with (
        mock.patch("stand_in.cuda.compile_source", compiled),
        mock.patch("nnpg.programs.cuda.training.training_step", fresh_step),
        mock.patch.object(launches, "training_source", lambda *numbers: change(source_of(*numbers))),
    ):
        try:
            yield
        finally:
            for functions in made.values():
                for function in functions.values():
                    function.program.discard()
