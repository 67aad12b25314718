"""One row from agreement to times: nobody is timed who does not agree with us, and nobody is dropped in silence."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from benchmarks.contender import Answer
from benchmarks.gpu.contender import Absent, Contender, Offer, Taken, failure
from benchmarks.measuring.agreement import Disagreement, check

ROUNDS = 7
SLOW, ROUNDS_OF_SLOW = 3.0, 2  # a competitor that takes so many times as long as the quickest has fewer rounds
SETTLING = 8  # runs from which a step is estimated, where it is the difference of two times
PREPARATION = 0.6  # of a row's time, at most


class Budget:
    """Seconds for all rows, shared out among those that are left."""

    def __init__(self, seconds: float, shares: Iterable[float], clock: Callable[[], float] = time.monotonic) -> None:
        self.shares, self.clock = list(shares), clock
        self.end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self.end - self.clock()

    def next(self) -> float:
        """Return the time by which the next row should be done.

        Examples
        --------
        >>> budget = Budget(60, [1, 2], clock=lambda: 0.0)
        >>> budget.next(), budget.next()
        (20.0, 60.0)
        """
        rest = sum(self.shares)
        return self.clock() + max(0.0, self.left) * self.shares.pop(0) / rest


@dataclass(frozen=True)
class Times:
    """What is on record of one contender. Microseconds are of one step; spread is the range of the rounds over it."""

    name: str
    us: float
    min_us: float
    spread: float
    rounds: int
    steps_in_a_round: int
    clock: str
    agreement: str = ""
    setup_ms: float | None = None
    first_s: float | None = None
    computed: str = ""


@dataclass
class Found:
    """All of a row: our times, theirs, and who has none and why."""

    ours: Times
    theirs: list[Times] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    disagrees: bool = False

    @property
    def best(self) -> Times | None:
        """The competitor with the least median."""
        return min(self.theirs, key=lambda one: one.us, default=None)


def in_words(computed: dict[str, set[str]]) -> str:
    """Return how the tasks of a call are computed.

    Examples
    --------
    >>> in_words({"train": {"compiled"}}), in_words({})
    ('compiled', 'layer by layer')
    """
    return "; ".join(sorted({way for ways in computed.values() for way in ways})) or "layer by layer"


def race(
    ours: Contender,
    answers: dict[str, Callable[[], Answer]],
    offers: Sequence[Offer],
    until: float,
    *,
    norms: bool = False,
    rounds: int = ROUNDS,
    quick: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Prepare all, compare their answers with ours, and time those that agree in turn, round after round.

    Parameters
    ----------
    ours : Contender
    answers : mapping
        Our answer to each question of `Contender.asks`.
    offers : sequence of Offer
    until : float
        The time of `clock` by which the row should be done: who takes longer to prepare is left out, and rounds stop.
    norms : bool
        See `measuring.agreement.check`.
    rounds : int
        At most.
    quick : bool
        One round of one run, and no limit of time.
    """
    began = clock()
    ready = began + (until - began) * PREPARATION
    agreed, agreements, left_out, disagrees = [ours], {}, {}, False
    first, estimate = {}, {}
    first[ours.name], estimate[ours.name] = _warm(ours, clock, quick)
    for offer in sorted(offers, key=lambda offer: offer.turn):
        if not quick and clock() + offer.seconds > ready:
            left = max(0.0, ready - clock())
            left_out[offer.name] = f"no time: about {offer.seconds:g} s to prepare, and {left:.0f} s are left"
            continue
        try:
            one = offer.make()
            agreements[one.name] = check(answers[one.asks](), one.answer(), norms=norms)
            first[one.name], estimate[one.name] = _warm(one, clock, quick)
            agreed.append(one)
        except Disagreement as error:
            left_out[offer.name], disagrees = f"disagrees: {error}", True
        except Absent as error:
            left_out[offer.name] = f"absent: {error}"
        except Exception as error:
            left_out[offer.name] = failure(error)
    taken = _rounds(agreed, estimate, until, 1 if quick else rounds, quick, clock)
    times = [_times(one, taken[one.name], agreements.get(one.name, ""), first[one.name], quick) for one in agreed]
    return Found(times[0], times[1:], left_out, disagrees)


def _warm(one: Contender, clock: Callable[[], float], quick: bool) -> tuple[float, float]:
    """Seconds of the first run, which may compile, and those of a step in the second."""
    began = clock()
    step = one.take(1).step
    first = clock() - began
    runs = SETTLING if one.least else 1
    return first, max(step if quick else one.take(runs).step, 1e-6)


def _rounds(
    contenders: Sequence[Contender],
    estimate: dict[str, float],
    until: float,
    rounds: int,
    quick: bool,
    clock: Callable[[], float],
) -> dict[str, list[tuple[Taken, int]]]:
    """What each took in each round; one round at least, and fewer of those that cannot be the best."""
    taken: dict[str, list[tuple[Taken, int]]] = {one.name: [] for one in contenders}
    quickest = min((estimate[one.name] for one in contenders[1:]), default=0.0)
    slow = {one.name for one in contenders[1:] if estimate[one.name] > SLOW * quickest}
    gc.collect()
    for turn in range(rounds):
        began = clock()
        for one in contenders:
            if turn >= ROUNDS_OF_SLOW and one.name in slow:
                continue
            runs = one.runs(estimate[one.name], quick=quick)
            taken[one.name].append((one.take(runs), runs * one.steps))
        if clock() + (clock() - began) > until and not quick:
            break
    return taken


def _times(one: Contender, taken: list[tuple[Taken, int]], agreement: str, first: float, quick: bool) -> Times:
    steps = [t.step * 1e6 for t, _ in taken]
    setups = [t.setup * 1e3 for t, _ in taken if t.setup is not None]
    middle = median(steps)
    return Times(
        name=one.name,
        us=middle,
        min_us=min(steps),
        spread=(max(steps) - min(steps)) / middle if middle > 0 else 0.0,
        rounds=len(taken),
        steps_in_a_round=taken[0][1],
        clock=one.clock,
        agreement=agreement,
        setup_ms=median(setups) if setups else None,
        first_s=first,
        computed=in_words(one.computed) if one.name == "nnpg" else "",
    )


def as_record(found: Found) -> dict[str, Any]:
    """Return what is on record of a row's times."""
    best = found.best
    return {
        "ours": asdict(found.ours),
        "theirs": [asdict(one) for one in sorted(found.theirs, key=lambda one: one.us)],
        "left_out": dict(found.left_out),
        "disagrees": found.disagrees,
        "best": best.name if best else None,
        "ratio": best.us / found.ours.us if best else None,
        "ratio_min": best.min_us / found.ours.min_us if best else None,
    }
