"""The step size that is best for each target of a sweep."""

import numpy as np
import pytest
from attack_nets import digits, sigmoid_net

from nnpg.attacks import Sweep, best_steps, best_successes, mask_sweep, success_at, targets_differ


@pytest.fixture
def sweep():
    """Two images of class 0; target 1 is reached at the first step only, target 2 at the last and by one image."""
    predicted = np.array([[[0, 0], [0, 0]], [[1, 0], [1, 0]], [[0, 2], [0, 1]]], np.int16)
    shares = np.zeros(predicted.shape, np.float32)
    etas, labels, targets = np.array([0.0, 0.1, 0.2]), np.zeros(2, np.int64), np.array([[1, 2], [1, 2]])
    return Sweep(etas, labels, targets, predicted, shares, shares, shares, False)


def test_each_target_has_its_own_best_step(sweep):
    assert best_steps(sweep).tolist() == [1, 2]
    assert best_successes(sweep).tolist() == [1.0, 0.5]
    assert success_at(sweep, best_steps(sweep)).value == 0.75


def test_other_steps_reach_fewer(sweep):
    assert success_at(sweep, [1, 1]).value == 0.5
    assert success_at(sweep, [0, 0]).value == 0
    for steps in ([1], [1, 3]):
        with pytest.raises(ValueError, match="steps must be"):
            success_at(sweep, steps)


def test_targets_differ_where_their_intervals_do_not_meet():
    def sweep_of(N):
        targets = np.tile([1, 2], (N, 1))
        predicted = np.stack([np.zeros((N, 2)), np.tile([1, 0], (N, 1))]).astype(np.int16)
        shares = np.zeros(predicted.shape, np.float32)
        return Sweep(np.array([0.0, 0.1]), np.zeros(N, np.int64), targets, predicted, shares, shares, shares, False)

    assert targets_differ(sweep_of(20))
    assert not targets_differ(sweep_of(2)), "two images say little"


def test_successes_are_the_highest_shares_of_a_real_sweep():
    net, (x, labels) = sigmoid_net(), digits(30)
    sweep = mask_sweep(net, x, labels, "all", (0, 100.0, 400.0))
    hits = (sweep.predicted[:, :, :, None] == np.arange(6)) & (sweep.targets[:, :, None] == np.arange(6))
    shares = hits.sum(axis=(1, 2)) / (sweep.targets[:, :, None] == np.arange(6)).sum(axis=(0, 1))
    assert best_successes(sweep) == pytest.approx(shares.max(axis=0))
    assert best_steps(sweep).tolist() == shares.argmax(axis=0).tolist()
