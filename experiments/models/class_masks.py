"""The class-general masks of LD-9: learned once for each net and target, kept, and resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context
from experiments.models import cifar
from experiments.models.kept import kept_file
from nnpg import Network, predict
from nnpg.attacks import ClassMask, learn_class_mask
from nnpg.data import Dataset
from nnpg_kernels import Array


@dataclass(frozen=True)
class Config(cifar.Config):
    """Nets A, and how long their masks learn."""

    learning: int = 1000  # training images that masks learn from
    steps: int = 300  # of learning, in whole epochs
    batch: int = 32  # images of each step


def steps_kept(config: Config, data: Dataset) -> list[int]:
    """Return the numbers of steps after which masks are kept: 1, 2, 5, 10 ... and the last."""
    last = epochs(config, data) * steps_of_epoch(config, data)
    few = [n * 10**power for power in range(9) for n in (1, 2, 5)]
    return [*(n for n in few if n < last), last]


def steps_of_epoch(config: Config, data: Dataset) -> int:
    """Return the steps that take every image once."""
    return -(-len(data) // config.batch)


def epochs(config: Config, data: Dataset) -> int:
    """Return the whole epochs that come nearest to the steps of the config."""
    return max(1, round(config.steps / steps_of_epoch(config, data)))


def class_mask(net: Network, data: Dataset, target: int, lr: float, config: Config, context: Context) -> ClassMask:
    """Return a net's mask for a target, and the masks on the way."""
    keep = steps_kept(config, data)
    facts = {"net": net, "data": data, "target": target, "lr": lr, "batch": config.batch, "keep": keep}
    return learn_class_mask(
        net, data.x, target, epochs=epochs(config, data), lr=lr, keep=np.array(keep), rng=target, batch=config.batch,
        checkpoint=kept_file(context, "class mask", facts), resume=True, progress=False,
    )  # fmt: skip


def errors_under(net: Network, data: Dataset, masks: Array, targets: Sequence[int]) -> list[list[float]]:
    """Return the share of the images that each mask (targets, S, *shape) does not make its target."""
    return [
        [float((predict(net, data.x + W).argmax(axis=1) != target).mean()) for W in of_target]
        for of_target, target in zip(masks, targets, strict=True)
    ]


def errors_without(net: Network, data: Dataset, target: int) -> float:
    """Return the share of the images that are not classified as the target without a mask."""
    return float((predict(net, data.x).argmax(axis=1) != target).mean())


def half_of(steps: Sequence[int]) -> int:
    """Return which of the numbers of steps is nearest to half of the last.

    Examples
    --------
    >>> half_of([1, 4, 6, 10])
    1
    """
    return int(abs(np.array(steps) - steps[-1] / 2).argmin())


def steps_to(level: float, errors: Array, steps: Sequence[int]) -> float:
    """Return after how many steps the error is below a level; all of them where it never is.

    Examples
    --------
    >>> steps_to(0.88, np.array([0.9, 0.8, 0.9]), [1, 2, 5]), steps_to(0.5, np.array([0.9, 0.8, 0.9]), [1, 2, 5])
    (2.0, 5.0)
    """
    below = errors < level
    return float(steps[int(below.argmax())] if below.any() else steps[-1])
