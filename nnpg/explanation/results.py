"""The results of `explain`: the terms of one number, forward and backward, and its derivative by measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnpg.explanation.addresses import address
from nnpg.support.arguments import as_count
from nnpg.support.tables import data_frame, text_table

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_COLUMNS = ("direction", "unit", "value", "slope", "product")
Row = tuple[object, ...]


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

    def rest(self, n: int) -> float:
        """Return the sum of the products of all but the n largest terms."""
        return math.fsum(self.products[self.order[as_count(n, "n", least=0) :]])


@dataclass(frozen=True)
class Nudge:
    """A derivative by measurement: one number moved by -step and +step, and what follows run again.

    Parameters
    ----------
    step : float
    low, high : float
        L with the number moved down and up.
    slope : float
        dL/do from the central differences of two steps, in which the errors of order step^2 cancel.
    below, above : float
        Slope of L on either side.
    kink : str
        The output where the slope jumps between -step and +step; "" where L is smooth.
    crossed : str
        The same for a larger step, which was tried first.
    """

    step: float
    low: float
    high: float
    slope: float
    below: float
    above: float
    kink: str
    crossed: str = ""

    def error(self, derivative: float) -> float:
        """Return the difference from a derivative, relative to the larger of the two.

        Examples
        --------
        >>> Nudge(0.5, -1.0, 1.0, 2.0, 2.0, 2.0, "").error(1.0)
        0.5
        """
        largest = max(abs(self.slope), abs(derivative))
        return abs(self.slope - derivative) / largest if largest else 0.0


@dataclass(frozen=True, eq=False)
class Explanation:
    """One number of a network and its arithmetic; prints as tables of its largest terms.

    Parameters
    ----------
    name : str
        Such as "conv2:3,4,5" or "conv2.W:3,1,0,2".
    value : float
    quantity : str
        What L is, such as "prob of class 3".
    L : float
        Its value.
    formula : str
        How the layer computes the unit; for a weight, how it computes the gradient. The first line of its docstring.
    substituted : str
        For a unit that reads one number and is not affine in it: the formula with the number put in; "" for others.
    inputs : Terms or None
        The inputs x_i that a unit reads, with dy/dx_i; None for a weight and for the image itself.
    constant : float or None
        y for the input 0 where y is affine in its inputs, so that y is the sum of the terms and this; else None.
    symbol : "dL/do" or "dL/dw"
        What the derivative is: of a unit or of a weight.
    derivative : float or None
        dL/do, the delta, or dL/dw; None for a unit after the output where the seed enters.
    backward_formula : str
        How the layer that reads the unit sends its delta back.
    readers : Terms or None
        The units y_j that read this number, with their deltas dL/dy_j and dy_j/do or dy_j/dw: the derivative is their
        sum. None where the seed enters, and after it.
    nudge : Nudge or None
        The derivative by measurement.
    """

    name: str
    value: float
    quantity: str
    L: float
    formula: str
    substituted: str
    inputs: Terms | None
    constant: float | None
    symbol: Literal["dL/do", "dL/dw"]
    derivative: float | None
    backward_formula: str
    readers: Terms | None
    nudge: Nudge | None

    def __str__(self) -> str:
        return self.table()

    @property
    def is_unit(self) -> bool:
        """Whether the number is a unit's output, not a weight."""
        return self.symbol == "dL/do"

    def table(self, top: int = 8) -> str:
        """Return the largest terms of both sums, the sums, and the measured derivative, as text."""
        top = as_count(top, "top", least=0)
        first = self._forward(top) if self.is_unit else [f"{self.name} = {self.value:.6g}"]
        parts = (first, self._backward(top), self._measured())
        return "\n\n".join("\n".join(lines) for lines in parts if lines)

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per term of both sums: direction, unit, value, slope, product."""
        return data_frame(_COLUMNS, self._rows())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as numbers and texts, all terms included."""
        terms = {"inputs": _dicts(self.inputs), "readers": _dicts(self.readers)}
        return {**vars(self), **terms, "nudge": None if self.nudge is None else dict(vars(self.nudge))}

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw both sums as patches of numbers; see `nnpg.plots.arithmetic_diagram`."""
        from nnpg.plots import arithmetic_diagram

        return arithmetic_diagram(self, path)

    def _rows(self) -> list[Row]:
        both = (("forward", self.inputs), ("backward", self.readers))
        return [(direction, *row) for direction, terms in both if terms is not None for row in terms.rows()]

    def _forward(self, top: int) -> list[str]:
        lines = [f"{self.name} = {self.value:.6g}", f"forward: {self.formula}"]
        if self.inputs is None:
            return lines
        x = self.inputs
        if self.constant is None:
            words = f"depends on {len(x.index)} of {x.output}" if len(x.index) != 1 else ""
            rows: list[Row] = [row[:3] for row in x.rows(top, by_slope=True)] + _more(x, top, total=False)
            table = text_table((x.output, "x", "dy/dx"), rows)
            return [*lines, *filter(None, (self.substituted and f"that is: {self.substituted}", words)), table]
        ends: list[Row] = [("constant", None, None, self.constant), ("sum", None, None, x.total + self.constant)]
        return [*lines, text_table((x.output, "x", "dy/dx", "product"), [*x.rows(top), *_more(x, top), *ends])]

    def _backward(self, top: int) -> list[str]:
        lines = [f"backward: L = {self.quantity} = {self.L:.6g}"]
        if self.derivative is None:
            return [*lines, "L does not depend on it: the seed enters at an earlier output"]
        lines = [f"{lines[0]}, {self.symbol} = {self.derivative:.6g}"]
        y = self.readers
        if y is None:
            return [*lines, "the seed enters here: this is its entry"]
        ends: list[Row] = [("sum", None, None, y.total)]
        slope = f"dy/{self.symbol[-2:]}"
        table = text_table((y.output, "dL/dy", slope, "product"), [*y.rows(top), *_more(y, top), *ends])
        return [*lines, self.backward_formula, table]

    def _measured(self) -> list[str]:
        n = self.nudge
        if n is None or self.derivative is None:
            return []
        lines = [
            f"measured: moved by {-n.step:.3g} and {n.step:+.3g}, L is {n.low:.10g} and {n.high:.10g}",
            f"  foretold {self.derivative:.8g}, happened {n.slope:.8g} (relative difference "
            f"{n.error(self.derivative):.1e})",
        ]
        if n.kink:
            lines.append(f"  kink: {n.kink}; below {n.below:.6g}, above {n.above:.6g}")
        if n.crossed:
            lines.append(f"  a larger step crosses a kink: {n.crossed}")
        return lines


def _dicts(terms: Terms | None) -> list[dict[str, object]] | None:
    return None if terms is None else [dict(zip(_COLUMNS[1:], row, strict=True)) for row in terms.rows()]


def _more(terms: Terms, top: int, total: bool = True) -> list[Row]:
    """Return the line of the terms that are not shown, if there are any."""
    hidden = len(terms.index) - top
    if hidden <= 0:
        return []
    if total:
        return [(f"... {hidden} more; together", None, None, terms.rest(top))]
    return [(f"... {hidden} more", None, None)]
