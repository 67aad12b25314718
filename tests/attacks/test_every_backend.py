"""Every attack on every backend: the answers of NumPy, of arrays of the host or of the device."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from attack_nets import assert_same, assert_same_beside_others, digits, other_targets, relu_net, sigmoid_net

import nnpg
from nnpg.attacks import (
    choose_targets,
    fast_gradient_sign,
    learn_class_mask,
    linear,
    mask_sweep,
    minimal_distortion,
    noise_like,
    projected_gradient,
)
from nnpg.attacks.least_distortion.definition import least_distorted
from nnpg.attacks.least_distortion.working_set import MEMORY_MB, SHARE, working_set_size
from nnpg.attacks.objective import objective_of


@pytest.fixture(scope="module")
def net():
    return sigmoid_net(dtype="float64")


@pytest.fixture(scope="module")
def images():
    x, labels = digits(10)
    return x, labels, other_targets(labels, 6)


def assert_close(result, expected, names, atol=1e-9):
    """Raise an error unless these arrays of NumPy are equal in types, shapes and whole numbers, and else close."""
    for name in names.split():
        a, b = getattr(result, name), getattr(expected, name)
        assert type(a) is np.ndarray, name
        assert (a.dtype, a.shape) == (b.dtype, b.shape), name
        whole = b.dtype.kind in "iub"
        np.testing.assert_allclose(a, b, rtol=0 if whole else 1e-6, atol=0 if whole else atol, err_msg=name)


STEPPED = "adversarial targets predicted outcome distortion confidence"
DISTORTED = "targets outcome distortion size"  # rounding may cost another pass


@pytest.mark.parametrize("placed", [False, True], ids=["host", "backend"])
def test_steps_within_a_distance(net, images, backend, placed):
    x, labels, targets = images
    given = backend.asarray(x) if placed else x
    for attack in (fast_gradient_sign, projected_gradient):
        expected = attack(net, x, labels, targets, 0.1)
        assert_close(attack(net.to(backend), given, labels, targets, 0.1), expected, STEPPED)
    largest = projected_gradient(net, x, labels, "all", 0.05, norm="max", steps=3)
    result = projected_gradient(net.to(backend), given, labels, "all", 0.05, norm="max", steps=3)
    assert_close(result, largest, STEPPED)


# Where the images lie is asked once, before the search begins, so it meets no setting of the search.
@pytest.mark.parametrize(
    ("settings", "placed"),
    [
        ({}, False),
        ({}, True),
        ({"norm": "l2", "epsilon": 0.3, "evaluations": 100}, True),
        ({"polish": False, "kappa": 0.2, "history": 6}, False),
        ({"loss": "squared_error"}, True),
    ],
    ids=str,
)
def test_the_least_distortion(net, images, backend, settings, placed):
    x, _, targets = images
    expected = minimal_distortion(net, x, targets, **settings)
    result = minimal_distortion(net.to(backend), backend.asarray(x) if placed else x, targets, **settings)
    assert expected.success.any()
    assert_close(result, expected, DISTORTED, atol=1e-6)
    assert_close(result, expected, "adversarial", atol=1e-4)


def test_the_least_sum_of_changes_has_a_smaller_sum(net, images, backend):
    """Rounding decides between minima of nearly equal sums, so they are not compared with NumPy's."""
    x, _, targets = (a[:5] for a in images)
    least = minimal_distortion(net.to(backend), x, targets, norm="l1")
    other = minimal_distortion(net.to(backend), x, targets)
    assert least.success.all()
    np.testing.assert_array_equal(nnpg.predict(net, least.adversarial).argmax(axis=1), targets)
    assert (abs(least.adversarial - x).sum(axis=1) < abs(other.adversarial - x).sum(axis=1)).all()


def test_a_result_does_not_depend_on_the_other_images(images, backend):
    x, _, targets = images
    net = sigmoid_net(backend)
    whole = minimal_distortion(net, x, targets)
    for rows in ([3], [9, 0, 7, 7], list(range(2, 7))):
        assert_same_beside_others(backend, minimal_distortion(net, x[rows], targets[rows]), whole, rows)
    assert_same_beside_others(backend, minimal_distortion(net, x, targets, memory_mb=0.2), whole)


def test_an_interrupted_attack_continues(net, images, backend, tmp_path):
    x, _, targets = images
    whole = minimal_distortion(net.to(backend), x, targets)
    file = tmp_path / "attack.safetensors"
    minimal_distortion(net.to(backend), x, targets, checkpoint=file)
    assert_same(minimal_distortion(net.to(backend), x, targets, checkpoint=file, resume=True), whole)


def test_a_mask_for_all_images(net, images, backend):
    x, _, _ = images
    settings = {"epochs": 3, "batch": 4, "keep": [2, 9]}
    expected = learn_class_mask(net, x, 2, rng=0, **settings)
    result = learn_class_mask(net.to(backend), backend.asarray(x), 2, rng=0, **settings)
    assert_close(result, expected, "W losses")
    for step in (2, 9):
        assert type(result.kept[step]) is np.ndarray
        np.testing.assert_allclose(result.kept[step], expected.kept[step], atol=1e-12)


@pytest.mark.parametrize("clip", [False, True])
def test_masks_at_every_step_size(net, images, backend, clip):
    x, labels, targets = images
    for masks in (linear, lambda net: noise_like(linear(net, sign=True), seed=1)):
        results = [
            mask_sweep(v, x, labels, targets, [0, 0.5, 2, 8], masks=masks(v), clip=clip) for v in (net, net.to(backend))
        ]
        assert_close(results[1], results[0], "predicted distortion target_confidence label_confidence", atol=1e-6)


@pytest.mark.parametrize("rule", ["random", "least_likely", "nearest", "all"])
def test_targets_by_a_rule(net, images, backend, rule):
    x, _, _ = images
    expected = choose_targets(net, x, rule, rng=3)
    np.testing.assert_array_equal(choose_targets(net.to(backend), backend.asarray(x), rule, rng=3), expected)


# What is in flight


class Device:
    """A backend with the functions of another, and so much free memory."""

    def __init__(self, backend, free):
        self.backend, self.free_bytes = backend, lambda: free

    def __getattr__(self, name):
        return getattr(self.backend, name)


def sized(objective, free, memory_mb=None):
    x = np.zeros((5, 784), np.float32)
    net = SimpleNamespace(backend=Device(objective.net.backend, free))
    like = SimpleNamespace(net=net, groups=objective.groups, block=objective.block)
    return working_set_size(like, memory_mb, x, "squared_l2", 4)


def test_in_flight_on_a_device_is_what_a_quarter_of_its_free_memory_holds(net):
    objective, each = objective_of(net.to("numba"), "softmax_cross_entropy"), 784 * 135 * 4
    free = 80 * 10**9
    assert sized(objective, free) == int(SHARE * free / each)
    assert sized(objective, free, MEMORY_MB) == int(MEMORY_MB * 1e6 / each)
    with pytest.raises(
        MemoryError, match=r"memory_mb=90000 asks for 90000000000 bytes, and 80000000000 are free .* pass "
    ):
        sized(objective, free, 90_000)


def test_a_search_along_the_boundary(backend):
    """Its descents part from NumPy's by rounding, but not what they find."""
    x, labels = digits(2, m=64)
    x, one = x.reshape(-1, 1, 8, 8), [1]
    nets = relu_net(), relu_net(backend)
    expected, result = (minimal_distortion(net, x[one], "all", labels=labels[one]) for net in nets)
    assert_close(result, expected, "outcome")
    np.testing.assert_allclose(result.size, expected.size, rtol=0.02)
    assert_close(result, expected, "distortion", atol=0.02 * expected.distortion.max())


def test_the_definition_computes_on_the_host(images, backend):
    x, _, targets = images
    net = sigmoid_net()
    expected = least_distorted(net, x[0], int(targets[0]))
    np.testing.assert_array_equal(least_distorted(net.to(backend), backend.asarray(x[0]), int(targets[0])), expected)
