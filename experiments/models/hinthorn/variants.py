"""What hard-negative training is done with: the control, selective dropout on either layer, and how many runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from experiments.models.hinthorn.base import CONV, DENSE, PAPER, PAPER_PAIRS, SMOKE, Base
from nnpg.training_methods.selective_dropout import Retention


class Variant(NamedTuple):
    """The layer whose units are selected, the share kept, and the rate at which that share grows to 1."""

    layer: str
    keep: float
    alpha: float = 0.0

    @property
    def name(self) -> str:
        """For tables."""
        if self.keep == 1:
            return "control"
        return f"{self.layer}, keep {self.keep:g}" + (f" growing at {self.alpha:g}" if self.alpha else "")

    @property
    def share(self) -> float | Callable[[int], float]:
        """What `hard_negative_training` takes."""
        return Retention(self.keep, self.alpha) if self.alpha else self.keep


CONTROL = Variant(CONV, 1.0)
PAPERS = tuple(Variant(layer, keep) for layer in (CONV, DENSE) for keep in (0.2, 0.5, 0.7))


@dataclass(frozen=True)
class Hard(Base):
    """The paper's learning rates; seeds; and the factor by which the change exceeds the least distortion.

    Each pair is one step, as in the paper; plain SGD, since the paper names no momentum for this stage.
    """

    rates: tuple[float, ...] = (0.001, 0.003)
    keeps: tuple[float, ...] = (0.2, 0.5, 0.7)
    seeds: int = 10
    rounds: int = 4  # epochs of hard-negative training
    drawn: int = PAPER_PAIRS
    beyond: float = 1.25
    judged: int = 200  # fresh pairs that are judged while training
    judge_every: int = 100  # steps


HARD_PAPER = Hard(**vars(PAPER) | {"pairs": 10208}, seeds=20, rounds=20)
HARD_SMOKE = Hard(**vars(SMOKE), rates=(0.01,), keeps=(0.5,), seeds=2, rounds=1, drawn=12, judged=4, judge_every=8)


Key: TypeAlias = tuple[float, Variant]  # learning rate and variant


def chosen_variants(config: Hard) -> tuple[Variant, ...]:
    """The control, and selective dropout on either layer."""
    return (CONTROL, *(Variant(layer, keep) for layer in (CONV, DENSE) for keep in config.keeps))
