"""Profiles of filter scores: the layers' correlations, the strongest filters, and what one output determines."""

import numpy as np
import pytest
from scipy.stats import spearmanr

import nnpg
from nnpg import FilterScores
from nnpg.analysis.filter_profiles import correlations_inside_layers, likeness_of_one_output, same_strongest


def scores():
    rng = np.random.default_rng(0)
    layers = {"pool1": rng.random((4, 5)), "pool2": 10 * rng.random((4, 8))}
    return FilterScores(layers, tuple("abcd"), "frobenius", "prob")


def test_inside_layers_is_the_mean_over_layers():
    correlations, s = correlations_inside_layers(scores()), scores().scores
    for i in range(4):
        for j in range(4):
            expected = np.mean([spearmanr(layer[i], layer[j]).statistic for layer in s.values()])
            assert correlations[i, j] == pytest.approx(expected)


def test_rows_share_their_strongest_filter_or_do_not():
    matrix = scores().matrix
    expected = [[float(a.argmax() == b.argmax()) for b in matrix] for a in matrix]
    assert same_strongest(scores()).tolist() == expected


def test_one_output_is_compared_on_its_class_and_on_the_others():
    recipe = [nnpg.conv(4, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=(1, 5, 5), rng=0, backend="numpy")
    x, labels = np.random.default_rng(0).random((3, 1, 5, 5)), np.array([0, 1, 1])
    of_class = []
    for c in (0, 1):
        profile = nnpg.convolutional_gradient(nnpg.prediction_gradient(net, x, classes=c)).matrix
        pairs = [(i, j) for i in range(3) for j in range(3) if labels[i] == c and labels[j] != c]
        of_class.append(np.mean([spearmanr(profile[i], profile[j]).statistic for i, j in pairs]))
    assert likeness_of_one_output(net, x, labels) == pytest.approx(np.mean(of_class))
