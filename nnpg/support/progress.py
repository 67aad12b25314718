"""A progress bar for long work: units done, figures, time left. Drawn on stderr, by default only on a terminal.

Work that is a part of other work draws no bar: its progress is reported, and shown in the bar of the whole.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from nnpg.support.arguments import as_flag

Advance = Callable[..., None]
Report = Callable[[float], None]  # takes the share of the work that is done, from 0 to 1

DIGITS = 6  # to which parts of units are added up: without it ten tenths are less than one

_report: ContextVar[Report | None] = ContextVar("report_of_progress", default=None)


@contextmanager
def progress_reported(report: Report) -> Iterator[None]:
    """Draw no bars inside, and report the share of the work that is done. Of a bar inside a bar nothing is reported.

    Examples
    --------
    >>> with progress_reported(print):
    ...     with progress_bar("training", 2, show=True) as advance:
    ...         advance(loss=0.5)
    ...         advance(loss=0.4)
    0.5
    1.0
    """
    before = _report.get()
    _report.set(report)
    try:
        yield
    finally:
        _report.set(before)


@contextmanager
def progress_bar(label: str, total: int, *, show: bool | None = None, done: int = 0) -> Iterator[Advance]:
    """Draw a bar and yield `advance(n=1, **figures)`, which shows the figures.

    Parameters
    ----------
    label : str
    total : int
        Units of work.
    show : bool, optional
        Whether to draw it; by default, only if stderr is a terminal. Inside `progress_reported` it is not drawn.
    done : int
        Units that an earlier run has done.

    Examples
    --------
    >>> with progress_bar("training", 2, show=False) as advance:
    ...     advance(loss=0.5)
    ...     advance(loss=0.4)
    """
    if show is not None:
        as_flag(show, "progress")
    if (report := _report.get()) is not None:
        with progress_reported(_to_nobody):
            yield _reporting(report, total, done)
        return
    if not (sys.stderr.isatty() if show is None else show):
        yield lambda n=1, **figures: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    units = float(done)
    # units of work may take minutes each: the time left is that at the mean speed, and not at that of half a minute
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=math.inf) as bar:
        task = bar.add_task(label, total=total, completed=done, figures="")

        def advance(n: float = 1, **figures: float) -> None:
            nonlocal units
            text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
            units = round(units + n, DIGITS)
            bar.update(task, completed=units, figures=text)

        yield advance


def _reporting(report: Report, total: int, done: int) -> Advance:
    units = float(done)

    def advance(n: float = 1, **figures: float) -> None:
        nonlocal units
        units += n
        report(min(1.0, units / total) if total else 1.0)

    return advance


def _to_nobody(share: float) -> None:
    """Report nothing."""
