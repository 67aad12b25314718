"""The computations of the TH experiments, on cases whose answer is known by hand."""

import numpy as np
import pytest

import nnpg
from experiments.thesis.strongest_units import (
    GRADIENT,
    _ranks,
    cost_rows,
    in_conditions,
    leading_share,
    spread,
    strongest_units,
)
from experiments.thesis.th5_likeness import most_like
from nnpg.data import faces


def test_the_strongest_unit_and_the_middle_of_its_receptive_field():
    net = nnpg.build([nnpg.conv(2, 3), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()],
                     input_shape=(1, 8, 8), rng=0, dtype="float64")  # fmt: skip
    W = np.zeros((2, 2, 3, 3))  # class, filter, place
    W[0, 1, 2, 0], W[0, 0, 1, 1], W[1, 0, 0, 2] = 3, -9, 2
    net = net.replace("dense1", W=W.reshape(2, -1))
    found = strongest_units(net, np.random.default_rng(0).random((2, 1, 8, 8)), np.array([0, 1]))
    assert found.filters.tolist() == [1, 0]  # y_1 = 1 - y_0: evidence against class 0 is evidence for class 1
    assert found.places.tolist() == [[6, 2], [4, 4]]
    assert found.field.box(1, 1) == (2, 2, 4, 4)


def test_the_rank_of_a_cost_among_all_places():
    cost = np.arange(16.0).reshape(1, 4, 4).repeat(2, axis=0)
    same, others = _ranks(cost, np.array([[3, 3], [0, 0]]), np.array([0, 1]))
    assert same == pytest.approx((31 / 32 + 1 / 32) / 2)
    assert others == pytest.approx((31 / 32 + 1 / 32) / 2)
    assert _ranks(cost, np.array([[3, 3], [3, 3]]), np.array([0, 1])) == pytest.approx((31 / 32, 31 / 32))
    assert _ranks(np.zeros((2, 4, 4)), np.array([[0, 0], [2, 2]]), np.array([0, 1])) == (0.5, 0.5)  # all places alike


def test_distances_and_shares():
    places, labels = np.array([[0, 0], [0, 2], [6, 8], [6, 8]]), np.array([0, 0, 1, 1])
    within, between = spread(places, labels)
    assert within == 1  # 2 and 0
    assert between == pytest.approx((10 + np.hypot(6, 6)) / 2)
    assert leading_share(np.array([4, 1, 4, 4])) == 0.75


def test_conditions_choose_images():
    data = faces(identities=2)
    chosen = in_conditions(data, ("normal", "sad"))
    assert [data.conditions[i] for i in chosen] == ["normal", "sad"] * 2


def test_the_class_next_to_the_true_one():
    net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(3,), rng=0).replace("dense1", W=np.eye(3, dtype="f"))
    assert most_like(net, np.array([[3.0, 2, 1], [3, 2, 1]]), np.array([0, 2])).tolist() == [1, 0]


def test_the_claim_holds_only_above_the_average_place_and_above_other_peoples():
    def held(rank, others):
        costs = [{GRADIENT: (rank + shift, others + shift)} for shift in (-0.01, 0.0, 0.01)]
        place, more = cost_rows("x", costs)
        assert (place.paper, place.n, more.ours) == (1.0, 3, pytest.approx(rank - others))
        return place.held

    assert held(0.9, 0.6)
    assert not held(0.9, 0.9)  # no more than the middle of any face
    assert not held(0.51, 0.3)  # no better than the average place
