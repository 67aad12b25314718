"""The strongest unit of each image, its place, and how a map ranks such places."""

import numpy as np
import pytest

import nnpg
from nnpg.maps.evidence import contribution_map
from nnpg.maps.strongest import contributing_places, distances_of_places, place_ranks, strongest_units


@pytest.fixture
def net():
    recipe = [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()]
    return nnpg.build(recipe, input_shape=(1, 8, 8), rng=0, backend="numpy")


def test_the_strongest_unit_has_the_highest_gradient_of_its_class(net):
    x, classes = np.random.default_rng(0).random((5, 1, 8, 8)), np.array([0, 1, 2, 0, 1])
    strongest = strongest_units(net, x, classes)
    deltas = nnpg.prediction_gradient(net, x, layers="pool1", classes="true", labels=classes)["pool1"]
    for n in range(5):
        assert deltas[n, strongest.filters[n], strongest.units[n, 0], strongest.units[n, 1]] == deltas[n].max()
    assert (strongest.gradients == deltas).all()
    assert (strongest.places == 2 * strongest.units + 2).all()  # it sees 4 x 4 pixels from twice its row
    assert strongest.leading_share == max(np.mean(strongest.filters == f) for f in range(3))


def test_another_layer_can_be_asked_for(net):
    strongest = strongest_units(net, np.random.default_rng(0).random((2, 1, 8, 8)), [0, 1], layer="tanh1")
    assert strongest.outputs.shape == (2, 3, 6, 6)


def test_contributing_places_are_where_the_map_is_highest(net):
    x = np.random.default_rng(0).random((4, 1, 8, 8))
    maps = contribution_map(net, x[:2], [0, 1], reference=x)
    places = contributing_places(net, x[:2], [0, 1], reference=x, rng=0)
    assert all(maps[n][tuple(places[n])] == np.nanmax(maps[n]) for n in range(2))


def test_ranks_are_shares_of_the_places_below_and_ties_count_half():
    maps = np.random.default_rng(0).integers(0, 4, (3, 5, 6)).astype(float)
    places = np.array([[0, 0], [4, 5]])
    ranks = place_ranks(maps, places)
    for n, one in enumerate(maps):
        for m, (i, j) in enumerate(places):
            assert ranks[n, m] == pytest.approx(((one < one[i, j]).sum() + (one == one[i, j]).sum() / 2) / 30)
    with pytest.raises(ValueError, match="places must be rows and columns"):
        place_ranks(maps, [[5, 0]])


def test_distances_are_means_over_pairs_of_one_class_and_of_two():
    same, different = distances_of_places([[0, 0], [0, 2], [3, 4]], [0, 0, 1])
    assert same == 2
    assert different == pytest.approx((5 + np.hypot(3, 2)) / 2)
    with pytest.raises(ValueError, match="two images of one class"):
        distances_of_places([[0, 0], [1, 1]], [0, 1])


def test_the_strongest_unit_and_the_middle_of_its_receptive_field():
    net = nnpg.build([nnpg.conv(2, 3), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()],
                     input_shape=(1, 8, 8), rng=0, dtype="float64")  # fmt: skip
    W = np.zeros((2, 2, 3, 3))  # class, filter, place
    W[0, 1, 2, 0], W[0, 0, 1, 1], W[1, 0, 0, 2] = 3, -9, 2
    net = net.replace("dense1", W=W.reshape(2, -1))
    strongest = strongest_units(net, np.random.default_rng(0).random((2, 1, 8, 8)), np.array([0, 1]))
    assert strongest.filters.tolist() == [1, 0]  # y_1 = 1 - y_0: evidence against class 0 is evidence for class 1
    assert strongest.places.tolist() == [[6, 2], [4, 4]]
    assert strongest.field.box(1, 1) == (2, 2, 4, 4)


def test_ranks_where_the_map_ascends_and_where_all_places_are_alike():
    ascending = np.arange(16.0).reshape(1, 4, 4)
    assert place_ranks(ascending, [[3, 3], [0, 0]])[0] == pytest.approx([31 / 32, 1 / 32])
    assert place_ranks(np.zeros((2, 4, 4)), [[0, 0], [2, 2]]).tolist() == [[0.5, 0.5]] * 2


def test_a_network_without_feature_maps_is_refused():
    flat = nnpg.build([nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 3, 3), rng=0)
    with pytest.raises(ValueError, match="no convolutional block: say which layer"):
        strongest_units(flat, np.zeros((1, 1, 3, 3)), [0])
