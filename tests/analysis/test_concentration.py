"""How unevenly scores are spread, by hand and by another formula."""

import numpy as np
import pytest

from nnpg.analysis.concentration import concentration_curve, gini, still_share, top_share, units_in_share, upper_group


def test_gini_is_the_mean_difference():
    s = np.random.default_rng(0).random((3, 7))
    mean_difference = abs(s[:, :, None] - s[:, None]).sum(axis=(1, 2)) / (2 * 7 * s.sum(axis=1))
    np.testing.assert_allclose(gini(s), mean_difference)
    np.testing.assert_allclose(gini(5 * s), gini(s))
    for wrong in ([1.0, -1.0], [np.nan, 1.0], [], 1.0):
        with pytest.raises(ValueError, match="not negative"):
            gini(wrong)


def test_the_largest_scores_hold_their_part_of_the_sum():
    one, even = np.eye(1, 10)[0], np.ones(10)
    assert concentration_curve(even) == pytest.approx(np.linspace(0, 1, 11))
    assert concentration_curve(one).tolist() == [0] + [1] * 10
    assert top_share([one, even], share=0.1) == pytest.approx([1, 0.1])
    scores = np.random.default_rng(0).random(50)
    curve = concentration_curve(scores)
    area = (curve[1:] + curve[:-1]).sum() / 2 / 50
    assert 2 * (area - 0.5) == pytest.approx(gini(scores))
    assert np.isnan(top_share(np.zeros(4)))
    for wrong in ([-1.0, 2.0], [np.nan], []):
        with pytest.raises(ValueError, match="not negative"):
            concentration_curve(wrong)
    with pytest.raises(ValueError, match="share"):
        top_share(even, share=0)


def test_the_units_in_a_share_are_rounded_up_but_not_by_rounding_errors():
    assert [units_in_share(p, 200) for p in (0.2, 0.5, 0.7, 0.001, 1.0)] == [40, 100, 140, 1, 200]
    assert units_in_share(0.1 + 0.2, 10) == 3  # 0.30000000000000004


def test_the_upper_group_leaves_the_least_variance_inside_the_groups():
    scores = np.random.default_rng(0).gamma(0.5, size=60).round(1)  # with equal scores
    upper = upper_group(scores)
    inside = {
        threshold: scores[scores >= threshold].var() * (scores >= threshold).sum()
        + scores[scores < threshold].var() * (scores < threshold).sum()
        for threshold in np.unique(scores)[1:]
    }
    np.testing.assert_array_equal(upper, scores >= min(inside, key=inside.get))
    np.testing.assert_array_equal(upper_group(7 * scores), upper)
    assert upper_group([3.0, 3.0, 3.0]).all()
    assert upper_group([0.0]).all()
    for wrong in ([-1.0, 2.0], [[1.0, 2.0]], []):
        with pytest.raises(ValueError, match="scores"):
            upper_group(wrong)


def test_units_below_a_part_of_the_largest_are_still():
    scores = [[100.0, 1.0, 0.99, 0.0], [2.0, 2.0, 2.0, 0.0]]
    assert still_share(scores).tolist() == [0.5, 0.25], "1 is not below a hundredth of 100"
    assert still_share(scores, below=0.5).tolist() == [0.75, 0.25]
    assert still_share(np.zeros(3)) == 0
    with pytest.raises(ValueError, match="below must be"):
        still_share(scores, below=0)
