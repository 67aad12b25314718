"""Shapes by arithmetic are those of the forward pass."""

import numpy as np
import pytest
from layer_rows import ROWS

import nnpg
from nnpg.layers.shapes import is_built_in, output_shape, output_shapes, working_size


@pytest.mark.parametrize("row", [row for row in ROWS if is_built_in(row.layer)], ids=lambda row: row.name)
def test_a_shape_by_arithmetic_is_that_of_the_forward_pass(row):
    k = nnpg.load_backend("numpy")
    y, _ = row.on(k).forward(k, row.x())
    assert output_shape(row.layer, row.shape) == y.shape[1:]
    assert working_size(row.layer, row.shape) >= y[0].size


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nnpg.Dense(np.zeros((2, 3))), (4,), r"takes vectors \(3,\)"),
        (nnpg.Dense(np.zeros((2, 3))), (1, 2, 3), r"takes vectors \(3,\)"),
        (nnpg.Conv(np.zeros((2, 3, 1, 1))), (2, 5, 5), "maps of 3 channels"),
        (nnpg.Conv(np.zeros((2, 3, 1, 1)), groups=2), (3, 5, 5), "in 2 groups takes maps of 6 channels"),
        (nnpg.Conv(np.zeros((2, 3, 6, 1))), (3, 5, 5), "does not fit"),
        (nnpg.Conv(np.zeros((2, 3, 1, 1))), (3,), r"takes maps \(C, H, W\)"),
        (nnpg.MaxPool(3), (2, 2, 2), "does not fit"),
        (nnpg.AvgPool(3), (9,), r"takes maps \(C, H, W\)"),
        (nnpg.LocalResponseNorm(3), (9,), r"takes maps \(C, H, W\)"),
        (nnpg.Center(np.zeros((3, 1, 1))), (2, 5, 5), "mean"),
        (nnpg.Center(np.zeros((2, 1, 2, 2))), (1, 2, 2), "mean"),
        (nnpg.Center(np.zeros((1, 5, 5))), (5,), "mean"),
    ],
)
def test_what_a_layer_cannot_take_is_refused_with_its_name(layer, shape, words):
    with pytest.raises(ValueError, match=words):
        output_shape(layer, shape)
    with pytest.raises(ValueError, match=rf"layer 'mine' \({type(layer).__name__}\) cannot take"):
        output_shapes({"mine": layer}, shape)


def test_layers_of_the_user_are_known_by_their_forward_pass():
    class Twice(nnpg.Flatten):
        def forward(self, k, x):
            y, saved = super().forward(k, x)
            return np.concatenate([y, y], axis=1), saved

    with pytest.raises(TypeError, match="Twice"):
        output_shape(Twice(), (2, 2))
    assert nnpg.Network({"twice": Twice()}, (1, 2, 2)).shapes == {"input": (1, 2, 2), "twice": (8,)}
