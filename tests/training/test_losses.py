"""Each loss's seed is the derivative of its value, and it agrees with the formula in the papers."""

import numpy as np
import pytest

import nnpg
from nnpg.losses import LOSSES, binary_cross_entropy, loss_for, one_hot, softmax_cross_entropy, squared_error

K = nnpg.load_backend("numpy")


def net_ending_in(last):
    return nnpg.build([nnpg.dense(4), last], input_shape=(3,), rng=0, dtype="float64")


CASES = [
    (softmax_cross_entropy, nnpg.Softmax(), "dense1"),
    (softmax_cross_entropy, nnpg.Tanh(), "tanh1"),
    (binary_cross_entropy, nnpg.Sigmoid(), "dense1"),
    (binary_cross_entropy, nnpg.Softmax(), "softmax1"),
    (squared_error, nnpg.Tanh(), "tanh1"),
]


@pytest.mark.parametrize(("make", "last", "at"), CASES)
def test_seed_is_the_derivative_of_the_value_and_enters_where_it_says(make, last, at):
    net, rng = net_ending_in(last), np.random.default_rng(1)
    loss = make(net)
    assert loss.layer == at
    z, t, r = net.forward(rng.normal(size=(5, 3)))[at], rng.integers(4, size=5), rng.normal(size=(5, 4))
    eps = 1e-6
    numeric = (loss.value(K, z + eps * r, t) - loss.value(K, z - eps * r, t)) / (2 * eps)
    np.testing.assert_allclose((loss.seed(K, z, t) * r).sum(axis=1), numeric, rtol=1e-7, atol=1e-9)


def test_the_chain_through_the_squashing_function_gives_the_same_delta_at_the_logits():
    """dL/dy sent through Softmax.backward is the y - t that enters at the logits."""
    net, rng = net_ending_in(nnpg.Softmax()), np.random.default_rng(2)
    trace, t = net.forward(rng.normal(size=(5, 3))), rng.integers(4, size=5)
    y, hot = trace["softmax1"], one_hot(K, t, trace["softmax1"])
    through = net.backward(trace, -hot / y)["dense1"]  # d(-log y_t)/dy
    np.testing.assert_allclose(through, softmax_cross_entropy(net).seed(K, trace["dense1"], t), atol=1e-14)


def test_binary_cross_entropy_is_minus_thesis_equation_2_2_in_both_forms():
    net, rng = net_ending_in(nnpg.Sigmoid()), np.random.default_rng(3)
    trace, t = net.forward(rng.normal(size=(6, 3))), rng.integers(4, size=6)
    y, hot = trace["sigmoid1"], one_hot(K, t, trace["sigmoid1"])
    expected = -(hot * np.log(y) + (1 - hot) * np.log(1 - y)).sum(axis=1)
    np.testing.assert_allclose(binary_cross_entropy(net).value(K, trace["dense1"], t), expected, rtol=1e-12)
    at_y = binary_cross_entropy(net_ending_in(nnpg.Softmax()))
    np.testing.assert_allclose(at_y.value(K, y, t), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "last"), [(softmax_cross_entropy, nnpg.Softmax()), (binary_cross_entropy, nnpg.Sigmoid())]
)
def test_sure_and_wrong_is_a_large_finite_loss(make, last):
    loss, z = make(net_ending_in(last)), np.array([[1e4, 0, 0, -1e4]])
    assert np.isfinite(loss.value(K, z, [3])).all()
    assert loss.value(K, z, [3])[0] >= 1e4
    assert np.isfinite(loss.seed(K, z, [3])).all()


def test_soft_targets_are_taken_as_they_are():
    net = net_ending_in(nnpg.Softmax())
    t = np.array([[0.2, 0.3, 0.5, 0.0]])
    value = softmax_cross_entropy(net).value(K, np.log([[0.1, 0.2, 0.3, 0.4]]), t)
    np.testing.assert_allclose(value, -(t * np.log([[0.1, 0.2, 0.3, 0.4]])).sum())


def test_losses_go_by_name_and_an_unknown_name_lists_them():
    net = net_ending_in(nnpg.Softmax())
    assert all(loss_for(net, name).name == name for name in LOSSES)
    with pytest.raises(
        ValueError, match="'softmax_cross_entropy', 'binary_cross_entropy', 'squared_error' or a function"
    ):
        loss_for(net, "hinge")
