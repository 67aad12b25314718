"""Figures of filters draw the numbers that they are given at the right places, and refuse others."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from nnpg.maps.receptive_fields import ReceptiveField
from nnpg.plots import feature_maps, filter_gallery, strongest_regions

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


def test_other_faces_are_drawn_beside_their_faces():
    others = np.random.default_rng(1).random((2, 1, 20, 20))
    shown = [np.asarray(i.get_array()) for i in evidence(others=others).axes[0].images if np.ndim(i.get_array()) == 3]
    np.testing.assert_allclose(shown[1][..., 0], others[0, 0])
    np.testing.assert_allclose(shown[3][..., 0], others[1, 0])


def test_a_ring_marks_the_given_pixel():
    figure = evidence(also=("told", [[0, 0], [7, 12]]))
    ax = figure.axes[0]
    left, right, _, top = next(i for i in ax.images if np.ndim(i.get_array()) == 3).get_extent()
    pixel = (right - left) / 20
    rings = [(*line.get_xdata(), *line.get_ydata()) for line in ax.lines]
    assert rings[0] == pytest.approx((left + pixel / 2, top + pixel / 2))
    assert any(ring[0] == pytest.approx(left + 12.5 * pixel) for ring in rings)
    assert any("told" in text.get_text() for text in ax.texts)


def test_a_gallery_writes_every_number_in_place():
    kernel = np.arange(9).reshape(3, 3)
    words = filter_gallery({"k": kernel}, np.zeros((1, 4, 4))).axes[0].texts
    at = {text.get_text(): text.get_position() for text in words}
    assert at["1"][0] < at["2"][0]
    assert at["1"][1] == at["2"][1] < at["4"][1] < at["7"][1]


def test_a_map_sheet_holds_every_map_of_every_image():
    rng = np.random.default_rng(0)
    maps = {"conv1": rng.random((2, 3, 4, 4)), "conv2": rng.random((2, 2, 2, 2))}
    figure = feature_maps(rng.random((2, 1, 6, 6)), maps)
    drawn = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    given = [shown for n in range(2) for layer in maps.values() for shown in layer[n]]
    assert len(drawn) == 2 + len(given)
    found = [image for image in drawn if image.ndim == 2]
    assert all((a == b).all() for a, b in zip(found, given, strict=True))
    limits = [image.get_clim() for image in figure.axes[0].images if np.ndim(image.get_array()) == 2]
    assert limits == [(shown.min(), shown.max()) for shown in given]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: evidence(outputs=np.zeros((2, 3, 8, 7))), "outputs and gradients must be arrays"),
        (lambda: evidence(also=("a", [[1, 2]])), r"2 places \(row, column\)"),
        (lambda: evidence(titles=["one"]), "titles must be 2 strings, not 1"),
        (lambda: evidence(others=np.zeros((1, 1, 20, 20))), "others must be 2, one for each of the 2 images, not 1"),
        (lambda: filter_gallery({"k": [[1]]}, np.zeros((2, 4, 4))), r"outputs must be an array \(1, H, W\)"),
        (lambda: filter_gallery({"k": [1, 2]}, np.zeros((1, 4, 4))), "kernels 'k' must be an array"),
        (lambda: feature_maps(np.zeros((1, 1, 2, 2)), {"conv1": np.zeros((2, 1, 2, 2))}), r"array \(1, F, H, W\)"),
        (lambda: feature_maps(np.zeros((1, 1, 2, 2)), {}), "at least one layer"),
    ],
)
def test_wrong_arguments_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
