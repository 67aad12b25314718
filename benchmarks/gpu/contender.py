"""One way of doing a row on the device: what is timed and by which clock, and the answer that is compared before."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.contender import Answer

STEPS = 200  # of a round, at least
LONG = 5e-3  # seconds: of steps longer than this a round has fewer
ROUND = 0.5  # seconds of such a round
LINE = 300  # characters of a reason why there is no time
LATER = 16  # steps in a graph, and steps after which the parameters are compared


class Taken(NamedTuple):
    """Seconds of one step, and of what comes before the first step of a call, where that can be told apart."""

    step: float
    setup: float | None = None


@dataclass(frozen=True)
class Contender:
    """A prepared way of doing a row.

    Parameters
    ----------
    name : str
    take : function of a number of runs
        Times so many runs in a row.
    steps : int
        Steps of one run.
    answer : function
        What is compared, as NumPy arrays.
    asks : "two", "later" or "result"
        With which of our answers: the first two steps of a training, its first `LATER`, or the result of a call.
    clock : str
        "device events" or "host".
    computed : mapping
        Of ours: how each task was computed, filled by the first run.
    least : float
        Seconds that a round lasts at least: more where a step is the difference of two times.
    """

    name: str
    take: Callable[[int], Taken]
    steps: int
    answer: Callable[[], Answer]
    asks: str
    clock: str
    computed: dict[str, set[str]] = field(default_factory=dict)
    least: float = 0.0

    def runs(self, seconds: float, *, quick: bool) -> int:
        """Return how many runs are a round, where a step takes so many seconds.

        Examples
        --------
        >>> a = Contender("a", lambda n: Taken(0), 16, dict, "later", "host")
        >>> a.runs(1e-4, quick=False), a.runs(0.02, quick=False), a.runs(1e-4, quick=True)
        (13, 2, 1)
        """
        if quick:
            return 1
        steps = STEPS if seconds <= LONG else ROUND / seconds
        return max(1, math.ceil(max(steps, self.least / seconds) / self.steps))


class Offer(NamedTuple):
    """A contender that is not prepared yet.

    Parameters
    ----------
    name : str
    seconds : float
        About how many it takes to prepare.
    make : function
    turn : int
        Where the time is short, lower ones are prepared first: those that are soon ready, or likely the fastest.
    """

    name: str
    seconds: float
    make: Callable[[], Contender]
    turn: int = 0


class Absent(RuntimeError):
    """A contender cannot take part. The message says why."""


def failure(error: Exception) -> str:
    """Return on one line why something has no time.

    Examples
    --------
    >>> failure(RuntimeError("no  kernel image"))
    'fails: RuntimeError: no kernel image'
    """
    return f"fails: {type(error).__name__}: {' '.join(str(error).split())}"[:LINE]


def host_clock(run: Callable[[], object], wait: Callable[[], object], steps: int) -> Callable[[int], Taken]:
    """Return `take` of a contender by the host's clock; `wait` returns when the device has done all."""

    def take(runs: int) -> Taken:
        wait()
        began = time.perf_counter()
        for _ in range(runs):
            run()
        wait()
        return Taken((time.perf_counter() - began) / runs / steps)

    return take


def event_clock(run: Callable[[], object], event: Callable[[], Any], steps: int) -> Callable[[int], Taken]:
    """Return `take` by events of the device around the runs.

    Parameters
    ----------
    run : function
    event : function
        Records an event now, and returns it; it has `synchronize` and `elapsed_time(later)` in milliseconds.
    steps : int
    """

    def take(runs: int) -> Taken:
        begun = event()
        for _ in range(runs):
            run()
        done = event()
        done.synchronize()
        return Taken(begun.elapsed_time(done) * 1e-3 / runs / steps)

    return take
