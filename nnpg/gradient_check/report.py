"""The result of a gradient check: rows, a table, JSON, and the error that names what is wrong."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from nnpg.support.tables import data_frame, text_table

if TYPE_CHECKING:
    import pandas


ROUNDING = 1e-12  # of the larger of two numbers: less than this is 0 in a calculation by hand
DIFFERENCES, EXACT = "finite differences", ("adjoint", "complex step", "leading axes")  # the exact ones only round


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
    """All rows of a gradient check; prints as a table. `summary()` is shorter for a network.

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

    def summary(self) -> str:
        """Return a line for each layer by itself and for the whole network, then each failure in full.

        Examples
        --------
        >>> import nnpg
        >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(4,), rng=0)
        >>> print(nnpg.gradcheck(net).summary())
        checked        arrays         checks  finite differences  exact methods
        dense1         x, W, b            10                ...e-...         ...e-...  ok
        softmax1       x                   3                ...e-...         ...e-...  ok
        whole network  deltas              4                ...e-...         ...e-...  ok
        whole network  gradients           4                ...e-...         ...e-...  ok
        whole network  stacked seeds       1                   -         ...  ok
        22 checks, all passed
        """
        groups: dict[tuple[str, str], list[GradientRow]] = {}
        for row in self.rows:
            groups.setdefault(_group(row), []).append(row)
        header = ("checked", "arrays", "checks", DIFFERENCES, "exact methods", "")
        lines = []
        for (checked, arrays), rows in groups.items():
            arrays = arrays or ", ".join(dict.fromkeys(row.array for row in rows if row.method != "contract"))
            errors = (_largest_error(rows, (DIFFERENCES,)), _largest_error(rows, EXACT))
            lines.append((checked, arrays or "-", len(rows), *errors, _verdict(rows)))
        failures = ["", *map(str, self.failures)] if self.failures else []
        return "\n".join([text_table(header, lines), *failures, self._counts()])

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
        return "\n".join([*lines, self._counts()])

    def _counts(self) -> str:
        n, bad = len(self.rows), len(self.failures)
        return f"{n} check{'s' * (n != 1)}, {f'{bad} failed' if bad else 'all passed'}"


class GradientCheckError(AssertionError):
    """A gradient is wrong. The message says where and what the likely cause is; `report` holds all rows."""

    def __init__(self, report: GradientReport) -> None:
        self.report = report
        first, *others = report.failures
        more = f"\n({len(others)} more rows failed: print(error.report))" if others else ""
        super().__init__(f"{first}{more}")


def _group(row: GradientRow) -> tuple[str, str]:
    """Return what a row is about in a summary: a layer by itself, or a kind of array of the whole network."""
    for kind in ("deltas", "gradients"):
        if row.array.startswith(f"{kind}["):
            return "whole network", kind
    return ("whole network", "stacked seeds") if row.method == "leading axes" else (row.layer, "")


def _largest_error(rows: list[GradientRow], methods: tuple[str, ...]) -> str | None:
    errors = [row.error for row in rows if row.method in methods]
    largest = max(errors, key=lambda error: (math.isnan(error), error), default=None)  # NaN is the worst
    return None if largest is None else f"{largest:.0e}" if largest else "0"


def _verdict(rows: list[GradientRow]) -> str:
    """Return "ok" with the count of what was avoided, or how many rows failed."""
    failed = sum(not row.passed for row in rows)
    if failed:
        return f"{failed} FAILED"
    kinks, imprecise = (sum(kind in row.note for row in rows) for kind in ("kink: ", "imprecise: "))
    notes = (f"{kinks} kink{'s' * (kinks > 1)} avoided" * bool(kinks), f"{imprecise} imprecise" * bool(imprecise))
    return "  ".join(filter(None, ["ok", ", ".join(filter(None, notes))]))


def _shown(value: float | None, largest: float) -> str:
    """Return a number as text; 0 where it is the rounding of another that is much larger."""
    assert value is not None  # of every row with an index
    return "0" if abs(value) < ROUNDING * largest else f"{value:.9g}"


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value
