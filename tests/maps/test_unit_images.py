"""Rows of images of units and of random directions, and maximised images, on cases whose answer is known."""

import numpy as np
import pytest

import nnpg
from nnpg.maps.unit_images import units_and_directions


@pytest.fixture(scope="module")
def one_class_a_unit():
    """Five units of relu1 and five classes: unit c is the c-th pixel, which is bright in images of class c."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), 40)
    x = (np.eye(5)[labels] + 0.3 * rng.random((200, 5))).astype("float32").reshape(200, 1, 1, 5) / 2
    net = nnpg.build([nnpg.ReLU(), nnpg.Flatten(), nnpg.dense(5), nnpg.Softmax()], input_shape=(1, 1, 5), rng=0)
    return net.replace("dense1", W=np.eye(5, dtype="float32")), x, labels


def test_units_that_respond_to_one_class_are_purer_than_random_directions(one_class_a_unit):
    net, x, labels = one_class_a_unit
    found = units_and_directions(net, x, labels, layer="relu1", permutations=99, rng=0)
    assert found.units.pure.tolist() == [1] * 5
    assert found.units.p == 0.01
    assert found.units.above_chance == pytest.approx(0.6, abs=0.05)  # of eight images of five classes
    assert found.random.pure.mean() < 1
    dead = x.copy()
    dead[:, :, :, 2] = 0
    without = units_and_directions(net, dead, labels, layer="relu1", maximised=2, permutations=9, rng=0)
    assert without.numbers.tolist() == [0, 1, 3, 4]
    assert without.units.of_rows.tolist() == [0, 3], "spread over the rows"
    few = units_and_directions(net, x, labels, layer="relu1", n=3, most=2, permutations=9, rng=0)
    assert few.units.images.shape == few.random.images.shape == (2, 3)


def test_a_maximised_image_begins_at_another_class_and_is_taken_for_that_of_its_row(one_class_a_unit):
    """Within the norm of its row's first image a maximised image has all of it in one pixel."""
    net, x, labels = one_class_a_unit
    units = units_and_directions(net, x, labels, layer="relu1", permutations=9, rng=0).units
    first = x[units.images[:, 0]].reshape(5, 5)
    norms = np.linalg.norm(first, axis=1)
    np.testing.assert_allclose(units.maximised.reshape(5, 5), np.diag(norms), atol=0.02)
    assert units.taken == 1
    assert units.gain == pytest.approx(norms.mean() / np.diag(first).mean(), rel=0.01)
