"""The adversarial pool: its examples, what they train, and that they are made without dropout."""

import numpy as np
import pytest
from attack_nets import digits, sigmoid_net

import nnpg
from nnpg.losses import loss_for
from nnpg.optimisers import SGD
from nnpg.training_methods.adversarial_pool import AdversarialPool, PoolState

AT = ("input", "sigmoid1", "sigmoid2")


@pytest.fixture(scope="module")
def net():
    return sigmoid_net()


@pytest.fixture(scope="module")
def examples():
    return digits(60)


def one_step(pool, net, x, t, state=None, lr=1.0):
    loss, sgd = loss_for(net, "softmax_cross_entropy"), SGD(lr=lr)
    return pool(net, x, t, loss, sgd, sgd.start(net) if state is None else state, np.arange(len(x)))


@pytest.mark.parametrize("at", AT)
def test_each_example_fools_the_layers_above_and_is_near_its_image(net, examples, at):
    x, t = examples
    _, state, _, _ = one_step(AdversarialPool(x, t, layers=(at,), new=25, batch=5, seed=7), net, x[:6], t[:6])
    pooled = state.pools[at]
    n = np.random.default_rng([7, 0]).integers(len(x), size=25)
    assert pooled.labels.tolist() == t[n].tolist(), "all were found"
    assert (net.forward(pooled.examples, start=at).y.argmax(axis=1) != pooled.labels).all()
    assert pooled.examples.min() >= 0
    assert pooled.examples.max() <= 1
    phi = net.forward(x)[at]
    others = np.linalg.norm(pooled.examples[:, None] - phi[None], axis=2).mean(axis=1)
    assert (np.linalg.norm(pooled.examples - phi[n], axis=1) < 0.8 * others).all()


def test_a_step_is_that_of_all_images_and_examples_at_equal_weight(net, examples):
    """By hand: the mean over 6 images and 2 x 4 examples; those of sigmoid1 leave the first layer alone."""
    x, t = examples
    pool = AdversarialPool(x, t, layers=("input", "sigmoid1"), new=10, batch=4, seed=3)
    before = PoolState(1, {}, one_step(pool, net, x[:6], t[:6])[1].pools)  # a step in which nothing is made
    after, state, values, wrong = one_step(pool, net, x[:6], t[:6], before)
    draw, loss = np.random.default_rng([3, 1]), loss_for(net, "softmax_cross_entropy")
    total = {"dense1": 0, "dense2": 0, "dense3": 0}

    def add(h, labels, at):
        trace = net.forward(h, start=at, stop=loss.layer)
        until = {None: "dense1", "input": "dense1", "sigmoid1": "dense2"}[at]
        deltas = net.backward(trace, loss.seed(net.backend, trace.y, labels), stop=until)
        for name, pooled in net.gradients(trace, deltas).items():
            total[name] = total[name] + pooled["W"]

    add(x[:6], t[:6], None)
    for at in ("input", "sigmoid1"):
        n = draw.integers(len(state.pools[at].labels), size=4)
        add(state.pools[at].examples[n], state.pools[at].labels[n], at)
    for name, g in total.items():
        np.testing.assert_allclose(net.layers[name].W - after.layers[name].W, g / 14, rtol=2e-3, atol=1e-6)
    assert state.pools == before.pools
    assert len(values) == 6
    assert wrong == (nnpg.predict(net, x[:6]).argmax(axis=1) != t[:6]).sum()


def test_a_full_pool_keeps_its_size_and_loses_as_many_as_come(net, examples):
    x, t = examples
    pool = AdversarialPool(x, t, layers=("sigmoid2",), size=20, new=12, every=1, batch=2)
    state, sizes, last = None, [], None
    for _ in range(4):
        last = None if state is None else state.pools["sigmoid2"]
        _, state, _, _ = one_step(pool, net, x[:4], t[:4], state, lr=1e-9)
        sizes.append(len(state.pools["sigmoid2"].labels))
    assert sizes[0] <= 12
    assert sizes[-2:] == [20, 20]
    now = {row.tobytes() for row in state.pools["sigmoid2"].examples}
    assert 8 <= len(now & {row.tobytes() for row in last.examples}) < 20


def test_the_examples_of_a_pool_are_learnt(net, examples):
    x, t = examples
    pool, state, now = AdversarialPool(x, t, layers=AT, new=20, every=10**6, batch=10), None, net
    for _ in range(150):
        now, state, _, _ = one_step(pool, now, x[:20], t[:20], state)
    for at in AT:
        pooled = state.pools[at]
        assert (net.forward(pooled.examples, start=at).y.argmax(axis=1) == pooled.labels).mean() == 0, (
            "at first none is"
        )
        assert (now.forward(pooled.examples, start=at).y.argmax(axis=1) == pooled.labels).mean() > 0.7, at


def test_training_with_a_pool_is_repeatable_and_examples_are_made_without_dropout(examples):
    x, t = examples
    net = nnpg.build(
        [nnpg.dense(20), nnpg.Sigmoid(), nnpg.Dropout(0.5), nnpg.dense(6), nnpg.Softmax()], input_shape=(60,), rng=0
    )
    pool = AdversarialPool(x, t, layers=("input",), size=60, new=30, every=15, batch=20)
    options = {"epochs": 10, "batch": 20, "rng": 0, "optimiser": SGD(lr=0.5, momentum=0.9), "take_step": pool}
    nets = [nnpg.train(net, x, t, **options).net for _ in range(2)]
    assert (nets[0].layers["dense1"].W == nets[1].layers["dense1"].W).all()
    drawn = net.drawn(np.random.default_rng(0))
    _, state, _, _ = one_step(pool, drawn, x[:6], t[:6])
    pooled = state.pools["input"]
    assert (nnpg.predict(net, pooled.examples).argmax(axis=1) != pooled.labels).all()
    assert (nnpg.predict(drawn, pooled.examples).argmax(axis=1) == pooled.labels).any(), "the mask makes a difference"


def test_an_output_without_a_range_is_refused(examples):
    x, t = examples
    net = nnpg.build([nnpg.dense(8), nnpg.ReLU(), nnpg.dense(6), nnpg.Softmax()], input_shape=(60,), rng=0)
    with pytest.raises(ValueError, match=r"examples of 'relu1' need a known range, and that of a ReLU is not known"):
        one_step(AdversarialPool(x, t, layers=("relu1",)), net, x[:4], t[:4])
