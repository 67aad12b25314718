"""After how many steps a curve reaches its best."""

import numpy as np
import pytest

from nnpg.training_methods.learning_curves import steps_to_optimum


def test_the_first_step_within_the_tolerance_counts():
    steps, curves = np.array([0, 10, 20]), np.array([[0.5, 0.9, 0.905], [0.5, 0.8, 0.905], [0.9, 0.2, 0.1]])
    assert steps_to_optimum(steps, curves).tolist() == [10, 20, 0]
    assert steps_to_optimum(steps, curves, within=0).tolist() == [20, 20, 0]
    with pytest.raises(ValueError, match="curves must be an array"):
        steps_to_optimum(steps, curves[:, :2])
