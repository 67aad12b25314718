"""What a record says about each claim of its paper: one line a claim, however many rows judge it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

from experiments.page import ends, without_rounding
from experiments.records.reading import Record, is_old
from nnpg.analysis.verdicts import Verdict

NUMBER = re.compile(r"\d[\d.,]*%?")
MOST_ALONE = 6  # rows without a quoted claim that have a line each
Row = dict[str, Any]


class Line(NamedTuple):
    """A claim and what became of it, as texts: every field is a cell of a table."""

    id: str
    claim: str  # "" where no words of the paper are quoted
    measured: str
    paper: str
    ours: str
    n: str
    scale: str
    verdict: str


def lines_of(record: Record) -> list[Line]:
    """Return a line for each claim that a record judges.

    Claims that differ in their numbers alone, such as the cells of a table, share a line. Rows that judge what no words
    of the paper are quoted for have a line each, or share one where they are many.
    """
    judged = [row for row in record["rows"] if row["verdict"] is not None]
    alone = sum(not row["claim"] for row in judged) <= MOST_ALONE
    groups: dict[str, list[Row]] = {}
    for row in judged:
        key = row["name"] if alone and not row["claim"] else NUMBER.sub("#", row["claim"])
        groups.setdefault(key, []).append(row)
    return [_line(record, rows) for rows in groups.values()]


def scale_of(record: Record) -> str:
    """Return at which scale a record was run, and whether it is old."""
    return f"{record['scale']}, old" if is_old(record) else str(record["scale"])


def counted(verdicts: Sequence[str | None]) -> str:
    """Return how many rows have each verdict.

    Examples
    --------
    >>> counted(["open", "held", "open"]), counted(["held"])
    ('held in 1 of 3, open in 2', 'held')
    """
    counts = Counter(verdict for verdict in verdicts if verdict is not None)
    found = [verdict for verdict in get_args(Verdict) if counts[verdict]]
    if len(found) == 1:
        return found[0] if counts[found[0]] == 1 else f"{found[0]} in {counts[found[0]]} of {counts[found[0]]}"
    total = counts.total()
    said = [f"{verdict} in {counts[verdict]}" for verdict in found]
    return ", ".join([f"{said[0]} of {total}", *said[1:]]) if said else "no claim"


def quantity(value: float | None, unit: str) -> str:
    """Return a number with three digits; a fraction in per cent, where the rounding of a difference counts as 0.

    Examples
    --------
    >>> quantity(2 / 41, "fraction"), quantity(124.52, "ratio"), quantity(None, "ratio")
    ('4.88%', '125', '-')
    >>> quantity(0.1 + 0.2 - 0.3, "fraction"), quantity(0.3 - (0.1 + 0.2), "fraction"), quantity(1e-9, "fraction")
    ('0%', '0%', '1e-07%')
    """
    if value is None:
        return "-"
    if unit != "fraction":
        return f"{value:.3g}"
    return f"{100 * without_rounding(value, unit):.3g}%"


def ours_of(row: Row) -> str:
    """Return our number with its interval and unit."""
    return _with_unit(value_of(row), row["unit"])


def value_of(row: Row) -> str:
    """Return our number with its interval, without its unit."""
    value, between = quantity(row["ours"], row["unit"]), ends(row, lambda end: quantity(end, row["unit"]))
    return f"{value} ({between})" if between else value


def ranges(rows: Sequence[Row], key: str) -> str:
    """Return from which to which the numbers of several rows go, for each unit.

    Examples
    --------
    >>> rows = [{"ours": 0.5, "unit": "fraction"}, {"ours": 3, "unit": "ratio"}, {"ours": 0.25, "unit": "fraction"}]
    >>> ranges(rows, "ours")
    '25% to 50%; 3 ratio'
    """
    of_units: dict[str, list[float]] = {}
    for row in rows:
        if row[key] is not None:
            of_units.setdefault(row["unit"], []).append(row[key])
    texts = []
    for unit, values in of_units.items():
        ends = dict.fromkeys(quantity(value, unit) for value in (min(values), max(values)))
        texts.append(_with_unit(" to ".join(ends), unit))
    return "; ".join(texts) or "-"


def _with_unit(text: str, unit: str) -> str:
    return text if unit == "fraction" else f"{text} {unit}".rstrip()


def _line(record: Record, rows: list[Row]) -> Line:
    claims = list(dict.fromkeys(row["claim"] for row in rows))
    claim = claims[0] + (f", and {len(claims) - 1} more such numbers" if len(claims) > 1 else "")
    first, *others = (row["name"] for row in rows)
    measured = first + (f", and {len(others)} more" if others else "")
    return Line(
        record["id"],
        claim,
        measured,
        ranges(rows, "paper"),
        ranges(rows, "ours") if others else ours_of(*rows),
        ", ".join(dict.fromkeys(f"{row['n']:,} {row['over']}" for row in rows)),
        scale_of(record),
        counted([row["verdict"] for row in rows]),
    )
