"""Interval plots, matrices and map sheets draw the numbers they are given, and refuse what they cannot."""

import math

import numpy as np
import pytest

from nnpg.plots import Measured, feature_maps, interval_plot, matrix_panels
from nnpg.statistics import Interval

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


def test_matrices_share_one_scale_and_keep_their_rows():
    m = np.arange(18.0).reshape(2, 3, 3)
    figure = matrix_panels(m, titles=["x", "y"])
    pictures = [ax.images[0] for ax in figure.axes[:2]]
    np.testing.assert_array_equal(pictures[1].get_array(), m[1])
    assert {p.get_clim() for p in pictures} == {(0.0, 17.0)}
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["1", "2", "3"]
    assert matrix_panels(m, titles=["x", "y"], limits=(0, 20)).axes[0].images[0].get_clim() == (0, 20)


def test_a_map_sheet_holds_every_map_of_every_image():
    rng = np.random.default_rng(0)
    maps = {"conv1": rng.random((2, 3, 4, 4)), "conv2": rng.random((2, 2, 2, 2))}
    figure = feature_maps(rng.random((2, 1, 6, 6)), maps)
    drawn = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    own = [one for n in range(2) for layer in maps.values() for one in layer[n]]
    assert len(drawn) == 2 + len(own)
    found = [image for image in drawn if image.ndim == 2]
    assert all((a == b).all() for a, b in zip(found, own, strict=True))
    limits = [image.get_clim() for image in figure.axes[0].images if np.ndim(image.get_array()) == 2]
    assert limits == [(one.min(), one.max()) for one in own]


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: interval_plot([]), "at least one panel"),
        (lambda: interval_plot([Measured("a", {}, "")]), "names: nothing"),
        (
            lambda: interval_plot([Measured("a", VALUES, ""), Measured("b", {"x": VALUES["ours"]}, "")]),
            "must name what",
        ),
        (lambda: interval_plot([Measured("a", {"x": Interval(math.nan, 0, 1)}, "")]), "'a' holds a value that is no"),
        (lambda: interval_plot([Measured("a", VALUES, "")], highlight="us"), "highlight must be one of ours, random"),
        (lambda: matrix_panels(np.zeros((2, 3, 4)), titles=["a", "b"]), r"array \(P, K, K\), not \(2, 3, 4\)"),
        (lambda: matrix_panels(np.zeros((2, 3, 3)), titles=["a"]), "not 1 titles and 3 labels"),
        (lambda: matrix_panels(np.full((1, 2, 2), np.nan), titles=["a"]), "NaN"),
        (lambda: feature_maps(np.zeros((1, 1, 2, 2)), {"conv1": np.zeros((2, 1, 2, 2))}), r"array \(1, F, H, W\)"),
        (lambda: feature_maps(np.zeros((1, 1, 2, 2)), {}), "at least one layer"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, words):
    with pytest.raises(ValueError, match=words):
        draw()
