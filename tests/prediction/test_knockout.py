"""Knock-out: what it sets, what it leaves alone, and that the fast sweep is the slow one."""

import numpy as np
import pytest

import nnpg
from nnpg import Filter, knock_out, knock_out_curve, knock_out_curves


def net(dtype="float64"):
    recipe = [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.conv(4, 2), nnpg.Tanh(), nnpg.Flatten()]
    return nnpg.build([*recipe, nnpg.dense(3), nnpg.Softmax()], input_shape=(1, 8, 8), rng=0, dtype=dtype)


X = np.random.default_rng(1).normal(size=(11, 1, 8, 8))
LABELS = np.arange(11) % 3
ORDER = [("tanh2", 3), ("pool1", 1), ("tanh2", 0), ("pool1", 0), ("pool1", 2), ("tanh2", 1), ("tanh2", 2)]


def test_zero_mean_and_resample_set_what_they_say_and_nothing_else():
    n, intact = net(), net().forward(X)["pool1"]
    zero = knock_out(n, [("pool1", 1)]).forward(X)["pool1"]
    mean = knock_out(n, [("pool1", 1)], to="mean", reference=X).forward(X)["pool1"]
    other = knock_out(n, [("pool1", 1)], to="resample", reference=X, rng=0).forward(X)["pool1"]
    assert not zero[:, 1].any()
    np.testing.assert_allclose(mean[:, 1], np.broadcast_to(intact[:, 1].mean(axis=0), mean[:, 1].shape))
    assert all(any((row == row_of_original).all() for row_of_original in intact[:, 1]) for row in other[:, 1])
    assert (other[:, 1] != intact[:, 1]).any()
    for changed in (zero, mean, other):
        np.testing.assert_array_equal(changed[:, [0, 2]], intact[:, [0, 2]])


def test_the_original_is_untouched_and_shares_its_layers():
    n = net()
    y = nnpg.predict(n, X)
    dead = knock_out(n, ORDER)
    assert all(dead.layers[name] is n.layers[name] for name in n.layers)
    np.testing.assert_array_equal(nnpg.predict(n, X), y)


@pytest.mark.parametrize("to", ["zero", "mean", "resample"])
@pytest.mark.parametrize("batch", [11, 4])
def test_the_sweep_that_reruns_only_what_changed_is_the_loop_over_whole_networks(to, batch):
    n = net()
    settings = {"to": to, "reference": X, "rng": 5}
    curve = knock_out_curve(n, X, LABELS, ORDER, batch=batch, **settings)
    for step in range(len(ORDER) + 1):
        whole = nnpg.predict(knock_out(n, ORDER[:step], **settings), X, batch=batch).argmax(axis=1)
        np.testing.assert_array_equal(curve.predictions[step], whole)
    assert len({tuple(p) for p in curve.predictions}) > 2, "the sweep must change predictions, or it tests nothing"


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("to", ["zero", "mean", "resample"])
def test_several_orders_are_each_order_alone(backend, to):
    n, settings = net().to(backend), {"to": to, "reference": X}
    orders = [ORDER, [], ORDER[::-2], [("dense1", 2), *ORDER[:2]]]
    for rng in (5, None) if to != "resample" else (5,):
        together = knock_out_curves(n, X, LABELS, orders, rng=rng, batch=4, **settings)
        for one, order in zip(together, orders, strict=True):
            alone = knock_out_curve(n, X, LABELS, order, rng=rng, batch=4, **settings)
            np.testing.assert_array_equal(one.predictions, alone.predictions)
            assert (one.filters, one.computed, one.K) == (alone.filters, alone.computed, alone.K)
    drawn = [np.random.default_rng(7) for _ in range(2)]
    together = knock_out_curves(n, X, LABELS, orders, rng=drawn[0], **settings)
    for one, order in zip(together, orders, strict=True):  # a Generator draws for one order after the other
        alone = knock_out_curve(n, X, LABELS, order, rng=drawn[1], **settings)
        np.testing.assert_array_equal(one.predictions, alone.predictions)
    assert knock_out_curves(n, X, LABELS, [], rng=5, **settings) == ()


def test_with_everything_out_the_prediction_is_constant():
    curve = knock_out_curve(net(), X, LABELS, ORDER)
    assert len(set(curve.predictions[0])) > 1
    assert len(set(curve.predictions[-1])) == 1


def test_errors_modes_and_confusion_by_hand():
    labels = np.array([0, 0, 0, 1, 1])
    predictions = np.array([[0, 0, 0, 1, 1], [0, 1, 1, 1, 0]])
    k = nnpg.Knockout((Filter("pool1", 0),), predictions, labels, 3)
    np.testing.assert_allclose(k.overall_error, [0, 3 / 5])
    np.testing.assert_allclose(k.class_error(0), [0, 2 / 3])
    np.testing.assert_array_equal(k.confusion(1), [[1, 2, 0], [1, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(k.modes, [[0, 1, 0], [1, 0, 0]])


def test_a_knocked_out_filter_passes_no_gradient_back():
    n = knock_out(net(), [("pool1", 1)])
    trace = n.forward(X)
    deltas = n.backward(trace, np.random.default_rng(0).normal(size=trace.y.shape))
    assert deltas["pool1"][:, 1].any(), "the derivative with respect to the value it was set to"
    assert not deltas["tanh1"][:, 1].any()
    assert deltas["tanh1"][:, 0].any()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"filters": [("pool9", 0)]}, KeyError, "no output named 'pool9'"),
        ({"filters": [("pool1", 3)]}, IndexError, "'pool1' has filters 0 .. 2, not 3"),
        ({"filters": ORDER, "to": "one"}, ValueError, "to must be 'zero', 'mean' or 'resample', not 'one'"),
        ({"filters": ORDER, "to": "mean"}, ValueError, "needs reference images"),
        ({"filters": ORDER, "to": "resample", "reference": X}, ValueError, "pass rng"),
    ],
)
def test_bad_arguments_are_answered_in_words(arguments, error, words):
    with pytest.raises(error, match=words):
        knock_out(net(), **arguments)
    with pytest.raises(error, match=words):
        knock_out_curve(net(), X, LABELS, **arguments)
