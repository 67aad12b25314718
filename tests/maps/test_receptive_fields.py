"""What a unit sees, against where its gradient at the pixels is not zero."""

import numpy as np
import pytest

import nnpg
from nnpg.maps.receptive_fields import ReceptiveField, receptive_field

NETS = [
    [nnpg.conv(2, 5), nnpg.Tanh(), nnpg.AvgPool(2), nnpg.conv(2, 3)],
    [nnpg.conv(2, (3, 2), stride=(2, 3)), nnpg.Sigmoid(), nnpg.conv(2, 3, dilation=2)],
    [nnpg.conv(2, 3, padding=(2, 0, 1, 0)), nnpg.AvgPool(3, 2, padding=1), nnpg.conv(2, 2)],
]


@pytest.mark.parametrize("recipe", NETS)
def test_a_unit_sees_exactly_the_pixels_with_a_gradient(recipe):
    net = nnpg.build(recipe, input_shape=(1, 17, 15), rng=0, dtype="float64")
    x = np.random.default_rng(0).normal(size=(1, 1, 17, 15))
    trace = net.forward(x)
    for layer in net.names:
        field, (_, _, H, W) = receptive_field(net, layer=layer), trace[layer].shape
        for i, j in ((0, 0), (H - 1, W - 1), (H // 2, W // 2)):
            seed = np.zeros(trace[layer].shape)
            seed[0, 0, i, j] = 1
            has_gradient = net.backward(trace, seed, start=layer)["input"][0, 0] != 0
            top, left, height, width = field.box(i, j)
            inside = np.zeros((17, 15), bool)
            inside[max(top, 0) : top + height, max(left, 0) : left + width] = True
            assert not has_gradient[~inside].any(), (layer, i, j)
            rows, columns = np.flatnonzero(has_gradient.any(axis=1)), np.flatnonzero(has_gradient.any(axis=0))
            edges = max(top, 0), min(top + height, 17) - 1, max(left, 0), min(left + width, 15) - 1
            if layer == "conv2" and "dilation" in str(recipe):  # a gap may reach over the edge
                continue
            assert (rows[0], rows[-1], columns[0], columns[-1]) == edges, (layer, i, j)


def test_numbers_lie_in_the_middle_of_what_their_units_see():
    net = nnpg.build([nnpg.conv(1, 5), nnpg.MaxPool(2)], input_shape=(1, 12, 12), rng=0)
    field = receptive_field(net, layer="pool1")
    picture = field.spread(np.arange(16.0).reshape(1, 4, 4), (12, 12))[0]
    for i in range(4):
        for j in range(4):
            rows, columns = np.nonzero(picture == 4 * i + j)
            top, left, height, width = field.box(i, j)
            assert (rows.mean(), columns.mean()) == (top + (height - 1) / 2, left + (width - 1) / 2)
            assert len(rows) == 4
    assert np.isnan(picture).sum() == 144 - 64


def test_pixels_are_their_own_place():
    assert receptive_field(nnpg.build([nnpg.Tanh()], input_shape=(1, 3, 4), rng=0), layer="input") == ReceptiveField(
        (0, 0), (1, 1), (1, 1)
    )
    maps = np.random.default_rng(0).random((2, 3, 4))
    np.testing.assert_array_equal(ReceptiveField((0, 0), (1, 1), (1, 1)).spread(maps, (3, 4)), maps)


def test_units_without_a_place_are_refused():
    net = nnpg.build([nnpg.conv(2, 3), nnpg.Flatten(), nnpg.dense(3), nnpg.Tanh()], input_shape=(1, 5, 5), rng=0)
    with pytest.raises(ValueError, match=r"'tanh1' is no feature map.*after 'flatten1'"):
        receptive_field(net, layer="tanh1")
    with pytest.raises(KeyError, match="no output named 'pool1'"):
        receptive_field(net, layer="pool1")
    with pytest.raises(ValueError, match=r"the input \(4,\) is no image"):
        receptive_field(nnpg.build([nnpg.Tanh()], input_shape=(4,), rng=0), layer="input")
