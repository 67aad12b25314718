"""What an experiment is, and what it returns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nnpg.analysis.statistics import Interval


class Row(NamedTuple):
    """One figure of the paper beside ours."""

    name: str
    paper: float | None
    ours: float
    low: float  # of the interval, which `interval` names; NaN where there is none
    high: float
    n: int
    unit: str = "fraction"
    interval: str = ""
    held: bool | None = None  # whether the paper's claim held here; None where it makes none


def row(
    name: str,
    paper: float | None,
    ours: float | Interval,
    n: int,
    *,
    unit: str = "fraction",
    interval: str = "",
    held: bool | None = None,
) -> Row:
    """Make a row from a value or a value with its interval."""
    value, low, high = ours if isinstance(ours, Interval) else (ours, math.nan, math.nan)
    return Row(name, paper, float(value), float(low), float(high), n, unit, interval, held)


def row_named(rows: Iterable[Row], name: str) -> Row:
    """Return the row of that name.

    Raises
    ------
    KeyError
        If no row has that name, or several have.

    Examples
    --------
    >>> rows = [row("error", None, 0.25, 4), row("seconds", None, 1.5, 1, unit="s")]
    >>> row_named(rows, "seconds").ours
    1.5
    """
    rows = list(rows)
    found = [row for row in rows if row.name == name]
    if len(found) != 1:
        raise KeyError(f"{len(found)} rows are named {name!r}; there are {', '.join(row.name for row in rows)}")
    return found[0]


def held_in_words(held: bool | None) -> str:
    """Return what a verdict says of a claim."""
    return "held" if held else "did not hold"


class Text(NamedTuple):
    """A table or listing that does not fit into rows, printed as it is."""

    title: str
    body: str


@dataclass(frozen=True)
class Result:
    """The result of a run: rows, a verdict in words, figures (paths in the run's folder), and other tables."""

    rows: tuple[Row, ...]
    verdict: str
    figures: tuple[str, ...] = ()
    texts: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Context:
    """Where a run reads and writes, and what it shares with other runs."""

    folder: Path  # of this run: figures go here
    models: Path  # trained networks, shared between runs
    data_dir: str | None
    seed: int | None  # None: the seed of the experiment's config
    backend: str
    progress: bool | None = None

    def seed_or(self, default: int) -> int:
        """Return the seed that was asked for, or the default where none was."""
        return default if self.seed is None else self.seed


@dataclass(frozen=True)
class Experiment:
    """An experiment: its id, the paper's table or figure, a config for each scale, and a pure seeded run."""

    id: str
    title: str
    source: str
    scales: dict[str, Any]  # "smoke", "quick", "paper" -> a frozen config
    run: Callable[[Any, Context], Result]
    notes: str = ""
