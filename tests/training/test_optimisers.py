"""SGD step by step, by hand and against Torch; both decays; nothing is changed in place."""

import numpy as np
import pytest
from parameters import changed, flat

import nnpg
from nnpg import SGD, DecayPerUnit, PlainDecay
from nnpg.optimisers import penalty


def net_and_gradients(seed=0):
    net = nnpg.build([nnpg.dense(3), nnpg.Tanh(), nnpg.dense(2)], input_shape=(4,), rng=seed, dtype="float64")
    rng = np.random.default_rng(seed + 1)
    steps = [changed(net.parameters, lambda array: rng.normal(size=array.shape)) for _ in range(4)]
    return net, steps


def test_three_steps_by_hand():
    """w0 = 1, g = 1, 2, 3; lr 0.1, momentum 0.5: v = 1, 2.5, 4.25; w = 0.9, 0.65, 0.225."""
    net = nnpg.build([nnpg.dense(1, bias=False)], input_shape=(1,), rng=0, dtype="float64")
    net = net.replace("dense1", W=np.array([[1.0]]))
    sgd = SGD(lr=0.1, momentum=0.5)
    state, weights = sgd.start(net), []
    for g in (1.0, 2.0, 3.0):
        net, state = sgd.step(net, {"dense1": {"W": np.array([[g]])}}, state)
        weights.append(net.layers["dense1"].W.item())
    np.testing.assert_allclose(weights, [0.9, 0.65, 0.225], rtol=1e-15)


def test_learning_rate_decays_as_in_torch7():
    """lr_t = lr / (1 + t decay), t from 0: 1, 1/2, 1/3."""
    net = nnpg.build([nnpg.dense(1, bias=False)], input_shape=(1,), rng=0, dtype="float64").replace(
        "dense1", W=np.zeros((1, 1))
    )
    sgd = SGD(lr=1.0, lr_decay=1.0)
    state, steps = sgd.start(net), [0.0]
    for _ in range(3):
        net, state = sgd.step(net, {"dense1": {"W": np.ones((1, 1))}}, state)
        steps.append(net.layers["dense1"].W.item())
    np.testing.assert_allclose(-np.diff(steps), [1, 1 / 2, 1 / 3], rtol=1e-15)


@pytest.mark.parametrize("decay", [PlainDecay(0.3), DecayPerUnit(0.3), DecayPerUnit({"dense1": 0.2})])
def test_the_gradient_of_a_decay_is_the_derivative_of_its_value(decay):
    rng = np.random.default_rng(0)
    w, r, eps = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), 1e-6
    for name in ("dense1", "dense2"):
        numeric = (decay.value(name, "W", w + eps * r) - decay.value(name, "W", w - eps * r)) / (2 * eps)
        np.testing.assert_allclose((decay.gradient(name, "W", w) * r).sum(), numeric, atol=1e-8)


def test_szegedys_decay_divides_by_the_units_of_each_layer_and_spares_biases():
    net, _ = net_and_gradients()
    W1, W2 = net.layers["dense1"].W, net.layers["dense2"].W  # 3 and 2 units
    np.testing.assert_allclose(penalty(net, DecayPerUnit(0.1)), 0.1 * ((W1**2).sum() / 3 + (W2**2).sum() / 2))
    assert not DecayPerUnit(0.1).gradient("dense1", "b", np.ones(3)).any()
    assert penalty(net, None) == 0.0


def test_a_step_changes_nothing_that_was_given():
    net, (g, *_) = net_and_gradients()
    before = flat(changed(net.parameters, np.copy))
    sgd = SGD(lr=0.1, momentum=0.9, decay=PlainDecay(0.1))
    state = sgd.start(net)
    sgd.step(net, g, state)
    after = flat(net.parameters)
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)
    assert state.t == 0
    assert not state.velocity


def test_layers_without_gradients_keep_their_weights():
    net, (g, *_) = net_and_gradients()
    after, _ = SGD(lr=0.1).step(net, {"dense2": g["dense2"]}, SGD(lr=0.1).start(net))
    assert after.layers["dense1"] is net.layers["dense1"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr": 0}, "lr must be a finite number above 0, not 0"),
        ({"lr": 1, "momentum": 1.0}, r"momentum must be a finite number of at least 0 and below 1, not 1"),
        ({"lr": 1, "lr_decay": -1}, "lr_decay"),
    ],
)
def test_impossible_settings_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        SGD(**settings)


@pytest.mark.oracle
def test_against_torch():
    torch = pytest.importorskip("torch", reason="the oracle extra is not installed: pip install 'nnpg[oracle]'")
    net, steps = net_and_gradients()
    weights = [torch.nn.Parameter(torch.tensor(array)) for array in flat(net.parameters).values()]
    theirs = torch.optim.SGD(weights, lr=0.1, momentum=0.9, weight_decay=0.05)
    sgd = SGD(lr=0.1, momentum=0.9, decay=PlainDecay(0.05))
    state = sgd.start(net)
    for gradients in steps:
        net, state = sgd.step(net, gradients, state)
        for p, g in zip(weights, flat(gradients).values(), strict=True):
            p.grad = torch.tensor(g)
        theirs.step()
    for p, w in zip(weights, flat(net.parameters).values(), strict=True):
        np.testing.assert_allclose(w, p.detach().numpy(), rtol=0, atol=1e-14)
