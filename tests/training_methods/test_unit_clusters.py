"""Clusters of units that change together, planted and found; the adjusted Rand index by another count."""

import itertools

import numpy as np
import pytest

from nnpg.training_methods.unit_clusters import adjusted_rand, volatility_clusters


def planted(rng, N=200, sizes=(6, 3, 5)):
    """Volatilities of units that follow their cluster's signal on other scales, and the cluster of each unit."""
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    signals = rng.random((N, len(sizes)))
    scale = rng.uniform(0.1, 10, len(cluster))
    return scale * (signals[:, cluster] + 0.1 * rng.random((N, len(cluster)))), cluster


def test_planted_clusters_are_found_whatever_the_units_scale_and_order():
    rng = np.random.default_rng(0)
    volatility, cluster = planted(rng)
    order = rng.permutation(len(cluster))
    found = volatility_clusters(volatility[:, order], clusters=3)
    assert adjusted_rand(found, cluster[order]) == 1
    assert found[0] == 0
    assert set(found) == {0, 1, 2}


def test_units_that_never_change_are_in_no_cluster_and_clusters_are_no_more_than_units():
    volatility, _ = planted(np.random.default_rng(0))
    volatility[:, 4] = 0
    assert np.flatnonzero(volatility_clusters(volatility, clusters=3) == -1).tolist() == [4]
    assert volatility_clusters(volatility[:, :2], clusters=5).tolist() == [0, 1]
    assert volatility_clusters(volatility[:, 3:5], clusters=2).tolist() == [0, -1]
    for wrong in (volatility[:1], volatility[0], np.full((3, 2), np.nan)):
        with pytest.raises(ValueError, match="volatility"):
            volatility_clusters(wrong, clusters=2)


def test_the_adjusted_rand_index_is_the_one_counted_over_pairs_of_units():
    rng = np.random.default_rng(1)
    a, b = rng.integers(4, size=(2, 30))
    pairs = list(itertools.combinations(range(30), 2))
    in_a, in_b = (np.array([c[i] == c[j] for i, j in pairs]) for c in (a, b))
    expected = in_a.mean() * in_b.mean()
    index = ((in_a & in_b).mean() - expected) / ((in_a.mean() + in_b.mean()) / 2 - expected)
    assert adjusted_rand(a, b) == pytest.approx(index)
    assert adjusted_rand(a, b) == adjusted_rand(b, a)
    by_chance = np.mean([adjusted_rand(a, rng.permutation(b)) for _ in range(300)])
    assert abs(by_chance) < 0.02
    assert adjusted_rand([0, 0], [1, 1]) == adjusted_rand([0, 1], [3, 2]) == 1
    with pytest.raises(ValueError, match="same units"):
        adjusted_rand([0, 1], [0])
