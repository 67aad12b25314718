"""Intervals cover what they promise."""

import numpy as np
import pytest
from scipy.stats import binom, spearmanr, ttest_1samp

from nnpg.analysis.statistics import (
    bootstrap,
    crossed_interval,
    mean_interval,
    median_interval,
    paired_p,
    rank_correlation,
    wilson,
)
from nnpg.analysis.verdicts import at_least, equal_to, holm


def coverage(interval, draw, truth, trials=300):
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(trials):
        _, low, high = interval(draw(rng))
        hits += low <= truth <= high
    return hits / trials


def test_intervals_cover_the_truth_about_95_times_in_100():
    assert 0.92 <= coverage(mean_interval, lambda rng: rng.normal(2, 3, 6), 2) <= 0.98
    assert 0.93 <= coverage(median_interval, lambda rng: rng.exponential(1, 20), np.log(2)) <= 0.99


def test_wilson_covers_95_in_100_on_average_over_the_truth():
    """Exactly: the probability of every count whose interval holds p, averaged over p."""
    k, shares = np.arange(42), np.linspace(0.05, 0.95, 91)
    low, high = np.array([wilson(int(i), 41)[1:] for i in k]).T
    inside = (low <= shares[:, None]) & (shares[:, None] <= high)
    covered = (binom.pmf(k, 41, shares[:, None]) * inside).sum(axis=1)
    assert abs(covered.mean() - 0.95) < 0.01
    assert covered.min() > 0.9


def test_wilson_stays_inside_and_refuses_nonsense():
    assert wilson(0, 41).low == 0
    assert wilson(0, 41).high > 0.05
    assert wilson(41, 41).high == 1
    for successes, n, words in ((5, 4, "successes"), (-1, 4, "successes"), (0, 0, "n must be a whole number")):
        with pytest.raises(ValueError, match=words):
            wilson(successes, n)


def test_bootstrap_of_the_mean_is_the_classical_interval_and_seeded():
    x = np.random.default_rng(0).normal(size=400)

    def means(indices):
        return np.array([x[indices].mean()])

    low, high = bootstrap(means, 400, resamples=2000, rng=1)
    np.testing.assert_allclose((high - low) / 2, 1.96 * x.std() / 20, rtol=0.08)
    np.testing.assert_array_equal(low, bootstrap(means, 400, resamples=2000, rng=1)[0])


def test_the_crossed_interval_covers_where_nets_and_persons_differ_and_wilson_does_not():
    """Whether a place is hit depends on the net and on the person, who has six images: 300 hits are not 300 samples."""
    persons = np.repeat(np.arange(10), 6)

    def hits(rng):
        share = 0.5 + 0.15 * rng.normal(size=(5, 1)) + 0.25 * rng.normal(size=10)[persons]
        return (rng.random((5, 60)) < share).astype(float)

    covered = coverage(lambda v: crossed_interval(v, persons, resamples=400, rng=1), hits, 0.5, trials=200)
    assert 0.93 <= covered <= 0.99
    assert coverage(lambda v: wilson(int(v.sum()), v.size), hits, 0.5, trials=200) < 0.6


def test_the_crossed_interval_is_seeded_keeps_to_its_range_and_says_when_it_cannot_know():
    v = np.random.default_rng(0).integers(0, 2, (12, 12))
    assert crossed_interval(v, rng=3) == crossed_interval(v, rng=3)
    assert crossed_interval(np.ones((5, 6))) == (1, 1, 1)
    assert np.isnan(crossed_interval(v[:1]).low)
    narrow, wide = crossed_interval(v), crossed_interval(v, confidence=0.99)
    assert wide.low < narrow.low < narrow.value == wide.value < narrow.high < wide.high
    assert np.isnan(crossed_interval(v, np.zeros(12)).low)
    for wrong, groups in ((v[0], None), ([[np.nan, 1.0]], None), (v, np.zeros(3))):
        with pytest.raises(ValueError, match=r"table|groups"):
            crossed_interval(wrong, groups)


def test_rank_correlation_sees_only_the_order():
    assert rank_correlation([1, 2, 3], [1, 10, 1000]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)


@pytest.mark.parametrize("n", [2, 3, 8, 33, 500])
def test_rank_correlation_is_scipys_to_the_last_bit(n):
    rng = np.random.default_rng(n)
    for values in (2, n, 10**6):  # many ties, some, none
        a, b = rng.integers(0, values, (2, n)).astype(np.float64)
        a[0], b[0] = -1, -1  # neither is constant
        assert rank_correlation(a, b) == spearmanr(a, b).statistic


def test_the_paired_test_is_scipys_and_agrees_with_the_interval():
    rng = np.random.default_rng(0)
    for n in (2, 5, 20):
        d = rng.normal(0.5, 1, n)
        p = paired_p(d)
        assert p == pytest.approx(ttest_1samp(d, 0).pvalue)
        _, low, high = mean_interval(d)
        assert (p < 0.05) == (low > 0 or high < 0)
    assert paired_p([0.0, 0.0]) == 1
    assert paired_p([0.3] * 5) == 0
    assert np.isnan(paired_p([1.0]))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_few_equal_values_have_no_interval_and_leave_a_claim_open(n):
    found = mean_interval([0.5] * n)
    assert found.value == 0.5
    assert [claim.verdict(found) for claim in (at_least(0.4), at_least(0.6), equal_to(0.5, 0.1))] == ["open"] * 3
    assert np.isnan(paired_p([0.5] * n))
    assert np.isnan(crossed_interval(np.ones((n, 30)))[1:]).all()
    assert np.isnan(crossed_interval(np.ones((30, n)))[1:]).all()


def test_five_equal_values_have_an_interval_without_width():
    assert mean_interval([0.5] * 5) == (0.5, 0.5, 0.5)
    assert crossed_interval(np.ones((5, 5))) == (1, 1, 1)


def test_rounded_values_hold_their_mean_as_often_as_is_said():
    rng, step = np.random.default_rng(0), 0.5
    for deviation in (0.02, 0.1, 0.5):  # most, some and few samples are equal values
        true = rng.normal(0.3, deviation, (3000, 2))
        rounded = np.round(true / step + rng.random((3000, 1)) - 0.5) * step  # to a grid at a random place
        found = [mean_interval(two, step=step) for two in rounded]
        assert np.mean([low <= 0.3 <= high for _, low, high in found]) > 0.95
        blind = [mean_interval(two) for two in rounded]
        assert np.mean([low <= 0.3 <= high or np.isnan(low) for _, low, high in blind]) > 0.95


def test_the_step_widens_no_interval_of_values_that_differ_by_more():
    values = [0.1, 0.4, 0.3]
    assert mean_interval(values, step=0.01) == mean_interval(values)


def test_holm_by_hand_and_its_level():
    np.testing.assert_allclose(holm([0.2, 0.001, 0.3, 0.01]), [0.4, 0.004, 0.4, 0.03])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1, 1])
    assert len(holm([])) == 0
    rng = np.random.default_rng(0)
    alarms = np.mean([(holm(rng.random(8)) < 0.05).any() for _ in range(2000)])
    assert 0.03 < alarms < 0.065
    for wrong in ([0.5, np.nan], [1.2], 0.5):
        with pytest.raises(ValueError, match="p_values must be an array"):
            holm(wrong)


def test_an_interval_is_written_with_a_format_of_its_numbers():
    share = wilson(2, 41)
    assert f"{share:.0%}" == "5% (1% to 16%)"
    assert f"{mean_interval([1.0, 2.0, 3.0]):+.1f}" == "+2.0 (-0.5 to +4.5)"
    assert f"{share}" == str(share) == repr(share)
