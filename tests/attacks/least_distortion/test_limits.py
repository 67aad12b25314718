"""The least distortion within epsilon of every pixel, and of confidence kappa: against exact answers."""

import numpy as np
import pytest
from attack_nets import digits, relu_net

import nnpg
from nnpg.attacks import minimal_distortion


def two_classes(m, seed):
    """A network whose score of class 1 minus that of class 0 is w x."""
    w = np.random.default_rng(seed).normal(size=m)
    net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(m,), rng=0, dtype="float64")
    return net.replace("dense1", W=np.stack([0 * w, w]), b=np.zeros(2)), w


@pytest.mark.parametrize("polish", [False, True])
def test_the_least_change_of_confidence_kappa_reaches_a_parallel_boundary(polish):
    """Two classes and no box in the way: the least |r| is (gap + kappa) / |w|."""
    net, w = two_classes(40, 0)
    x = np.random.default_rng(1).uniform(-0.1, 0.1, (20, 40))
    t = (x @ w < 0).astype(int)
    for kappa in (0.5, 4.0):
        result = minimal_distortion(net, x, t, box=(-9, 9), kappa=kappa, polish=polish, tolerance=1e-4)
        np.testing.assert_allclose(result.size, (abs(x @ w) + kappa) / np.linalg.norm(w), rtol=1e-3)
        assert ((2 * t - 1) * (result.adversarial @ w) > kappa).all()


@pytest.mark.parametrize("polish", [False, True])
def test_the_least_change_within_epsilon_moves_the_strongest_pixels_by_epsilon(polish):
    """Two classes: r = clip(lambda w) to what epsilon and the box allow, with the lambda that just reaches the gap."""
    net, w = two_classes(30, 3)
    x, epsilon = np.random.default_rng(4).random((300, 30)), 0.1
    direction = np.where((x @ w < 0)[:, None], w, -w)
    lower, upper = np.maximum(-epsilon, -x), np.minimum(epsilon, 1 - x)
    share = abs(x @ w) / np.where(direction > 0, direction * upper, direction * lower).sum(axis=1)
    rows = np.flatnonzero((share > 0.6) & (share < 0.9))[:15]  # of the most that epsilon allows
    x, direction, lower, upper, exact = x[rows], direction[rows], lower[rows], upper[rows], []
    t = (x @ w < 0).astype(int)
    for one, d, *span in zip(x, direction, lower, upper, strict=True):
        low, high = 0.0, 1e3
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if np.clip(middle * d, *span) @ d < -(one @ d) else (low, middle)
        exact.append(np.linalg.norm(np.clip(high * d, *span)))
    result = minimal_distortion(net, x, t, epsilon=epsilon, polish=polish, tolerance=1e-3)
    assert result.success.all()
    r = abs(result.adversarial - x)
    assert (r <= epsilon + 1e-12).all()
    assert (r > 0.99 * epsilon).any(axis=1).all(), "the limit is active"
    assert len(rows) == 15
    np.testing.assert_allclose(result.size, exact, rtol=0.01)
    assert (result.size > np.array(exact) * (1 - 1e-6)).all()
    tight = minimal_distortion(net, x, t, epsilon=1e-3)
    assert not tight.success.any(), "and never reported as found"


def test_a_network_with_kinks_obeys_epsilon_and_kappa_too():
    net, (x, labels) = relu_net(), digits(6, m=64)
    x = x.reshape(-1, 1, 8, 8)
    free = minimal_distortion(net, x, "all", labels=labels)
    limited = minimal_distortion(net, x, "all", labels=labels, epsilon=0.3, kappa=0.2)
    assert limited.success.all()
    assert abs(limited.adversarial - x).max() <= 0.3 + 1e-6
    assert (limited.size >= free.size).all()
    scores = np.sort(net.forward(limited.adversarial, stop="dense1").y, axis=1)
    assert (scores[:, -1] - scores[:, -2] > 0.2).all()
