"""The sources of a resident training: no races, and without any one barrier or test they fail their checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any
from unittest import mock

import numpy as np
import pytest
from kernel_mutants import Mutant, mutants
from parameters import flat
from resident_networks import orders

import nnpg
from nnpg import SGD, PlainDecay
from nnpg.programs.plan import Plan, plan_of
from nnpg_kernels import Array
from nnpg_kernels.cuda.resident.training import running
from nnpg_kernels.cuda.resident.training.numbers import Step, step_of
from nnpg_kernels.cuda.resident.training.sources import training_source

pytestmark = [pytest.mark.gpu, pytest.mark.emulated("a fault may end a device's process")]

FILES = ("gradient.cuh", "loss.cuh", "train.cu", "update.cu")
SAME = "all threads would write the same number"
SURVIVORS: dict[str, dict[str, str]] = {
    "gradient.cuh": {
        "group > 0 -> true": "one barrier more",
        "G::DEAD -> true": "a product with 0 adds nothing",
        "K::ACT == 2 -> true": "a product with 0 adds nothing",
        "c < K::C -> true": "what is read in place of zeros is added to nothing",
    },
    "loss.cuh": {"lane == 0 -> true": SAME},
    "train.cu": {"blockIdx.x == 0 -> true": SAME, "threadIdx.x == 0 -> true": SAME},
    "update.cu": {"blockIdx.x == 0 -> true": SAME, "threadIdx.x == 0 -> true": SAME},
}
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
    "rows": ((7,), [nnpg.dense(35)]),
}
LOSSES = {
    "groups of channels and of places": ("softmax_cross_entropy", "squared_error"),
    "parts and a head": ("binary_cross_entropy", "squared_error"),
    "rows": ("softmax_cross_entropy",),
}
N = 5


@cache
def example(name: str) -> tuple[nnpg.Network, Array, Array]:
    shape, recipe = RECIPES[name]
    net = nnpg.build(recipe, input_shape=shape, rng=0, dtype="float64", backend="numpy")
    rng = np.random.default_rng(1)
    return net, rng.random((N, *shape)), rng.random((N, 35)).round(1)  # some of the largest targets are equal


def trained(net: nnpg.Network, x: Array, t: Array, loss: str) -> nnpg.Training:
    sgd = SGD(lr=0.1, momentum=0.9, decay=PlainDecay(0.01), lr_decay=0.5)
    return nnpg.train(net, x, t, epochs=2, batch=3, rng=1, loss=loss, optimiser=sgd, progress=False)


@cache
def expected(name: str, loss: str, labelled: bool) -> nnpg.Training:
    net, x, t = example(name)
    return trained(net, x, t.argmax(axis=1) if labelled else t, loss)


def check(name: str) -> None:
    """Train with every loss, in two slots of memory: batches of 3 images, and a rest of 2."""
    net, x, t = example(name)
    for loss in LOSSES[name]:
        for labelled in (False, True):
            with mock.patch.object(running, "SLOTS", 2), orders(0, 1), nnpg.require_compiled():
                result = trained(net.to("cupy"), x, t.argmax(axis=1) if labelled else t, loss)
            right = expected(name, loss, labelled)
            for layer, w in flat(right.net.parameters).items():
                np.testing.assert_allclose(flat(result.net.parameters)[layer].get(), w, rtol=0, atol=1e-12)
            for one, other in zip(result.history, right.history, strict=True):
                assert one.loss == pytest.approx(other.loss, abs=1e-12)
                assert one.error == other.error


@contextmanager
def compiled_from(change: Any, **options: Any) -> Iterator[None]:
    """Let the sources be changed before they are compiled, for trainings inside."""
    from emulator import compile_source

    made = []

    def compiled(*arguments: Any) -> Any:
        functions = compile_source.__wrapped__(*arguments, **options)
        made.extend(functions.values())
        return functions

    def fresh(net: nnpg.Network, plan: Plan) -> Step:
        biases = ["b" in plan.weights[block.weights] for block in plan.blocks]
        return step_of(plan.blocks, biases, plan.dtype, centred=False, head=plan.head, bytes_at_most=227 << 10)

    with (
        mock.patch("stand_in.cuda.compile_source", compiled),
        mock.patch("nnpg.programs.cuda.training.training_step", fresh),
        mock.patch.object(running, "training_source", lambda net, step: change(training_source(net, step))),
    ):
        try:
            yield
        finally:
            for function in made:
                function.program.discard()


def text_of(file: str) -> str:
    return (files("nnpg_kernels.cuda.resident.training") / file).read_text()


def noticed(file: str, mutant: Mutant) -> bool:
    """Whether the checks notice a mutant of a file."""
    from emulator import EmulationError

    def change(source: str) -> str:
        assert text_of(file) in source
        return source.replace(text_of(file), mutant.text)

    with compiled_from(change):
        try:
            for name in RECIPES:
                check(name)
        except (EmulationError, AssertionError, nnpg.TrainingDiverged):
            return True
    return False


def test_the_examples_have_all_that_a_convolution_can_have() -> None:
    """Several groups of channels and of places of the window; sums in parts, and sums that are whole."""
    plans = [plan_of(example(name)[0]) for name in list(RECIPES)[:2]]
    steps = [
        step_of(p.blocks, [True] * len(p.blocks), p.dtype, centred=False, head=p.head, bytes_at_most=227 << 10)
        for p in plans
    ]
    parts = [line for step in steps for line in step.text.splitlines() if "PARTS" in line]
    assert parts == [f"    static constexpr int PARTS[] = {{{n}}};" for n in ("1, 1, 1, 1", "2, 1")]
    assert "TAP_GROUPS[] = {2, 1, 1, 1}" in steps[0].text
    assert "EACH[] = {6, 1, 1, 1}" in steps[0].text  # of 17 channels, in 3 groups


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_the_sources_pass_their_checks(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_no_two_threads_read_and_write_a_number_without_a_barrier_between(name: str) -> None:
    with compiled_from(lambda source: source, races=True):
        check(name)


@pytest.mark.mutants
@pytest.mark.parametrize("file", FILES)
def test_every_mutant_of_a_source_is_noticed(file: str) -> None:
    survivors = [(mutant.line, str(mutant)) for mutant in mutants(text_of(file)) if not noticed(file, mutant)]
    expected_ones = SURVIVORS.get(file, {})
    assert [survivor for survivor in survivors if survivor[1] not in expected_ones] == [], "nothing notices these"
    assert set(expected_ones) <= {name for _, name in survivors}, "these are noticed: take them out of SURVIVORS"
