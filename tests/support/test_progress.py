"""Progress bars: parts of units add up, the time left is that at the mean speed, and parts of other work report."""

from __future__ import annotations

import pytest
from rich.progress import Progress

from nnpg.support.progress import progress_bar, progress_reported


@pytest.fixture
def clock(monkeypatch):
    """The bar that is drawn, with a clock that only the test moves: [bar, seconds]."""
    found = [None, 0.0]
    start = Progress.start

    def started(bar):
        found[0] = bar
        bar.get_time = lambda: found[1]
        start(bar)

    monkeypatch.setattr(Progress, "start", started)
    return found


def test_parts_of_units_add_up_to_whole_ones(clock):
    with progress_bar("training", 3, show=True, done=1) as advance:
        for _ in range(10):
            advance(0.1)
        assert clock[0].tasks[0].completed == 2
        advance(1, loss=0.25)
        assert clock[0].tasks[0].completed == 3
        assert clock[0].tasks[0].fields["figures"] == "loss 0.25"


def test_the_time_left_is_known_where_a_unit_takes_minutes(clock):
    with progress_bar("networks", 6, show=True) as advance:
        for _ in range(3):
            clock[1] += 600
            advance()
        assert clock[0].tasks[0].time_remaining == 1800


def test_inside_other_work_a_bar_reports_its_share_and_is_not_drawn(capfd):
    shares, inner = [], []
    with progress_reported(shares.append):
        with progress_bar("outer", 4, show=True, done=1) as advance:
            with progress_reported(inner.append), progress_bar("a job of its own", 1, show=True) as advance_inner:
                advance_inner()
            with progress_bar("inside", 2, show=True) as advance_inside:
                advance_inside(2)
            advance(2)
            advance(1.0, loss=0.5)
        with progress_bar("nothing to do", 0, show=True) as advance:
            advance(0)
    assert (shares, inner) == ([0.75, 1.0, 1.0], [1.0])
    assert capfd.readouterr().err == ""
    with progress_bar("alone", 1, show=True) as advance:
        advance()
    assert "alone" in capfd.readouterr().err
