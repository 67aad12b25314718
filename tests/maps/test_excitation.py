"""The images that excite filters most, and the projections of their units to the pixels."""

import numpy as np
import pytest

import nnpg
from nnpg.maps.excitation import Places, highest_outputs, project_units, view_units


def net():
    recipe = [nnpg.conv(3, 3, padding=1), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.conv(4, 3), nnpg.Flatten(), nnpg.dense(2)]
    return nnpg.build(recipe, input_shape=(2, 10, 10), rng=0, dtype="float64")


X = np.random.default_rng(0).normal(size=(12, 2, 10, 10))
PEOPLE = np.repeat(np.arange(4), 3)


def test_the_highest_outputs_are_those_of_a_loop_with_one_image_per_person():
    o = net().forward(X)["conv2"]
    places = highest_outputs(net(), X, layer="conv2", n=3, one_per=PEOPLE)
    for f in range(4):
        tops = {int(n): o[n, f].max() for n in range(12)}
        each = [max(np.flatnonzero(p == PEOPLE), key=lambda n: tops[int(n)]) for p in range(4)]
        expected = sorted(each, key=lambda n: -tops[int(n)])[:3]
        assert places.image[f].tolist() == expected
        answers = o[places.image[f], f, places.i[f], places.j[f]]
        np.testing.assert_array_equal(answers, [tops[int(n)] for n in expected])
    plain = highest_outputs(net(), X, layer="conv2", n=12)
    assert all(sorted(row) == list(range(12)) for row in plain.image.tolist())


def test_the_projection_of_a_filter_of_the_first_layer_is_its_weights():
    places = Places(*(np.array([[a, b]] * 3) for a, b in ((0, 5), (4, 7), (2, 3))))
    views = view_units(net(), X, places, layer="conv1")
    W = net().layers["conv1"].W
    np.testing.assert_allclose(views.projections, np.repeat(W[:, None], 2, axis=1))
    np.testing.assert_array_equal(views.patches[0, 0], X[0, :, 3:6, 1:4])  # padding 1: unit (4, 2) starts at (3, 1)


def test_the_gradient_is_the_slope_of_one_unit_and_padding_shows_as_zero():
    n, places = net(), Places(*(np.array([[value]] * 4) for value in (3, 0, 2)))
    views = view_units(n, X, places, layer="conv2")
    assert views.projections.shape == (4, 1, 2, 8, 8)
    assert not views.projections[:, :, :, 0].any()  # above the picture
    assert not views.patches[:, :, :, 0].any()
    eps, f = 1e-6, 2
    for c, i, j in ((0, 2, 5), (1, 4, 6)):  # rows and columns of the picture; the unit sees rows -1.., columns 3..
        moved = X[[3, 3]].copy()
        moved[:, c, i, j] += [eps, -eps]
        up, down = n.forward(moved)["conv2"][:, f, 0, 2]
        assert views.projections[f, 0, c, i + 1, j - 3] == pytest.approx((up - down) / (2 * eps), rel=1e-6)


def test_what_does_not_fit_is_refused():
    for wrong in (0, 5):
        with pytest.raises(ValueError, match=f"n must be a whole number from 1 to 4, not {wrong}"):
            highest_outputs(net(), X, layer="conv2", n=wrong, one_per=PEOPLE)
    with pytest.raises(ValueError, match=r"filters must be one unit for each image, .*, not 1"):
        project_units(net(), X, [0], [0], [0], layer="conv2")
    with pytest.raises(ValueError, match="no feature map"):
        view_units(net(), X, Places(*(np.zeros((1, 1), int),) * 3), layer="dense1")
