"""Sparse units: the penalty's gradient, what training does with it, and what it is refused for."""

import numpy as np
import pytest

import nnpg
from nnpg.losses import loss_for
from nnpg.training_methods.full_batch import flatten, mean_loss, unflatten
from nnpg.training_methods.sparsity import Sparsity


def coder():
    return nnpg.build(
        [nnpg.dense(7), nnpg.Sigmoid(), nnpg.dense(12), nnpg.Sigmoid()], input_shape=(12,), rng=0, dtype="float64"
    )


def images():
    return np.random.default_rng(1).random((23, 12))


def test_the_gradient_is_that_of_the_value_whatever_the_batch():
    net, x, rng = coder(), images(), np.random.default_rng(2)
    loss, decay, sparse = loss_for(net, "squared_error"), nnpg.DecayPerUnit(0.1), Sparsity("sigmoid1", 0.1, 2.0)
    w = flatten(net, net.parameters)

    def value(w, batch=23):
        return mean_loss(unflatten(net, w), x, x, loss, decay=decay, sparsity=sparse, batch=batch)

    d, eps = rng.normal(size=w.shape), 1e-6
    slope = (value(w + eps * d)[0] - value(w - eps * d)[0]) / (2 * eps)
    assert value(w)[1] @ d == pytest.approx(slope, rel=1e-6)
    assert value(w)[0] == pytest.approx(value(w, 5)[0], rel=1e-12)
    np.testing.assert_allclose(value(w)[1], value(w, 5)[1], rtol=1e-9, atol=1e-12)


def test_units_become_sparse():
    x = images()
    plain = nnpg.train_lbfgs(coder(), x, x, loss="squared_error", iterations=60).net
    sparse = nnpg.train_lbfgs(
        coder(), x, x, loss="squared_error", iterations=60, sparsity=Sparsity("sigmoid1", 0.05, 10)
    ).net
    rates = [net.forward(x)["sigmoid1"].mean(axis=0) for net in (plain, sparse)]
    assert abs(rates[1] - 0.05).max() < 0.02
    assert abs(rates[0] - 0.05).max() > 0.2


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"rate must be a finite number above 0 and below 1"):
        Sparsity("sigmoid1", rate=1.0)
    x = images()
    with pytest.raises(ValueError, match=r"\['dense1', 'sigmoid1', 'dense2'\], not 'sigmoid2'"):
        nnpg.train_lbfgs(coder(), x, x, loss="squared_error", sparsity=Sparsity("sigmoid2"))
