"""Figures of evidence, functions, planes, filters and pairs draw the numbers they are given, and refuse others."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from nnpg.plots import (
    Pairs,
    Plane,
    filter_gallery,
    function_panels,
    heat,
    plane_panels,
    scatter_panels,
    signed_colours,
    strongest_regions,
    wiring_diagram,
)
from nnpg.receptive_field import ReceptiveField

FIELD = ReceptiveField((0, 0), (2, 2), (6, 6))


def evidence(**changes):
    rng = np.random.default_rng(0)
    given = {"images": rng.random((2, 1, 20, 20)), "outputs": rng.random((2, 3, 8, 8)), "field": FIELD}
    gradients = rng.normal(size=(2, 3, 8, 8))
    gradients[1, 2, 5, 3] = 9
    return strongest_regions(**(given | {"gradients": gradients} | changes))


def test_the_box_is_what_the_strongest_unit_sees():
    figure = evidence()
    ax = figure.axes[0]
    faces = [image.get_extent() for image in ax.images if np.ndim(image.get_array()) == 3]
    assert len(faces) == 2
    left, right, _, top = faces[1]
    pixel = (right - left) / 20
    boxes = [p.get_bbox().bounds for p in ax.patches if isinstance(p, Rectangle)]
    assert any(
        box == pytest.approx((left + 6 * pixel, top + 10 * pixel, 6 * pixel, 6 * pixel)) for box in boxes
    )  # unit (5, 3)
    maps = [image for image in ax.images if np.ndim(image.get_array()) == 2]
    assert len(maps) == 2 * 2 * 3
    lower = [image for image in maps if image.get_cmap().name == "RdBu_r"]
    assert {image.get_clim() for image in lower[3:]} == {(-9.0, 9.0)}  # one scale for all filters of a face


def test_other_faces_stand_beside_their_own():
    others = np.random.default_rng(1).random((2, 1, 20, 20))
    shown = [np.asarray(i.get_array()) for i in evidence(others=others).axes[0].images if np.ndim(i.get_array()) == 3]
    np.testing.assert_allclose(shown[1][..., 0], others[0, 0])
    np.testing.assert_allclose(shown[3][..., 0], others[1, 0])


def test_a_ring_marks_the_pixel_it_is_told():
    figure = evidence(also=("told", [[0, 0], [7, 12]]))
    ax = figure.axes[0]
    left, right, _, top = next(i for i in ax.images if np.ndim(i.get_array()) == 3).get_extent()
    pixel = (right - left) / 20
    rings = [(*line.get_xdata(), *line.get_ydata()) for line in ax.lines]
    assert rings[0] == pytest.approx((left + pixel / 2, top + pixel / 2))
    assert any(ring[0] == pytest.approx(left + 12.5 * pixel) for ring in rings)
    assert any("told" in text.get_text() for text in ax.texts)


def test_a_jump_is_left_open_and_a_slope_is_not():
    x = np.linspace(-1, 1, 21)
    step, slope = (ax.lines[-1] for ax in function_panels(x, {"s": {"f": x > 0}, "l": {"f": x}}).axes)
    assert np.isnan(step.get_ydata()).sum() == 1
    assert not np.isnan(slope.get_ydata()).any()


def test_a_plane_is_shaded_where_the_answer_is_yes_and_its_line_lies_where_it_should():
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


def test_a_gallery_writes_every_number_in_place():
    kernel = np.arange(9).reshape(3, 3)
    words = filter_gallery({"k": kernel}, np.zeros((1, 4, 4))).axes[0].texts
    at = {text.get_text(): text.get_position() for text in words}
    assert at["1"][0] < at["2"][0]
    assert at["1"][1] == at["2"][1] < at["4"][1] < at["7"][1]


def test_pairs_share_their_square():
    figure = scatter_panels([Pairs("a", [0, 1], [0, 4]), Pairs("b", [-1, 1], [0, 1])], xlabel="x", ylabel="y")
    first, second = figure.axes
    assert first.get_xlim() == first.get_ylim() == second.get_xlim() == pytest.approx((-1.15, 4.15))


def test_colours_of_maps():
    images, maps = np.full((1, 1, 1, 3), 0.5), np.array([[[np.nan, -1.0, 2.0]]])
    rgb = heat(images, maps)[0, :, 0]
    np.testing.assert_allclose(rgb[:, :2], 0.7)
    np.testing.assert_allclose(rgb[:, 2], [0.82, 0.04, 0.04])
    red, green, blue = signed_colours(maps)[0, :, 0]
    assert (red[0], green[0], blue[0]) == (1, 1, 1)
    assert blue[1] > red[1]
    assert red[2] > blue[2]


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: evidence(outputs=np.zeros((2, 3, 8, 7))), "outputs and gradients must be arrays"),
        (lambda: evidence(also=("a", [[1, 2]])), r"2 places \(row, column\)"),
        (lambda: evidence(titles=["one"]), "2 images need 2 titles"),
        (lambda: evidence(others=np.zeros((1, 1, 20, 20))), "1 images for 2 images"),
        (lambda: function_panels([0, 1], {}), "at least one panel"),
        (lambda: function_panels([0, 1], {"a": {"f": [0, np.nan]}}), "'a', 'f': expected 2 finite numbers"),
        (lambda: plane_panels([]), "at least one panel"),
        (lambda: plane_panels([Plane("p", [[0, 0]], [True], ["a", "b"])]), "2 names need points"),
        (lambda: filter_gallery({"k": [[1]]}, np.zeros((2, 4, 4))), "1 filters need outputs"),
        (lambda: filter_gallery({"k": [1, 2]}, np.zeros((1, 4, 4))), "filter 'k' must be an array"),
        (lambda: scatter_panels([], xlabel="", ylabel=""), "at least one panel"),
        (lambda: scatter_panels([Pairs("p", [1], [1, 2])], xlabel="", ylabel=""), "panel 'p': expected pairs"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, words):
    with pytest.raises(ValueError, match=words):
        draw()


def test_a_wiring_diagram_writes_every_weight_that_is_not_zero_and_every_bias():
    first, second = ([[1.5, 0.0], [2.5, -3.5]], [-0.5, -1.5]), ([[4.0, 5.0]], [0.25])
    ax = wiring_diagram([first, second], names=[["x1", "x2"], ["a1", "a2"], ["y"]]).axes[0]
    words = sorted(text.get_text() for text in ax.texts if text.get_text())
    assert words == sorted(["1.5", "2.5", "−3.5", "4", "5", "−0.5", "−1.5", "0.25", "x1", "x2", "a1", "a2", "y"])
    lines = [line for line in ax.lines if len(line.get_xdata()) == 2]
    assert len(lines) == 5
    assert [line.get_linestyle() for line in lines].count("--") == 1  # the weight below 0
    for names in ([["x1", "x2"], ["a1"], ["y"]], [["x1"], ["a1", "a2"], ["y"]]):
        with pytest.raises(ValueError, match="do not fit weights"):
            wiring_diagram([first, second], names=names)
    with pytest.raises(ValueError, match="one bias a unit"):
        wiring_diagram([(first[0], [1.0])], names=[["x1", "x2"], ["a1", "a2"]])
