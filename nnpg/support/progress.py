"""A progress bar for long work: units done, figures, time left. Drawn on stderr, by default only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nnpg.support.arguments import as_flag

Advance = Callable[..., None]


@contextmanager
def progress_bar(label: str, total: int, *, show: bool | None = None, done: int = 0) -> Iterator[Advance]:
    """Draw a bar and yield `advance(n=1, **figures)`, which shows the figures.

    Parameters
    ----------
    label : str
    total : int
        Units of work.
    show : bool, optional
        Whether to draw it; by default, only if stderr is a terminal.
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
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total, completed=done, figures="")

        def advance(n: int = 1, **figures: float) -> None:
            text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
            bar.update(task, advance=n, figures=text)

        yield advance
