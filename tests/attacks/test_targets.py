"""The choice of targets: each rule on a network whose scores are known."""

import numpy as np
import pytest
from attack_nets import digits, softmax_net

import nnpg
from nnpg.attacks import choose_targets, minimal_distortion


@pytest.fixture(scope="module")
def net():
    return softmax_net(1e-2, "float64")


def test_one_class_for_all_images_or_one_per_image(net):
    x, t = digits(5)
    assert choose_targets(net, x, 3).tolist() == [[3]] * 5
    assert choose_targets(net, x, t).ravel().tolist() == t.tolist()


def test_random_targets_are_any_other_class_and_depend_on_the_seed_alone(net):
    x, labels = digits(600)
    drawn = choose_targets(net, x, "random", labels=labels, rng=0).ravel()
    assert (drawn != labels).all()
    counts = np.bincount((drawn - labels) % 6, minlength=6)
    assert counts[0] == 0
    assert counts[1:].min() > 80  # 120 are expected, +- 10
    np.testing.assert_array_equal(drawn, choose_targets(net, x, "random", labels=labels, rng=0).ravel())
    assert (drawn != choose_targets(net, x, "random", labels=labels, rng=1).ravel()).any()


def test_without_labels_the_class_of_an_image_is_the_network_s_answer(net):
    x, _ = digits(30)
    labels = nnpg.predict(net, x).argmax(axis=1)
    others = choose_targets(net, x, "all")
    assert others.shape == (30, 5)
    assert all(sorted([*row, label]) == list(range(6)) for row, label in zip(others.tolist(), labels, strict=True))


def test_the_least_likely_class(net):
    x, _ = digits(30)
    np.testing.assert_array_equal(choose_targets(net, x, "least_likely").ravel(), nnpg.predict(net, x).argmin(axis=1))


def test_the_nearest_class_is_not_the_second_most_likely_where_its_boundary_is_further():
    """At x = 0 the gaps are 0.5 and 2, the gradients of the gaps 1 and 10 long: 0.5 and 0.2 away."""
    net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0, dtype="float64")
    net = net.replace("dense1", W=np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 10.0]]), b=np.array([2.0, 1.5, 0.0]))
    x = np.zeros((1, 2))
    assert choose_targets(net, x, "nearest").tolist() == [[2]]
    assert minimal_distortion(net, x, "all", box=(-1, 1)).targets == [2]


def test_the_nearest_class_has_the_least_distortion_where_boundaries_are_flat(net):
    x, _ = digits(12)
    nearest = choose_targets(net, x, "nearest").ravel()
    result = minimal_distortion(net, x, "all", box=(-50, 50))
    np.testing.assert_array_equal(nearest, result.targets)


@pytest.mark.parametrize(
    ("targets", "settings", "words"),
    [
        ([1, 2], {}, "targets must be a class 0 .. 5, one for each of 5 images"),
        (7, {}, "0 .. 5"),
        (1.5, {}, "targets must be a class 0 .. 5, one for each of 5 images.*not 1.5"),
        ("random", {}, "rng"),
        ("all", {"labels": [9] * 5}, "0 .. 5"),
        ("furthest", {}, "or one of 'random', 'least_likely', 'nearest', 'all', not 'furthest'"),
    ],
)
def test_bad_targets_are_refused(net, targets, settings, words):
    with pytest.raises(ValueError, match=words):
        choose_targets(net, digits(5)[0], targets, **settings)


def test_no_images_no_targets():
    net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    assert choose_targets(net, np.zeros((0, 2)), "all", labels=np.zeros(0, int)).shape == (0, 2)
