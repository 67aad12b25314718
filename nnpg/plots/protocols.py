"""What figures need of results. Results import this package to draw themselves, so it imports none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from nnpg_kernels import Array


@runtime_checkable
class EpochLike(Protocol):
    """One epoch of a training, such as `nnpg.Epoch`; errors are fractions."""

    @property
    def epoch(self) -> int:
        """Number of the epoch."""

    @property
    def loss(self) -> float:
        """Mean loss."""

    @property
    def error(self) -> float:
        """Error on the training images."""

    @property
    def validation_error(self) -> float | None:
        """Error on held-out images, where there are any."""


@runtime_checkable
class IntervalLike(Protocol):
    """A value and the ends of its interval, such as `nnpg.analysis.statistics.Interval`."""

    @property
    def value(self) -> float:
        """The value."""

    @property
    def low(self) -> float:
        """Lower end."""

    @property
    def high(self) -> float:
        """Upper end."""


@runtime_checkable
class ReceptiveFieldLike(Protocol):
    """What the units of a feature map see, such as `nnpg.maps.receptive_fields.ReceptiveField`."""

    def box(self, i: int, j: int) -> tuple[int, int, int, int]:
        """Return what unit (i, j) sees as (top, left, height, width), pixels."""


@runtime_checkable
class KnockoutLike(Protocol):
    """Errors while T filters are knocked out one after the other, such as `nnpg.Knockout`."""

    @property
    def filters(self) -> Sequence[object]:
        """The T filters in their order; `str` gives their names."""

    @property
    def labels(self) -> Array:
        """True classes, (N,)."""

    @property
    def K(self) -> int:
        """Number of classes."""

    @property
    def overall_error(self) -> Array:
        """Fraction of all images that are wrong after each step, (T + 1,)."""

    @property
    def modes(self) -> Array:
        """The class predicted most often for the images of each class, (T + 1, K)."""

    def class_error(self, c: int) -> Array:
        """Return the fraction of the images of class c that are wrong after each step, (T + 1,)."""


@runtime_checkable
class FilterScoresLike(Protocol):
    """A score for every filter, one row per image or class, such as `nnpg.FilterScores`."""

    @property
    def scores(self) -> Mapping[str, Array]:
        """scores["pool1"] is an array (R, F)."""

    @property
    def rows(self) -> Sequence[str]:
        """Names of the R rows."""

    @property
    def description(self) -> str:
        """What a score is, in words."""

    def row_index(self, row: int | str) -> int:
        """Return the index of a row, given its name or index."""


@runtime_checkable
class TermsLike(Protocol):
    """Values of some units of an output and their slopes, such as `nnpg.explanation.Terms`."""

    @property
    def output(self) -> str:
        """Name of the output."""

    @property
    def index(self) -> Array:
        """Index of each unit, (R, axes)."""

    @property
    def values(self) -> Array:
        """Inputs or deltas, (R,)."""

    @property
    def slopes(self) -> Array:
        """Derivatives, (R,)."""

    @property
    def total(self) -> float:
        """Sum of values times slopes."""


@runtime_checkable
class NudgeLike(Protocol):
    """A derivative by measurement, such as `nnpg.explanation.Nudge`."""

    @property
    def slope(self) -> float:
        """The derivative."""

    @property
    def kink(self) -> str:
        """The output whose slope jumps, in words; "" for none."""


@runtime_checkable
class ExplanationLike(Protocol):
    """One number of a network and its arithmetic, such as `nnpg.Explanation`."""

    @property
    def name(self) -> str:
        """Name of the unit or weight."""

    @property
    def value(self) -> float:
        """Its value."""

    @property
    def is_unit(self) -> bool:
        """Whether it is a unit, not a weight."""

    @property
    def quantity(self) -> str:
        """What L is, in words."""

    @property
    def L(self) -> float:
        """Value of L."""

    @property
    def formula(self) -> str:
        """How it is computed."""

    @property
    def substituted(self) -> str:
        """The formula with the number put in."""

    @property
    def inputs(self) -> TermsLike | None:
        """What a unit is computed from."""

    @property
    def constant(self) -> float | None:
        """What is added to the sum of the terms, where a unit is such a sum."""

    @property
    def symbol(self) -> str:
        """Name of the derivative, "dL/do" or "dL/dw"."""

    @property
    def derivative(self) -> float | None:
        """Its value, where there is one."""

    @property
    def backward_formula(self) -> str:
        """How it is computed."""

    @property
    def readers(self) -> TermsLike | None:
        """The terms of which it is the sum."""

    @property
    def nudge(self) -> NudgeLike | None:
        """The derivative by measurement."""

    @property
    def largest(self) -> float:
        """Largest magnitude among the outputs of the pass, of which some values are only the rounding."""
