"""The terms of a sum: values of units, each with a slope."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnpg.explanation.addresses import address
from nnpg.support.arguments import as_count
from nnpg.support.tables import by_hand


@dataclass(frozen=True, eq=False)
class Terms:
    """Values of some units of one output, each with a slope; their products add up.

    Parameters
    ----------
    output : str
        Name of the output.
    index : array (R, axes)
        Index of each unit, without the image.
    values : array (R,)
        Forward the inputs x_i, backward the deltas dL/dy_j.
    slopes : array (R,)
        dy_j/dx_i, or dy_j/dw.

    Examples
    --------
    >>> terms = Terms("tanh1", np.array([[0], [2]]), np.array([0.5, 2.0]), np.array([1.0, -1.0]))
    >>> terms.total, terms.names, terms.order.tolist()
    (-1.5, ('tanh1:0', 'tanh1:2'), [1, 0])
    """

    output: str
    index: NDArray[np.int64]
    values: NDArray[np.float64]
    slopes: NDArray[np.float64]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each unit."""
        return tuple(address(self.output, index) for index in self.index)

    @property
    def products(self) -> NDArray[np.float64]:
        """Value times slope, (R,)."""
        return self.values * self.slopes

    @property
    def total(self) -> float:
        """Sum of the products."""
        return math.fsum(self.products)

    @property
    def order(self) -> NDArray[np.int64]:
        """Positions of the terms, largest product first."""
        return np.argsort(-np.abs(self.products), kind="stable")

    def rows(self, n: int | None = None, *, by_slope: bool = False) -> list[tuple[str, float, float, float]]:
        """Return the name, value, slope and product of the n largest terms, or of the n with the largest slopes."""
        order = np.argsort(-np.abs(self.slopes), kind="stable") if by_slope else self.order
        chosen = order[: None if n is None else as_count(n, "n", least=0)]
        columns = (self.values[chosen], self.slopes[chosen], self.products[chosen])
        names = [address(self.output, self.index[i]) for i in chosen]
        return list(zip(names, *(column.tolist() for column in columns), strict=True))

    @property
    def scale(self) -> float:
        """Sum of the magnitudes of the products: the total rounds as numbers of this size."""
        return math.fsum(abs(self.products))

    def printed(self, n: int, *, largest: float = 0.0, by_slope: bool = False) -> list[tuple[str, float, float, float]]:
        """Return `rows` to print: 0 for the rounding of the largest of a column, or of values as large as `largest`."""
        scales = [
            float(abs(column).max(initial=least)) for column, least in ((self.values, largest), (self.slopes, 0.0))
        ]
        return [
            (name, *(by_hand(v, scale) for v, scale in zip(row, (*scales, self.scale), strict=True)))  # type: ignore[misc]
            for name, *row in self.rows(n, by_slope=by_slope)
        ]

    def rest(self, n: int) -> float:
        """Return the sum of the products of all but the n largest terms."""
        return math.fsum(self.products[self.order[as_count(n, "n", least=0) :]])
