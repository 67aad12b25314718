"""A region figure marks the strongest unit at its place in face, output and gradient, and refuses what does not fit."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from nnpg.maps.receptive_fields import ReceptiveField
from nnpg.plots import strongest_regions

FIELD = ReceptiveField((0, 0), (2, 2), (6, 6))


def drawn(**changes):
    rng = np.random.default_rng(0)
    arguments = {"images": rng.random((2, 1, 20, 20)), "outputs": rng.random((2, 3, 8, 8)), "field": FIELD}
    gradients = rng.normal(size=(2, 3, 8, 8))
    gradients[1, 2, 5, 3] = 9
    return strongest_regions(**(arguments | {"gradients": gradients} | changes))


def test_the_box_is_what_the_strongest_unit_sees():
    figure = drawn()
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
    shown = [np.asarray(i.get_array()) for i in drawn(others=others).axes[0].images if np.ndim(i.get_array()) == 3]
    np.testing.assert_allclose(shown[1][..., 0], others[0, 0])
    np.testing.assert_allclose(shown[3][..., 0], others[1, 0])


def test_a_ring_marks_the_given_pixel():
    figure = drawn(also=("told", [[0, 0], [7, 12]]))
    ax = figure.axes[0]
    left, right, _, top = next(i for i in ax.images if np.ndim(i.get_array()) == 3).get_extent()
    pixel = (right - left) / 20
    rings = [(*line.get_xdata(), *line.get_ydata()) for line in ax.lines]
    assert rings[0] == pytest.approx((left + pixel / 2, top + pixel / 2))
    assert any(ring[0] == pytest.approx(left + 12.5 * pixel) for ring in rings)
    assert any("told" in text.get_text() for text in ax.texts)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: drawn(outputs=np.zeros((2, 3, 8, 7))), "outputs and gradients must be arrays"),
        (lambda: drawn(also=("a", [[1, 2]])), r"2 places \(row, column\)"),
        (lambda: drawn(titles=["one"]), "titles must be 2 strings, not 1"),
        (lambda: drawn(others=np.zeros((1, 1, 20, 20))), "others must be 2, one for each of the 2 images, not 1"),
    ],
)
def test_wrong_arguments_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
