"""The computations of the TH experiments, on cases whose answer is known by hand."""

import numpy as np
import pytest

from experiments.thesis.covering import CONTRIBUTION, GRADIENT, Ranks, cost_rows, costs_in_words, in_conditions
from experiments.thesis.easiest_targets import chosen_apart, chosen_by_others
from nnpg.analysis.verdicts import at_least
from nnpg.data import faces


def test_conditions_choose_images():
    data = faces(identities=2)
    chosen = in_conditions(data, ("normal", "sad"))
    assert [data.conditions[i] for i in chosen] == ["normal", "sad"] * 2


def test_the_claim_holds_only_above_the_average_place_and_above_other_peoples():
    def verdict(rank, others):
        costs = [dict.fromkeys((GRADIENT, CONTRIBUTION), Ranks(rank + d, others - d)) for d in (-0.01, 0.0, 0.01)]
        place, more, *_ = cost_rows("x", costs, 0.975, at_least(0.5, "words"))
        assert (place.paper, place.n, more.ours) == (1.0, 3, pytest.approx(rank - others))
        assert (place.over, place.interval, more.verdict) == ("nets", "97.5% t over nets", None)
        assert (place.claim, more.claim) == ("words", "")
        return place.verdict

    assert verdict(0.9, 0.6) == "held"
    assert verdict(0.9, 0.9) == "open"  # not more than the centre of any face
    assert verdict(0.51, 0.3) == "open"  # not shown to be above the average place
    assert verdict(0.3, 0.2) == "contradicted"
    assert verdict(0.6, 0.9) == "contradicted"


def test_the_claim_in_words_reads_the_rows():
    costs = [{GRADIENT: Ranks(0.9 + d, 0.6 - d), CONTRIBUTION: Ranks(0.8 + d, 0.7 + d)} for d in (-0.01, 0.0, 0.01)]
    rows = cost_rows("x", costs, 0.975, at_least(0.5))
    assert costs_in_words(rows, "x") == ("held", "90%", "60%", "80%", "70%")


class Changed:
    """A sweep of images whose targets are 0, 1 and 2; success is (steps, images, targets)."""

    def __init__(self, success):
        self.success = np.asarray(success)
        self.targets = np.tile(np.arange(3), (self.success.shape[1], 1))

    def of_target(self, target):
        return self.targets == target


def test_the_easiest_and_the_hardest_target_are_judged_on_images_that_did_not_choose_them():
    same = np.tile([True, False, False], (1, 4, 1))  # target 0 is reached from every image, in one step
    assert chosen_apart(Changed(same)) == 1
    halves = np.zeros((1, 4, 3), bool)  # the halves disagree: each finds easy what the other never reaches
    halves[:, 0::2, 0] = halves[:, 1::2, 1] = True
    assert chosen_apart(Changed(halves)) == -1
    steps = np.zeros((2, 4, 3), bool)  # target 0 is reached in the first step by one half, in the second by the other
    steps[0, 0::2, 0] = steps[1, 1::2, 0] = True
    assert chosen_apart(Changed(steps)) == 0
    assert np.isnan(chosen_apart(Changed(same[:, :1])))


def test_the_easiest_and_the_hardest_target_are_judged_on_nets_that_did_not_choose_them():
    one, two = np.zeros((2, 4, 3), bool), np.zeros((2, 4, 3), bool)
    one[0, :, 0] = two[0, :, 1] = True  # the nets disagree: each finds easy what the other never reaches
    assert chosen_by_others([Reaching(one), Reaching(two)]) == [-1, -1]
    assert chosen_by_others([Reaching(one), Reaching(one)]) == [1, 1]
    assert np.isnan(chosen_by_others([Reaching(one)])).all()


class Reaching(Changed):
    """The same, with the share of the images that each step changes to a target."""

    def success_curve(self, target):
        return self.success[:, :, target].mean(axis=1)
