"""The result of a gradient check: rows, a table, JSON, and the error that names what is wrong."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from nnpg.support.tables import data_frame

if TYPE_CHECKING:
    import pandas


ROUNDING = 1e-12  # of the larger of two numbers: less than this is 0 in a calculation by hand


@dataclass(frozen=True)
class GradientRow:
    """The check of one array by one method.

    Parameters
    ----------
    layer : str
        Name of the layer in the network, or of its class.
    array : str
        "x", "W", "b", or for a whole network `deltas["conv1"]` and `gradients["conv1"]["W"]`.
    method : str
        "contract", "adjoint", "finite differences", "complex step" or "leading axes".
    error : float
        Largest relative error; NaN where nothing could be measured.
    passed : bool
    note : str
        The error and its likely cause, or the kink that was avoided.
    index : tuple of int, optional
        The worst entry of the array, if the check failed.
    analytic, numeric : float, optional
        This entry as backward or gradients return it, and as measured.
    """

    layer: str
    array: str
    method: str
    error: float
    passed: bool
    note: str = ""
    index: tuple[int, ...] | None = None
    analytic: float | None = None
    numeric: float | None = None

    def __str__(self) -> str:
        name = f"{self.layer}, {self.array}, {self.method}: "
        if self.index is None:
            return name + self.note
        largest = max(abs(self.analytic or 0.0), abs(self.numeric or 0.0))
        analytic, numeric = (_shown(value, largest) for value in (self.analytic, self.numeric))
        return f"{name}worst at {self.index}: analytic {analytic}, numeric {numeric}; {self.note}"


@dataclass(frozen=True)
class GradientReport:
    """All rows of a gradient check; prints as a table.

    Examples
    --------
    >>> report = GradientReport((GradientRow("tanh1", "x", "complex step", 2e-16, True),))
    >>> report.ok
    True
    >>> print(report)
    layer  array  method        error
    tanh1  x      complex step  2e-16  ok
    1 check, all passed
    """

    rows: tuple[GradientRow, ...]

    @property
    def ok(self) -> bool:
        """Whether every row passed."""
        return all(row.passed for row in self.rows)

    @property
    def failures(self) -> tuple[GradientRow, ...]:
        """The rows that did not pass."""
        return tuple(row for row in self.rows if not row.passed)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows for JSON; None where a number is not finite."""
        return [{key: _plain(value) for key, value in asdict(row).items()} for row in self.rows]

    def to_frame(self) -> pandas.DataFrame:
        """Return one row per check, with the fields of `GradientRow`."""
        return data_frame(
            [field.name for field in fields(GradientRow)], [tuple(row.values()) for row in self.to_dicts()]
        )

    def __str__(self) -> str:
        table = [("layer", "array", "method", "error", "")]
        for row in self.rows:
            verdict = "  ".join(filter(None, ["ok" if row.passed else "FAILED", row.note]))
            table.append((row.layer, row.array, row.method, f"{row.error:.0e}" if row.error else "0", verdict))
        widths = [max(len(line[column]) for line in table) for column in range(4)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(line, [*widths, 0], strict=True)).rstrip() for line in table]
        n, bad = len(self.rows), len(self.failures)
        verdict = f"{bad} failed" if bad else "all passed"
        return "\n".join([*lines, f"{n} check{'s' * (n != 1)}, {verdict}"])


class GradientCheckError(AssertionError):
    """A gradient is wrong. The message says where and what the likely cause is; `report` holds all rows."""

    def __init__(self, report: GradientReport) -> None:
        self.report = report
        first, *others = report.failures
        more = f"\n({len(others)} more rows failed: print(error.report))" if others else ""
        super().__init__(f"{first}{more}")


def _shown(value: float | None, largest: float) -> str:
    """Return a number as text; 0 where it is the rounding of another that is much larger."""
    assert value is not None  # of every row with an index
    return "0" if abs(value) < ROUNDING * largest else f"{value:.9g}"


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value
