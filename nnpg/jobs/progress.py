"""How far the jobs are that are being done: each writes its share to a file, and the process with the bar reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnpg.support.progress import Advance, Report

PERIOD = 0.5  # seconds between two reports of a job, and between two looks at them

Reported = Callable[[str, float], None]  # takes a job's name, and the share of it that is done


class Shares:
    """The bar of all jobs: it advances by the jobs that have ended and by the shares of those that are being done."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._done: dict[str, float] = {}

    def reported(self, name: str, share: float) -> None:
        """Advance by what a job has done since it reported last; a job that begins again is not shown until there."""
        before = self._done.get(name, 0.0)
        if before < share <= 1:  # written so that a NaN fails too
            self._done[name] = share
            self._advance(share - before)

    def ended(self, name: str) -> None:
        """Advance by the rest of a job."""
        self._advance(1 - self._done.get(name, 0.0))
        self._done[name] = 1.0


def seldom(report: Report) -> Report:
    """Return a report that passes on no more than one share in each period."""
    last = -np.inf

    def passed_on(share: float) -> None:
        nonlocal last
        if (now := time.monotonic()) >= last + PERIOD:
            last = now
            report(share)

    return passed_on


@dataclass(frozen=True)
class Place:
    """Where one job writes its share. It never waits, and is the only one who writes there."""

    path: Path
    start: int  # in bytes

    def __call__(self, share: float) -> None:
        """Write a share. A file that is gone, or a full disk, is no reason for a job to fail."""
        with suppress(OSError), self.path.open("r+b") as file:
            file.seek(self.start)
            file.write(np.float64(share).tobytes())


class Board:
    """A file of one share for each job."""

    def __init__(self, path: Path, names: Iterable[str]) -> None:
        self.folder = path.parent
        self._path, self._places = path, {name: i for i, name in enumerate(names)}
        np.zeros(len(self._places)).tofile(path)

    def place(self, name: str) -> Place:
        """Return where a job writes its share; it can be sent to the process that does the job."""
        return Place(self._path, 8 * self._places[name])

    def show(self, reported: Reported) -> None:
        """Report the share of each job that has begun."""
        for name, share in zip(self._places, np.fromfile(self._path), strict=True):
            if share > 0:
                reported(name, float(share))
