"""Profiles of filter scores: the layers' correlations, the strongest filters, one output, mean images."""

import numpy as np
import pytest
from scipy.stats import spearmanr

import nnpg
from nnpg import FilterScores
from nnpg.analysis.filter_profiles import (
    agreement_with_mean_images,
    correlations_inside_layers,
    likeness_of_one_output,
    same_strongest,
)


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


def test_profiles_of_classes_agree_with_their_mean_images_as_spearman_has_it():
    rng = np.random.default_rng(0)
    x, labels = rng.random((12, 1, 3, 3)), np.repeat([2, 0, 1, 3], 3)
    likeness = np.corrcoef(rng.random((12, 5)))
    counted = np.ones((12, 12), bool)
    counted[0, 5] = counted[5, 0] = False
    means = np.array([x[labels == k].mean(axis=0).ravel() for k in range(4)])
    images = np.corrcoef(means - means.mean(axis=0))
    of_pairs = []
    for a in range(4):
        for b in range(a + 1, 4):
            pairs = [(i, j) for i in np.flatnonzero(labels == a) for j in np.flatnonzero(labels == b) if counted[i, j]]
            of_pairs.append((np.mean([likeness[pair] for pair in pairs]), images[a, b]))
    expected = spearmanr(*zip(*of_pairs, strict=True)).statistic
    assert agreement_with_mean_images(likeness, x, labels, counted) == pytest.approx(expected)
    assert agreement_with_mean_images(likeness, x, labels) != pytest.approx(expected)
    with pytest.raises(ValueError, match="three classes or more"):
        agreement_with_mean_images(likeness, x, labels % 2)
    with pytest.raises(ValueError, match="of the same images"):
        agreement_with_mean_images(likeness, x[:5], labels)
