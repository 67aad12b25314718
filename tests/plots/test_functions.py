"""Curves of functions and regions of planes lie where the numbers say."""

import numpy as np
import pytest

from nnpg.plots import Depth, Plane, depth_curves, function_panels, plane_panels


def test_a_jump_leaves_a_gap_and_a_slope_does_not():
    x = np.linspace(-1, 1, 21)
    step, slope = (ax.lines[-1] for ax in function_panels(x, {"s": {"f": x > 0}, "l": {"f": x}}).axes)
    assert np.isnan(step.get_ydata()).sum() == 1
    assert not np.isnan(slope.get_ydata()).any()


def test_a_plane_is_shaded_where_the_answer_is_above_a_half_and_its_line_is_in_place():
    figure = plane_panels(
        [Plane("p", [[0, 0], [1, 0], [1, 0]], [False, True, True], ["a", "b", "c"], lambda p: p[:, 0], [([2, 0], -1)])]
    )
    ax = figure.axes[0]
    shade = np.asarray(ax.images[0].get_array())[..., 0] < 1
    left, right, *_ = ax.images[0].get_extent()
    columns = np.linspace(left, right, shade.shape[1])
    np.testing.assert_array_equal(shade.any(axis=0), columns > 0.5)
    assert sorted(text.get_text() for text in ax.texts) == ["a", "b, c"]
    (x0, y0), (x1, y1) = ax.lines[0].get_xydata()
    assert (x0, x1) == (0.5, 0.5)
    assert min(y0, y1) < ax.get_ylim()[0] < ax.get_ylim()[1] < max(y0, y1)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: function_panels([0, 1], {}), "at least one panel"),
        (
            lambda: function_panels([0, 1], {"a": {"f": [0, np.nan]}}),
            r"panels 'a' 'f' must be an array \(2,\), one for each x, of finite numbers",
        ),
        (lambda: plane_panels([]), "at least one Plane object"),
        (lambda: plane_panels([Plane("p", [[0, 0]], [True], ["a", "b"])]), "2 names need points"),
    ],
)
def test_wrong_arguments_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_more_lines_than_colours_are_drawn():
    x = np.linspace(0, 1, 3)
    names = [f"f{n}" for n in range(9)]
    (ax,) = function_panels(x, {"nine": {name: x + n for n, name in enumerate(names)}}).axes
    assert [line.get_label() for line in ax.lines if line.get_label() in names] == names
    (ax,) = depth_curves([Depth("nine", ["a", "b"], dict.fromkeys(names, (1.0, 2.0)))]).axes
    assert [line.get_label() for line in ax.lines] == names
    assert len({(line.get_color(), line.get_marker()) for line in ax.lines[:7]}) == 7


def test_an_answer_of_another_shape_is_refused(tmp_path):
    panel = Plane("p", [[0, 0]], [True], ["a"], lambda points: points)
    with pytest.raises(ValueError, match=r"answer\(points\) must be an array \(M,\)"):
        plane_panels([panel], tmp_path / "plane.png")
    assert not list(tmp_path.iterdir())
