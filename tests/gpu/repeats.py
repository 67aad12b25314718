"""What is repeated inside public functions, and what each repetition costs on a device.

The counts are those between two calls of a function that is called once in each repetition; of many, the median.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pkgutil import resolve_name
from statistics import median_low
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from attack_nets import digits, other_targets, relu_net, sigmoid_net
from stand_in.counts import Counts, counted

import nnpg
from nnpg import SGD
from nnpg.attacks import learn_class_mask, minimal_distortion, projected_gradient
from nnpg.training_methods.adversarial_pool import AdversarialPool
from nnpg.training_methods.lbfgs import train_lbfgs
from nnpg.training_methods.selective_dropout import SelectiveDropout

FOREVER = 1e9  # seconds: the losses of a training come down only at the end of an epoch
RECIPES: list[list[Any]] = [
    [nnpg.conv(2, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
    [nnpg.Flatten(), nnpg.dense(4), nnpg.Sigmoid(), nnpg.dense(3), nnpg.Softmax()],
]


class Repeated(NamedTuple):
    """Operations on the device, views included, and what crosses."""

    operations: int
    up: int
    down: int
    waits: int

    def __str__(self) -> str:
        return f"{self.operations} | {self.up}, {self.down}, {self.waits}"


@contextmanager
def noted(place: str, counts: Counts, at: list[Repeated]) -> Iterator[None]:
    """Note the counts at each call of a function."""
    where, name = place.rsplit(".", 1)
    owner = resolve_name(where)
    function = getattr(owner, name)

    def noting(*args: Any, **kwargs: Any) -> Any:
        at.append(Repeated(counts.operations, counts.up, counts.down, counts.waits))
        return function(*args, **kwargs)

    with mock.patch.object(owner, name, noting):
        yield


def of_each(place: str, run: Callable[[], Any]) -> Repeated:
    """Return the counts from one call of a function to the next, the median of each."""
    at: list[Repeated] = []
    with counted() as counts, noted(place, counts, at), mock.patch("nnpg.training.LOOK", FOREVER):
        run()
    steps = [[b - a for a, b in zip(one, other, strict=True)] for one, other in pairwise(at)]
    return Repeated(*(median_low(column) for column in zip(*steps, strict=True)))


def repeated() -> dict[str, tuple[str, Callable[[], Any]]]:
    """Return what is repeated: the function that is called once each time, and a call of the public function."""
    x, labels = np.random.default_rng(0).random((12, 1, 8, 8)).astype(np.float32), np.arange(12) % 3
    conv, dense = (nnpg.build(recipe, input_shape=(1, 8, 8), rng=0, backend="cupy") for recipe in RECIPES)
    settings: Any = {"epochs": 1, "batch": 2, "rng": 0, "optimiser": SGD(0.1, 0.9), "progress": False}
    dropout = SelectiveDropout(1 - x, layer="conv1", keep=0.5)
    pool = AdversarialPool(x, labels, layers=("input", "sigmoid1"), size=4, new=2, every=9, batch=2)
    small, classes = digits(12)
    square, others = digits(1, m=64)
    methods, attacks = "nnpg.training_methods", "nnpg.attacks.objective.Objective"
    return {
        "train layer by layer: a step": (
            "nnpg.training.step",
            lambda: nnpg.train(conv, x, labels, take_step=lambda *a: nnpg.training.step(*a[:-1]), **settings),
        ),
        "train with SelectiveDropout: a pair of steps": (
            f"{methods}.selective_dropout.SelectiveDropout.__call__",
            lambda: nnpg.train(conv, x, labels, take_step=dropout, **settings),
        ),
        "train with AdversarialPool: a step": (
            f"{methods}.adversarial_pool.AdversarialPool.__call__",
            lambda: nnpg.train(dense, x, labels, take_step=pool, **settings),
        ),
        "train_lbfgs: an evaluation": (
            f"{methods}.lbfgs.mean_loss",
            lambda: train_lbfgs(conv, x, labels, iterations=5, decay=nnpg.PlainDecay(0.1), progress=False),
        ),
        "learn_class_mask: a step": (
            f"{attacks}.loss_and_gradient",
            lambda: learn_class_mask(conv, x, 2, epochs=1, batch=2, rng=0),
        ),
        "projected_gradient: a step": (
            f"{attacks}.loss_and_gradient",
            lambda: projected_gradient(conv, x, labels, (labels + 1) % 3, 0.1),
        ),
        "minimal_distortion: a round": (
            f"{attacks}.evaluate",
            lambda: minimal_distortion(sigmoid_net("cupy"), small, other_targets(classes, 6)),
        ),
        "minimal_distortion along the boundary: a step": (
            f"{attacks}.margin",
            lambda: minimal_distortion(relu_net("cupy"), square.reshape(-1, 1, 8, 8), (others + 1) % 6),
        ),
    }
