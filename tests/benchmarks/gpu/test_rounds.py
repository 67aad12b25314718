"""A row's race: who does not agree is not timed, who cannot take part is listed with the reason, all take turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.gpu.contender import Absent, Contender, Offer, Taken, event_clock, host_clock
from benchmarks.gpu.rounds import Budget, Found, as_record, race

RIGHT = {"result": np.array([1.0, 2.0])}


class Clock:
    """A clock that goes on only when something is done."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def contender(name: str, clock: Clock, step: float, answer: Any = RIGHT, events: list[str] | None = None) -> Contender:
    def take(runs: int) -> Taken:
        clock.now += step * runs
        if events is not None:
            events.append(f"{name} {runs}")
        return Taken(step, 0.25 if name == "nnpg" else None)

    return Contender(name, take, 1, lambda: answer, "result", "host")


def run(offers: list[Offer], clock: Clock, until: float = 1000.0, step: float = 0.01, **settings: Any) -> Found:
    ours = contender("nnpg", clock, step)
    return race(ours, {"result": lambda: RIGHT}, offers, until, clock=clock, **settings)


def offer(one: Contender, seconds: float = 1.0) -> Offer:
    return Offer(one.name, seconds, lambda: one)


def failing(error: Exception) -> Callable[[], Contender]:
    def make() -> Contender:
        raise error

    return make


def test_a_wrong_answer_is_not_timed_and_is_listed() -> None:
    clock, events = Clock(), []  # type: ignore[var-annotated]
    wrong = contender("wrong", clock, 0.001, {"result": np.array([1.0, 2.1])}, events)
    right = contender("right", clock, 0.02, {"result": np.array([1.0, 2.00001])})
    found = run([offer(wrong), offer(right)], clock)
    assert found.disagrees
    assert found.left_out["wrong"].startswith("disagrees: result: differs by")
    assert events == []
    assert found.best is not None
    assert found.best.name == "right"
    assert found.best.agreement.startswith("within ")
    assert as_record(found)["ratio"] == pytest.approx(2)


def test_who_fails_or_is_absent_or_takes_too_long_is_listed_with_the_reason() -> None:
    clock = Clock()
    offers = [
        Offer("broken", 1, failing(RuntimeError("no kernel\nimage"))),
        Offer("missing", 1, failing(Absent("not installed"))),
        Offer("compiled", 60, failing(AssertionError("it was prepared"))),
    ]
    found = run(offers, clock, until=90.0)
    assert found.left_out == {
        "broken": "fails: RuntimeError: no kernel image",
        "missing": "absent: not installed",
        "compiled": "no time: about 60 s to prepare, and 54 s are left",
    }
    assert not found.disagrees
    assert found.theirs == []
    assert as_record(found)["ratio"] is None


def test_all_take_turns_and_rounds_shrink_to_fit() -> None:
    clock, events = Clock(), []  # type: ignore[var-annotated]
    one, two = contender("one", clock, 0.004, events=events), contender("two", clock, 0.01, events=events)
    found = run([offer(one), offer(two)], clock, rounds=3)
    assert events == ["one 1", "one 1", "two 1", "two 1", *["one 200", "two 50"] * 3]
    assert [t.rounds for t in (found.ours, *found.theirs)] == [3, 3, 3]
    assert found.ours.setup_ms == 250
    assert [t.steps_in_a_round for t in found.theirs] == [200, 50]
    few = run([offer(contender("slow", Clock(), 0.01))], clock := Clock(), until=1.0, step=0.004, rounds=7)
    assert few.ours.rounds == 1  # a round takes 0.8 s of our clock


def test_who_cannot_be_the_best_has_fewer_rounds() -> None:
    clock = Clock()
    others = {"fast": 0.01, "near": 0.029, "far": 0.031}
    found = run([offer(contender(name, clock, step)) for name, step in others.items()], clock, step=1.0, rounds=5)
    assert {one.name: one.rounds for one in found.theirs} == {"fast": 5, "near": 5, "far": 2}
    assert found.ours.rounds == 5


def test_where_time_is_short_lower_turns_are_prepared_first() -> None:
    clock = Clock()
    names = {"second": 2, "first": 0, "third": 3}
    offers = [Offer(name, 30, contender_of(name, clock), turn) for name, turn in names.items()]
    found = run(offers, clock, until=110.0)
    assert [one.name for one in found.theirs] == ["first", "second"]
    assert set(found.left_out) == {"third"}


def contender_of(name: str, clock: Clock) -> Callable[[], Contender]:
    """What takes 30 seconds to prepare a contender."""

    def make() -> Contender:
        clock.now += 30
        return contender(name, clock, 0.01)

    return make


def test_the_range_of_the_rounds_is_on_record() -> None:
    clock, steps = Clock(), iter([1.0, 1.0, 0.001, 0.003, 0.002])

    def take(runs: int) -> Taken:
        return Taken(next(steps))

    ours = Contender("nnpg", take, 1, dict, "result", "host")
    found = race(ours, {}, [], 10.0, rounds=3, clock=clock)
    assert (found.ours.us, found.ours.min_us, found.ours.spread) == pytest.approx((2000, 1000, 1.0))


def test_minutes_are_shared_out_among_the_rows_that_are_left() -> None:
    clock = Clock()
    budget = Budget(100, [1, 1, 2], clock)
    assert budget.next() == 25
    clock.now = 10  # sooner done than its share
    assert budget.next() == 40
    clock.now = 120  # too late
    assert budget.next() == 120


def test_a_clock_counts_steps() -> None:
    calls: list[str] = []
    take = host_clock(lambda: calls.append("run"), lambda: calls.append("wait"), 4)
    assert 0 <= take(3).step < 0.1
    assert calls == ["wait", "run", "run", "run", "wait"]

    class Event:
        def synchronize(self) -> None:
            calls.append("done")

        def elapsed_time(self, later: Event) -> float:
            return 24.0

    assert event_clock(lambda: None, Event, 4)(3).step == pytest.approx(2e-3)
