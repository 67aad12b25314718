"""Change of units between images and their adversarial images, on cases worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import nnpg
from nnpg.training_methods.volatility import change_of, unit_changes, unit_output

MAPS = arrays(np.float64, (2, 3, 2, 2), elements=st.floats(-10, 10))


@given(MAPS, MAPS)
def test_the_change_of_the_norm_is_at_most_the_norm_of_the_change(a, b):
    change = change_of(a, b)
    assert (change.volatility <= change.shift + 1e-9).all()


def test_a_map_that_turns_has_shift_but_no_volatility():
    a = np.zeros((1, 2, 1, 2))
    a[0, 0] = [3, 4]
    b = np.zeros_like(a)
    b[0, 0], b[0, 1] = [-4, 3], [0, 2]
    change = change_of(a, b)
    assert change.before.tolist() == [[5, 0]]
    assert change.after.tolist() == [[5, 2]]
    assert change.volatility.tolist() == [[0, 2]]
    assert change.shift == pytest.approx(np.array([[np.sqrt(50), 2]]))


def test_batches_do_not_matter_and_layers_are_measured_from_one_pass():
    net = nnpg.build([nnpg.conv(3, 3), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(4), nnpg.ReLU()],
                     input_shape=(1, 6, 6), rng=0, dtype="float64")  # fmt: skip
    x, adversarial = np.random.default_rng(0).standard_normal((2, 7, 1, 6, 6))
    whole = unit_changes(net, x, adversarial, layers=("pool1", "relu2"))
    small = unit_changes(net, x, adversarial, layers=("pool1", "relu2"), batch=3)
    assert whole["pool1"].shift.shape == (7, 3)
    for name in whole:
        np.testing.assert_allclose(whole[name].shift, small[name].shift)
    a, b = (net.forward(one)["pool1"] for one in (x, adversarial))
    np.testing.assert_allclose(whole["pool1"].of("shift"), np.linalg.norm((b - a).reshape(7, 3, -1), axis=2))
    with pytest.raises(ValueError, match="same number"):
        unit_changes(net, x, adversarial[:3], layers="pool1")
    with pytest.raises(KeyError, match="pool9"):
        unit_changes(net, x, adversarial, layers="pool9")
    with pytest.raises(ValueError, match="volatility"):
        whole["pool1"].of("length")


def test_where_units_are_read():
    net = nnpg.build([nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(4), nnpg.ReLU(),
                      nnpg.dense(2), nnpg.Softmax()], input_shape=(1, 6, 6), rng=0)  # fmt: skip
    assert [unit_output(net, layer=name) for name in ("conv1", "dense1", "dense2")] == ["pool1", "relu1", "dense2"]
    for wrong in ("tanh1", "conv9"):
        with pytest.raises(KeyError, match="conv1, dense1, dense2"):
            unit_output(net, layer=wrong)
