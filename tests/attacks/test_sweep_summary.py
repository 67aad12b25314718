"""The step size that is best for each target of a sweep."""

import numpy as np
import pytest

from nnpg.attacks import Sweep, best_steps, best_successes, success_at


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
