"""Deleting the highest places of a map, on cases whose answer is known by hand."""

import numpy as np
import pytest

import nnpg
from nnpg.maps.deletion import deletion_cost, map_agreement


def net():
    return nnpg.build([nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()], input_shape=(1, 1, 4), rng=0, dtype="float64")


def test_the_cost_is_that_of_setting_the_highest_places_to_their_average():
    x = np.array([[[[1.0, 2, 3, 4]]], [[[5, 2, 3, 4]]]])
    maps = np.array([[[9.0, 0, 0, np.nan]], [[9, 0, 0, np.nan]]])
    changed = x.copy()
    changed[:, 0, 0, 0] = 3
    fall = np.log(nnpg.predict(net(), x)[:, 0]) - np.log(nnpg.predict(net(), changed)[:, 0])
    np.testing.assert_allclose(deletion_cost(net(), x, [0, 0], maps, share=0.25), fall)


def test_nothing_deleted_costs_nothing_and_places_without_a_number_go_last():
    x = np.random.default_rng(0).random((3, 1, 1, 4))
    maps = np.array([[[np.nan, -5.0, 1, 2]]] * 3)
    assert not deletion_cost(net(), x, [0, 1, 0], maps, share=0).any()
    black = np.zeros((1, 1, 4))
    three = deletion_cost(net(), x, [0, 1, 0], maps, share=0.75, fill=black)
    remaining = x.copy()
    remaining[..., 1:] = 0
    y, without = (np.log(nnpg.predict(net(), images)[np.arange(3), [0, 1, 0]]) for images in (x, remaining))
    np.testing.assert_allclose(three, y - without)


def test_what_does_not_fit_is_refused():
    x = np.zeros((2, 1, 1, 4))
    with pytest.raises(ValueError, match="one map for each image, not an array float64"):
        deletion_cost(net(), x, [0, 0], np.zeros((2, 4, 1)), share=0.5)
    with pytest.raises(ValueError, match="share must be a finite number of at least 0 and of at most 1, not 5"):
        deletion_cost(net(), x, [0, 0], np.zeros((2, 1, 4)), share=5)


def test_agreement_counts_only_places_where_both_maps_say_something():
    a = np.array([[[1.0, 2, 3, np.nan]], [[np.nan, 1, np.nan, 2]]])
    b = np.array([[[2.0, 4, np.nan, 9]], [[1, np.nan, 2, np.nan]]])
    assert map_agreement(a, a)[0] == pytest.approx(1)
    assert map_agreement(a, -a)[0] == pytest.approx(-1)
    assert map_agreement(a, b)[0] == pytest.approx(1)
    assert np.isnan(map_agreement(a, b)[1])
