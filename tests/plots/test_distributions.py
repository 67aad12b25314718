"""Interval plots and scatter plots draw the numbers that they are given, and refuse others."""

import math

import pytest

from nnpg.analysis.statistics import Interval
from nnpg.plots import Measured, Pairs, interval_plot, scatter_panels

VALUES = {"ours": Interval(0.4, 0.3, 0.6), "random": Interval(0.1, math.nan, math.nan)}


def test_an_interval_plot_shows_each_value_and_its_interval():
    figure = interval_plot([Measured("a", VALUES, "area"), Measured("b", VALUES, "area")], highlight="ours", columns=1)
    top, bottom = figure.axes
    drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in top.lines]
    assert ([0.3, 0.6], [0, 0]) in drawn
    assert ([0.4], [0]) in drawn
    assert ([0.1], [1]) in drawn
    assert not any(math.isnan(x) for xs, _ in drawn for x in xs)
    assert (top.get_xlabel(), bottom.get_xlabel()) == ("", "area")
    assert top.get_ylim() == (1.5, -0.5)


def test_all_panels_of_pairs_show_the_same_range():
    figure = scatter_panels([Pairs("a", [0, 1], [0, 4]), Pairs("b", [-1, 1], [0, 1])], xlabel="x", ylabel="y")
    first, second = figure.axes
    assert first.get_xlim() == first.get_ylim() == second.get_xlim() == pytest.approx((-1.15, 4.15))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: interval_plot([]), "at least one Measured object"),
        (lambda: interval_plot([Measured("a", {}, "")]), "names: nothing"),
        (
            lambda: interval_plot([Measured("a", VALUES, ""), Measured("b", {"x": VALUES["ours"]}, "")]),
            "must name what",
        ),
        (
            lambda: interval_plot([Measured("a", {"x": Interval(math.nan, 0, 1)}, "")]),
            "panel 'a', values 'x' must be a finite number, not nan",
        ),
        (
            lambda: interval_plot([Measured("a", VALUES, "")], highlight="us"),
            "highlight must be 'ours' or 'random', not 'us'",
        ),
        (lambda: scatter_panels([], xlabel="", ylabel=""), "at least one Pairs object"),
        (lambda: scatter_panels([Pairs("p", [1], [1, 2])], xlabel="", ylabel=""), "panel 'p': x and y must be pairs"),
    ],
)
def test_wrong_arguments_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
