"""Times that can be compared: A B A B in one process, so that a slow period of the machine affects all equally."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.contender import Contender

ROUND = 0.02  # seconds that a round lasts at least: quick calls are repeated
REST = 0.005  # seconds between two contenders, in which the threads of the last one stop spinning
SHORT = 0.1  # calls quicker than this are made once more before the clock starts: caches and threads are cold


@dataclass(frozen=True)
class Times:
    """Milliseconds per call, or per step where a call takes several; one number for each round."""

    rounds: tuple[float, ...]
    calls: int  # in each round

    @property
    def median(self) -> float:
        """Of the rounds."""
        return median(self.rounds)

    @property
    def minimum(self) -> float:
        """Of the rounds."""
        return min(self.rounds)


def interleaved(
    contenders: Sequence[Contender], rounds: int, *, at_least: float = ROUND, done: Callable[[], object] = lambda: None
) -> dict[str, Times]:
    """Time contenders in turn, round after round.

    Parameters
    ----------
    contenders : sequence of Contender
    rounds : int
    at_least : float
        Seconds that a round lasts at least.
    done : function
        Called after each round.

    Returns
    -------
    dict
        Times by the contender's name.
    """
    single = {c.name: _first(c) for c in contenders}
    calls = {name: max(1, math.ceil(at_least / seconds)) for name, seconds in single.items()}
    times: dict[str, list[float]] = {c.name: [] for c in contenders}
    gc.collect()
    for _ in range(rounds):
        for c in contenders:
            time.sleep(REST)
            with c.threads():
                if single[c.name] < SHORT:
                    c.call()
                times[c.name].append(_seconds(c, calls[c.name]) * 1e3 / c.steps)
        done()
    return {name: Times(tuple(ms), calls[name]) for name, ms in times.items()}


def _first(contender: Contender) -> float:
    """Time the second call: the first one may compile."""
    with contender.threads():
        contender.call()
        return _seconds(contender, 1)


def _seconds(contender: Contender, calls: int) -> float:
    """Seconds per call, the mean of several in a row."""
    began = time.perf_counter()
    for _ in range(calls):
        contender.call()
    return (time.perf_counter() - began) / calls
