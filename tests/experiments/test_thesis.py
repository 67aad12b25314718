"""The computations of the TH experiments, on cases whose answer is known by hand."""

import pytest

from experiments.thesis.covering import CONTRIBUTION, GRADIENT, Ranks, claim, cost_rows, in_conditions
from nnpg.data import faces


def test_conditions_choose_images():
    data = faces(identities=2)
    chosen = in_conditions(data, ("normal", "sad"))
    assert [data.conditions[i] for i in chosen] == ["normal", "sad"] * 2


def test_the_claim_holds_only_above_the_average_place_and_above_other_peoples():
    def held(rank, others):
        costs = [dict.fromkeys((GRADIENT, CONTRIBUTION), Ranks(rank + d, others + d)) for d in (-0.01, 0.0, 0.01)]
        place, more, *_ = cost_rows("x", costs)
        assert (place.paper, place.n, more.ours) == (1.0, 3, pytest.approx(rank - others))
        return place.held

    assert held(0.9, 0.6)
    assert not held(0.9, 0.9)  # not more than the centre of any face
    assert not held(0.51, 0.3)  # no better than the average place


def test_the_claim_in_words_reads_the_rows():
    costs = [{GRADIENT: Ranks(0.9 + d, 0.6 + d), CONTRIBUTION: Ranks(0.8 + d, 0.7 + d)} for d in (-0.01, 0.0, 0.01)]
    assert claim(cost_rows("x", costs), "x") == ("held", "90%", "60%", "80%", "70%")
