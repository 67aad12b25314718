"""What knock-out curves say, by hand."""

import numpy as np

from nnpg import Filter, Knockout
from nnpg.rankings.knock_out_curves import failure_steps, steps_to_reach


def knockout(predictions, labels, K):
    filters = tuple(Filter("pool1", f) for f in range(len(predictions) - 1))
    return Knockout(filters, np.array(predictions), np.array(labels), K)


def test_a_class_fails_when_most_of_its_images_are_taken_for_another():
    labels = [0, 0, 0, 1, 1, 1, 2]
    k = knockout(
        [[0, 0, 0, 1, 1, 1, 0], [0, 0, 1, 0, 0, 1, 2], [0, 0, 0, 1, 1, 1, 2], [2, 2, 0, 1, 1, 1, 2]], labels, 4
    )
    np.testing.assert_array_equal(failure_steps(k), [3, 1, 0, -1])
    never = knockout([[0, 1], [0, 1]], [0, 1], 2)
    np.testing.assert_array_equal(failure_steps(never), [2, 2])


def test_steps_to_reach_counts_the_intact_network_as_none():
    errors = [[0.5, 0.1, 0.9], [0.0, 0.3, 0.3], [0.0, 0.0, 0.0]]
    np.testing.assert_array_equal(steps_to_reach(errors, [0.4, 0.3, 0.1]), [0, 1, 3])
    assert steps_to_reach(errors[0], 0.6) == 2
