"""Profiles: the correlations are scipy's, the averages are a double loop's, and the test keeps its level."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import spearmanr

from nnpg.analysis.profiles import (
    different_pictures,
    likeness_of_classes,
    most_alike,
    permutation_test,
    rank_agreement,
    rank_correlations,
    within_between,
)

RNG = np.random.default_rng(0)


def test_all_pairs_are_scipys_spearman_ties_included():
    scores = RNG.integers(0, 5, (6, 9)).astype(float)
    others = RNG.normal(size=(4, 9))
    expected = [[spearmanr(a, b).statistic for b in scores] for a in scores]
    np.testing.assert_allclose(rank_correlations(scores), expected, atol=1e-12)
    expected = [[spearmanr(a, b).statistic for b in others] for a in scores]
    np.testing.assert_allclose(rank_correlations(scores, others), expected, atol=1e-12)


def test_agreement_is_the_mean_over_rows():
    a, b = RNG.normal(size=(2, 5, 9))
    assert rank_agreement(a, b) == pytest.approx(
        np.mean([spearmanr(u, v).statistic for u, v in zip(a, b, strict=True)])
    )
    with pytest.raises(ValueError, match="one shape"):
        rank_agreement(a, b[:4])


def test_a_constant_row_has_no_correlation():
    result = rank_correlations([[1, 1, 1], [1, 2, 3]])
    assert np.isnan(result[0]).all()
    assert np.isnan(result[:, 0]).all()
    assert result[1, 1] == pytest.approx(1)


def test_averages_are_those_of_a_double_loop_without_the_diagonal():
    labels, r = np.array([0, 1, 1, 2, 0, 1]), RNG.random((6, 6))
    r = r + r.T + 50 * np.eye(6)
    counted = RNG.random((6, 6)) < 0.8
    counted &= counted.T
    for pairs_counted in (None, counted):
        pairs = [(i, j) for i, j in combinations(range(6), 2) if pairs_counted is None or pairs_counted[i, j]]
        within = [r[i, j] for i, j in pairs if labels[i] == labels[j]]
        between = [r[i, j] for i, j in pairs if labels[i] != labels[j]]
        result = within_between(r, labels, pairs_counted)
        assert result == pytest.approx((np.mean(within), np.mean(between)))
        assert result.difference == pytest.approx(np.mean(within) - np.mean(between))


def test_the_likeness_of_classes_is_that_of_a_double_loop_and_copies_do_not_count():
    labels, r = np.array([0, 1, 1, 0, 1]), RNG.random((5, 5))
    r = r + r.T
    counted = different_pictures(5, [(0, 3)])
    assert not counted[0, 3]
    assert counted[0, 1]
    result = likeness_of_classes(r, labels, counted)
    assert np.isnan(result[0, 0])  # its only pair is one picture twice
    assert result[1, 1] == pytest.approx(np.mean([r[1, 2], r[1, 4], r[2, 4]]))
    across = np.mean([r[i, j] for i in (0, 3) for j in (1, 2, 4)])
    assert (result[0, 1], result[1, 0]) == pytest.approx((across, across))


def test_the_most_alike_image_is_another_one_that_counts():
    r = np.array([[9, 5, 4, 1], [5, 9, 2, 3], [4, 2, 9, 0], [1, 3, 0, 9]], float)
    assert most_alike(r).tolist() == [1, 0, 0, 1]
    assert most_alike(r, different_pictures(4, [(0, 1)])).tolist() == [2, 3, 0, 1]
    assert most_alike(r, among=np.array([2, 3])).tolist() == [2, 3, 3, 2]


def test_the_permutation_test_counts_every_relabelling():
    """Four images, two classes: of the three ways to pair them one is at least as good, so p is about 1/3."""
    r = np.array([[0, 9, 1, 2], [9, 0, 3, 1], [1, 3, 0, 8], [2, 1, 8, 0]], float)
    p = permutation_test(r, [0, 0, 1, 1], permutations=5000, rng=0)
    assert p == pytest.approx(1 / 3, abs=0.03)
    assert permutation_test(r, [0, 1, 0, 1], permutations=500, rng=0) > 0.9


def test_the_permutation_test_keeps_its_level_and_finds_what_is_there():
    labels = np.repeat(np.arange(4), 4)

    def p_value(seed, strength):
        rng = np.random.default_rng(seed)
        profiles = strength * rng.normal(size=(4, 12))[labels]
        r = rank_correlations(profiles + rng.normal(size=(16, 12)))
        return permutation_test(r, labels, permutations=199, rng=seed)

    chance = np.array([p_value(seed, 0.0) for seed in range(200)])
    assert 0.01 <= (chance <= 0.05).mean() <= 0.10
    assert 0.4 < chance.mean() < 0.6
    result = [p_value(seed, 1.0) for seed in range(10)]
    assert max(result) <= 0.01
    assert min(result) == 1 / 200, "never 0"


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="at least 2 filters"):
        rank_correlations([[1], [2]])
    with pytest.raises(ValueError, match="scores and others must score the same filters, not 3 and 2"):
        rank_correlations([[1, 2, 3]], [[1, 2]])
    with pytest.raises(ValueError, match="labels must be 3, one for each row of the likeness, not 2"):
        within_between(np.eye(3), [0, 1])
    with pytest.raises(ValueError, match="a pair of images of one class"):
        within_between(np.eye(2), [0, 1])
    with pytest.raises(ValueError, match="counted must be an array of True and False, not"):
        within_between(np.eye(3), [0, 0, 1], np.ones((3, 3)))
    with pytest.raises(ValueError, match="permutations must be a whole number of at least 1, not 0"):
        permutation_test(np.eye(3), [0, 0, 1], permutations=0, rng=0)
