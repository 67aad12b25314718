"""The results of `explain`: the terms of one number, forward and backward, and its derivative by measurement."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nnpg.explanation.terms import Terms
from nnpg.support.arguments import as_count
from nnpg.support.tables import by_hand, data_frame, text_table

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_COLUMNS = ("direction", "unit", "value", "slope", "product")
Row = tuple[object, ...]


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
    largest : float
        Largest magnitude among the outputs of the pass. Values that are only the rounding of this print as 0.
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
    largest: float = 0.0

    def __str__(self) -> str:
        return self.table()

    @property
    def is_unit(self) -> bool:
        """Whether the number is a unit's output, not a weight."""
        return self.symbol == "dL/do"

    @property
    def printed_value(self) -> float:
        """The value, 0 where it is only the rounding of its terms, or of the pass where it is no sum of terms."""
        affine = self.inputs is not None and self.constant is not None
        return by_hand(self.value, self._scale if affine else self.largest)

    @property
    def _scale(self) -> float:
        return self.inputs.scale + abs(self.constant or 0.0) if self.inputs is not None else 0.0

    @property
    def printed_derivative(self) -> float | None:
        """The derivative, 0 where it is only the rounding of its terms."""
        d, terms = self.derivative, self.readers
        return d if d is None or terms is None else by_hand(d, terms.scale)

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
        lines = [f"{self.name} = {self.printed_value:.6g}", f"forward: {self.formula}"]
        if self.inputs is None:
            return lines
        x = self.inputs
        if self.constant is None:
            words = f"depends on {len(x.index)} of {x.output}" if len(x.index) != 1 else ""
            rows: list[Row] = [row[:3] for row in x.printed(top, largest=self.largest, by_slope=True)] + _more(
                x, top, total=False
            )
            table = text_table((x.output, "x", "dy/dx"), rows)
            return [*lines, *filter(None, (self.substituted and f"that is: {self.substituted}", words)), table]
        ends: list[Row] = [
            ("constant", None, None, self.constant),
            ("sum", None, None, by_hand(x.total + self.constant, self._scale)),
        ]
        return [
            *lines,
            text_table(
                (x.output, "x", "dy/dx", "product"), [*x.printed(top, largest=self.largest), *_more(x, top), *ends]
            ),
        ]

    def _backward(self, top: int) -> list[str]:
        lines = [f"backward: L = {self.quantity} = {self.L:.6g}"]
        if self.derivative is None:
            return [*lines, "L does not depend on it: the seed enters at an earlier output"]
        lines = [f"{lines[0]}, {self.symbol} = {self.printed_derivative:.6g}"]
        y = self.readers
        if y is None:
            return [*lines, "the seed enters here: this is its entry"]
        ends: list[Row] = [("sum", None, None, by_hand(y.total, y.scale))]
        slope = f"dy/{self.symbol[-2:]}"
        table = text_table((y.output, "dL/dy", slope, "product"), [*y.printed(top), *_more(y, top), *ends])
        return [*lines, self.backward_formula, table]

    def _measured(self) -> list[str]:
        n = self.nudge
        foretold = self.printed_derivative
        if n is None or foretold is None:
            return []
        apart = f" (relative difference {n.error(foretold):.1e})" if foretold or not self.derivative else ""
        lines = [
            f"measured: moved by {-n.step:.3g} and {n.step:+.3g}, L is {n.low:.10g} and {n.high:.10g}",
            f"  foretold {foretold:.8g}, happened {n.slope:.8g}{apart}",
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
        return [(f"... {hidden} more; together", None, None, by_hand(terms.rest(top), terms.scale))]
    return [(f"... {hidden} more", None, None)]
