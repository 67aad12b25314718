"""The objective of attacks: answers that do not depend on the batch, for losses that read the scores."""

from dataclasses import replace

import numpy as np
import pytest
from attack_nets import digits, other_targets, sigmoid_net

from nnpg.attacks import minimal_distortion
from nnpg.attacks.objective import objective_of
from nnpg.losses import softmax_cross_entropy


@pytest.fixture(scope="module")
def sigmoid():
    return sigmoid_net()


@pytest.fixture(scope="module")
def images():
    x, labels = digits(70)
    return x, labels, other_targets(labels, 6)


def test_the_positions_of_a_group_give_the_same_bits(sigmoid, images):
    """An image in any position of its group, among any other images."""
    x, _, t = images
    objective = objective_of(sigmoid, "softmax_cross_entropy")
    assert sorted(np.concatenate(objective.groups)) == list(range(objective.block))
    group = objective.group_of(x, t)
    np.testing.assert_array_equal(group, [objective.group_of(x[[n]], t[[n]])[0] for n in range(len(x))])
    evaluation = objective.evaluate(x, t, group)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(x))
        again = objective.evaluate(x[order], t[order], group[order])
        for name in ("loss", "gradient", "margin", "threshold", "margin_per_loss"):
            np.testing.assert_array_equal(getattr(again, name), getattr(evaluation, name)[order])


def test_a_loss_that_does_not_read_the_scores_is_refused(sigmoid, images):
    def of_another_layer(net):
        return replace(softmax_cross_entropy(net), layer="sigmoid1", name="mine")

    with pytest.raises(ValueError, match="'mine' reads 'sigmoid1', but an attack needs one that reads the scores"):
        minimal_distortion(sigmoid, images[0], 0, loss=of_another_layer)
