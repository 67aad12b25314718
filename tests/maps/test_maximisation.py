"""Activation maximisation: where the maximum is known, within its limits, and no worse than a search at random."""

import numpy as np
import pytest

import nnpg
from nnpg.analysis.directions import features
from nnpg.maps.maximisation import maximise_outputs


def linear(W):
    W = np.asarray(W, "float32")
    return nnpg.build([nnpg.dense(len(W))], input_shape=W.shape[1:], rng=0).replace("dense1", W=W)


@pytest.fixture(scope="module")
def net():
    recipe = [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(5), nnpg.Sigmoid()]
    return nnpg.build(recipe, input_shape=(1, 6, 6), rng=3)


def test_the_maximum_of_a_linear_unit_is_the_corner_of_the_box_or_lies_along_its_weights():
    net = linear([[1, -2, 3], [3, 4, 0]])
    start = np.full((2, 3), 0.4)
    corners = maximise_outputs(net, start, np.eye(2), layer="dense1", box=(-1.0, 1.0))
    np.testing.assert_allclose(corners.images, [[1, -1, 1], [1, 1, 0.4]], atol=1e-3)
    np.testing.assert_allclose(corners.outputs, [6, 7], atol=0.01)
    shorter = maximise_outputs(net, start, np.eye(2), layer="dense1", largest_norm=[0.5, 0.1], box=(-1.0, 1.0))
    np.testing.assert_allclose(shorter.images[0], 0.5 * np.array([1, -2, 3]) / 14**0.5, atol=5e-3)
    np.testing.assert_allclose(shorter.images[1], 0.1 * np.array([0.6, 0.8, 0]), atol=2e-3)


def test_a_direction_is_a_sum_of_units():
    net = linear([[1, 0], [0, 1]])
    found = maximise_outputs(net, [[0.5, 0.5]], [[1, -1]], layer="dense1")
    np.testing.assert_allclose(found.images, [[1, 0]], atol=1e-3)


def test_images_stay_within_the_limits_and_no_random_image_excites_a_unit_more(net):
    rng = np.random.default_rng(0)
    x, v = rng.random((5, 1, 6, 6)), np.eye(5)
    found = maximise_outputs(net, x, v, layer="sigmoid1", largest_norm=2.5, steps=200)
    assert found.images.min() >= 0
    assert found.images.max() <= 1
    assert np.linalg.norm(found.images.reshape(5, -1), axis=1).max() <= 2.5 * (1 + 1e-6)
    assert (found.outputs > found.before).all()
    np.testing.assert_allclose(np.diag(features(net, found.images, layer="sigmoid1")), found.outputs, rtol=1e-5)
    others = rng.random((3000, 1, 6, 6)) ** 3
    others *= np.minimum(1, 2.5 / np.linalg.norm(others, axis=(2, 3), keepdims=True))
    assert (found.outputs > features(net, others, layer="sigmoid1").max(axis=0)).all()


def test_before_is_the_output_at_the_start_within_the_limits(net):
    x = np.random.default_rng(1).random((5, 1, 6, 6))
    found = maximise_outputs(net, x, np.eye(5), layer="sigmoid1", largest_norm=1.0, steps=1)
    inside = x / np.linalg.norm(x, axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(found.before, np.diag(features(net, inside, layer="sigmoid1")), rtol=1e-5)


def test_images_do_not_depend_on_each_other_and_are_not_changed_in_place(net):
    x = np.random.default_rng(2).random((5, 1, 6, 6)).astype("float32")
    copy = x.copy()
    together = maximise_outputs(net, x, np.eye(5), layer="sigmoid1", steps=20)
    alone = maximise_outputs(net, x, np.eye(5), layer="sigmoid1", steps=20, batch=1)
    np.testing.assert_allclose(together.outputs, alone.outputs, rtol=1e-4)
    assert (x == copy).all()


def test_a_unit_that_is_off_all_around_keeps_its_image():
    recipe = [nnpg.dense(1), nnpg.ReLU()]
    net = nnpg.build(recipe, input_shape=(2,), rng=0).replace("dense1", W=np.array([[-1, -1]], "float32"))
    found = maximise_outputs(net, [[0.5, 0.25]], [[1]], layer="relu1")
    assert found.images.tolist() == [[0.5, 0.25]]
    assert found.outputs.tolist() == [0.0]


def test_units_that_are_switched_off_on_the_way_do_not_count():
    net = nnpg.build([nnpg.dense(2), nnpg.dense(1)], input_shape=(2,), rng=0)
    net = net.replace("dense1", W=np.eye(2, dtype="float32")).replace("dense2", W=np.ones((1, 2), "float32"))
    off = net.intervene("dense1", nnpg.Override(np.array([True, False]), np.array(0.0)))
    found = maximise_outputs(off, [[0.5, 0.5]], [[1]], layer="dense2")
    np.testing.assert_allclose(found.images, [[0.5, 1]], atol=1e-3)
    np.testing.assert_allclose(found.outputs, [1], atol=1e-3)


def test_wrong_limits_are_refused(net):
    x = np.zeros((5, 1, 6, 6))
    with pytest.raises(ValueError, match=r"directions must be \(5, 5\), one for each image"):
        maximise_outputs(net, x, np.eye(4), layer="sigmoid1")
    with pytest.raises(ValueError, match=r"with a largest norm the box must hold 0, not 0\.5 \.\. 1"):
        maximise_outputs(net, x, np.eye(5), layer="sigmoid1", largest_norm=1.0, box=(0.5, 1.0))
    with pytest.raises(ValueError, match=r"largest_norm must be above 0"):
        maximise_outputs(net, x, np.eye(5), layer="sigmoid1", largest_norm=[1.0, 2.0])
