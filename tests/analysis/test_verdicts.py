"""The rule for verdicts: held, contradicted or open, over independent networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnpg.analysis.statistics import Interval, interval_over_groups, mean_interval, wilson
from nnpg.analysis.verdicts import (
    Claim,
    Verdict,
    all_of,
    any_of,
    at_least,
    at_most,
    difference_interval,
    equal_to,
    of_fact,
    share_interval,
)


@pytest.mark.parametrize(
    ("claim", "interval", "verdict"),
    [
        (at_least(0.5), (0.6, 0.5, 0.7), "held"),
        (at_least(0.5), (0.6, 0.49, 0.7), "open"),
        (at_least(0.5), (0.4, 0.3, 0.5), "open"),  # its end is still allowed
        (at_least(0.5), (0.4, 0.3, 0.49), "contradicted"),
        (at_most(0.25), (0.12, 0.1, 0.15), "held"),
        (at_most(0.25), (0.2, 0.1, 0.3), "open"),
        (at_most(0.25), (0.3, 0.26, 0.4), "contradicted"),
        (equal_to(1.0, 0.1), (1.0, 0.91, 1.09), "held"),
        (equal_to(1.0, 0.1), (1.0, 0.8, 1.05), "open"),  # not shown to be different is not shown to be equal
        (equal_to(1.0, 0.1), (1.3, 1.2, 1.4), "contradicted"),
        (Claim(1 / 3, 1 / 2), (0.4, 0.35, 0.45), "held"),
    ],
)
def test_the_whole_interval_decides(claim: Claim, interval: tuple[float, float, float], verdict: str) -> None:
    assert claim.verdict(Interval(*interval)) == verdict


@pytest.mark.parametrize("claim", [at_least(0), at_most(0), equal_to(0, 1)])
def test_one_network_leaves_every_claim_open(claim: Claim) -> None:
    assert claim.verdict(mean_interval([0.2])) == "open"
    assert claim.verdict(Interval(math.nan, 0.0, 1.0)) == "open"


def test_a_claim_of_a_single_number_needs_a_margin() -> None:
    with pytest.raises(ValueError, match="state the margin within which it counts as equal"):
        Claim(0.5, 0.5)
    with pytest.raises(ValueError, match="margin must be"):
        equal_to(0.5, 0)


def test_facts_are_held_or_contradicted() -> None:
    assert (of_fact(True), of_fact(False)) == ("held", "contradicted")


@pytest.mark.parametrize(
    ("parts", "all_parts", "one_part"),
    [
        (["held", "held"], "held", "held"),
        (["held", "open"], "open", "held"),
        (["held", "contradicted"], "contradicted", "held"),
        (["open", "contradicted"], "contradicted", "open"),
        (["contradicted", "contradicted"], "contradicted", "contradicted"),
        (["open"], "open", "open"),
    ],
)
def test_several_verdicts_make_one(parts: list[Verdict], all_parts: str, one_part: str) -> None:
    for order in (parts, parts[::-1]):
        assert (all_of(order), any_of(iter(order))) == (all_parts, one_part)


@pytest.mark.parametrize("join", [all_of, any_of])
def test_no_verdict_or_another_word_is_refused(join: Callable[[list[Any]], str]) -> None:
    with pytest.raises(ValueError, match="at least one, not none"):
        join([])
    with pytest.raises(ValueError, match="a verdict must be 'held', 'contradicted' or 'open', not 'yes'"):
        join(["held", "yes"])


def test_images_of_one_network_are_one_sample() -> None:
    """Networks differ, images of one network are alike: an interval over images alone is far too narrow."""
    rng = np.random.default_rng(0)
    missed = {"over nets": 0, "over images": 0}
    for _ in range(400):
        nets, per_net = 6, 50
        rates = rng.normal(0.5, 0.1, nets)
        values, groups = (rates[:, None] + rng.normal(0, 0.1, (nets, per_net))).ravel(), np.repeat(range(nets), per_net)
        for name, found in (
            ("over nets", interval_over_groups(values, groups)),
            ("over images", mean_interval(values)),
        ):
            missed[name] += not found.low <= 0.5 <= found.high
    assert 0.02 < missed["over nets"] / 400 < 0.09
    assert missed["over images"] / 400 > 0.4


def test_groups_weigh_the_same_whatever_their_size() -> None:
    found = interval_over_groups([0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 2])
    assert found == mean_interval([0, 1, 1])


def test_many_comparisons_take_wider_intervals() -> None:
    values, groups = [0.1, 0.2, 0.3, 0.4], [0, 1, 2, 3]
    one, ten = interval_over_groups(values, groups), interval_over_groups(values, groups, confidence=1 - 0.05 / 10)
    assert ten.low < one.low < one.high < ten.high


@pytest.mark.parametrize(("groups", "message"), [([0], "groups must be 2"), (None, "groups must be"), ([], "groups")])
def test_groups_must_fit_the_values(groups: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        interval_over_groups([0.0, 1.0], groups)  # type: ignore[arg-type]


def test_intervals_of_shares_stay_inside_and_cover_what_those_of_means_cover() -> None:
    """Errors of nets near 0; those of 20 nets through the arc sine would miss the mean in most cases."""
    rng, truth = np.random.default_rng(0), 0.01
    for n, least in ((5, 0.82), (20, 0.88)):
        samples = rng.binomial(100, rng.beta(1, 99, (500, n))) / 100
        found = np.array([share_interval(nets) for nets in samples])
        whole = np.array([mean_interval(nets) for nets in samples])
        assert np.nanmin(found) >= 0
        assert (whole[:, 1] < 0).mean() > 0.01
        covered = (found[:, 1] <= truth) & (truth <= found[:, 2])
        np.testing.assert_array_equal(covered, (whole[:, 1] <= truth) & (truth <= whole[:, 2]))
        assert covered.mean() > least
    angles = np.array([mean_interval(np.arcsin(np.sqrt(nets))) for nets in samples])
    assert np.mean((np.sin(angles[:, 1]) ** 2 <= truth) & (truth <= np.sin(angles[:, 2]) ** 2)) < 0.7


def test_an_interval_of_shares_is_that_of_their_mean_where_it_stays_inside() -> None:
    assert share_interval([0.4, 0.5, 0.45]) == mean_interval([0.4, 0.5, 0.45])
    assert np.isnan(share_interval([1.0, 1.0])[1:]).all()
    assert share_interval([1.0, 1.0], step=0.5).high == 1
    for wrong in ([0.5, 1.5], [-0.1], [], [np.nan]):
        with pytest.raises(ValueError, match="shares must be an array"):
            share_interval(wrong)


def test_the_interval_of_a_difference_is_newcombes():
    """The examples of his Table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/20."""
    published = {(56, 70, 48, 80): (0.0524, 0.3339), (9, 10, 3, 10): (0.1705, 0.8090), (10, 10, 0, 20): (0.6791, 1.0)}
    for (a, m, b, n), (low, high) in published.items():
        found = difference_interval(wilson(a, m), wilson(b, n))
        assert found.value == pytest.approx(a / m - b / n)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_a_difference_from_what_has_no_interval_has_none():
    found = difference_interval(mean_interval([0.5]), wilson(9, 10))
    assert np.isnan([found.low, found.high]).all()
    assert equal_to(0, 1).verdict(found) == "open"
