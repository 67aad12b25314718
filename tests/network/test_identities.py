"""Identities that hold for every network, whatever its weights: sharp tests without a reference."""

from __future__ import annotations

import nets
import numpy as np
import pytest
from of_device import host

import nnpg
from nnpg_kernels import Backend


def test_prediction_gradients_sum_to_0_over_the_classes(backend: Backend) -> None:
    """Probabilities sum to 1, so moving any unit moves them by nothing in total."""
    for net in (nets.small(backend), nets.faces().to(backend)):
        trace = net.forward(nets.images(net))
        N, K = trace.y.shape
        deltas = host(net.backward(trace, nets.one_hot_seeds(N, K)))  # (K, N, ...): dy_k/do
        for name in net.names[:-1]:
            largest = np.abs(deltas[name]).max()
            assert largest > 0
            np.testing.assert_allclose(deltas[name].sum(axis=0), 0, atol=1e-14 * max(1, largest))


@pytest.mark.parametrize("name", ["input", "tanh1", "pool1", "pool2", "tanh3", "dense2"])
def test_true_class_gradient_is_minus_y_times_the_loss_delta(name: str, backend: Backend) -> None:
    """Fact 10: with softmax and cross-entropy L = -log y_t, dy_t/do = -y_t dL/do. The seed of L is y - onehot."""
    net = nets.faces().to(backend)
    trace = net.forward(nets.images(net, N=5))
    labels = np.array([0, 3, 1, 1, 2])
    onehot = np.eye(4)[labels]
    y = host(trace.y)
    of_loss = host(net.backward(trace, y - onehot, start="dense2")[name])
    of_prediction = host(net.backward(trace, onehot)[name])
    y_t = y[np.arange(5), labels].reshape(5, *[1] * (of_loss.ndim - 1))
    np.testing.assert_allclose(of_prediction, -y_t * of_loss, rtol=1e-11, atol=1e-16)


def test_loss_seed_at_the_logits_is_the_loss_seed_at_the_probabilities(backend: Backend) -> None:
    """dL/dy = -onehot / y through softmax is y - onehot."""
    net = nets.faces().to(backend)
    trace = net.forward(nets.images(net))
    onehot = np.eye(4)[[2, 0, 1]]
    y = host(trace.y)
    through = host(net.backward(trace, -onehot / y)["dense2"])
    np.testing.assert_allclose(through, y - onehot, rtol=1e-11, atol=1e-15)


def test_filter_norms_before_and_after_the_pool_agree_for_one_image(backend: Backend) -> None:
    """A pool that does not overlap sends each delta to one pixel: the same numbers, the same Frobenius norm."""
    net = nets.faces().to(backend)
    trace = net.forward(nets.images(net, N=1))
    deltas = host(net.backward(trace, nets.one_hot_seeds(1, 4)))
    for before, after in [("tanh1", "pool1"), ("tanh2", "pool2")]:
        norms = [np.sqrt((deltas[name] ** 2).sum(axis=(-2, -1))) for name in (before, after)]  # (K, 1, F)
        assert (norms[0] > 0).all()
        np.testing.assert_allclose(*norms, rtol=1e-13)


@pytest.mark.parametrize("rising", [nnpg.Tanh(), nnpg.Sigmoid()])
def test_a_pool_and_a_rising_function_can_change_places(rising: nnpg.Layer, backend: Backend) -> None:
    """The largest of a window stays the largest, so conv - pool - tanh and conv - tanh - pool have the same output."""
    layers = [nets.faces().layers["conv1"], rising, nnpg.MaxPool(2)]
    orders = (layers, [layers[0], layers[2], layers[1]])
    first, second = (nnpg.Network(dict(zip("abc", order, strict=True)), (1, 12, 12), backend) for order in orders)
    x = nets.images(first)
    traces = [net.forward(x) for net in (first, second)]
    np.testing.assert_array_equal(*(host(trace.y) for trace in traces))
    delta = np.random.default_rng(0).standard_normal(traces[0].y.shape)
    deltas = [host(net.backward(trace, delta)["a"]) for net, trace in zip((first, second), traces, strict=True)]
    np.testing.assert_allclose(*deltas, rtol=1e-14)


def test_overlapping_pools_do_not_keep_the_norm() -> None:
    """The identity above needs windows that do not overlap: two deltas may meet in one pixel."""
    net = nets.small()
    trace = net.forward(nets.images(net, N=1))
    deltas = net.backward(trace, nets.one_hot_seeds(1, 5))
    norms = [np.sqrt((deltas[name] ** 2).sum(axis=(-2, -1))) for name in ("tanh1", "pool1")]
    assert not np.allclose(*norms, rtol=1e-3)


@pytest.mark.parametrize("name", ["pool1", "tanh1", "pool2", "tanh3", "input"])
def test_knocking_out_everything_gives_one_prediction_for_all(name: str, backend: Backend) -> None:
    net = nets.faces().to(backend)
    dead = net.intervene(name, nnpg.Override(np.array(True), np.array(0.0)))
    x = nets.images(net, N=6)
    assert np.ptp(host(net.forward(x).y), axis=0).min() > 0
    trace = dead.forward(x)
    y = host(trace.y)
    np.testing.assert_allclose(y, np.broadcast_to(y[:1], y.shape), rtol=1e-14)
    deltas = host(dead.backward(trace, nets.one_hot_seeds(6, 4)))
    above = dead.names[: dead.names.index(name)]
    assert all((deltas[n] == 0).all() for n in above)


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_a_sure_network_keeps_its_prediction_gradient_in_float32(scale: float, backend: Backend) -> None:
    """At y_t = 1 - 1e-20, 1 - y_t is 0 in float32 (and in float64); the gradient is small but not 0."""
    net = nets.faces().to(backend)
    net = net.replace("dense2", W=scale * net.layers["dense2"].W)  # type: ignore[attr-defined]
    x = nets.images(net, N=8).astype("float32").astype("float64")
    double, single = net.forward(x), net.astype("float32").forward(x)
    if scale > 1:
        assert (host(single.y) == 1).any(), "the test needs an image of which float32 is sure"
    labels = host(double.y).argmax(axis=-1)
    seed = np.eye(4)[labels]
    exact = host(net.backward(double, seed)["pool1"])
    rough = host(net.astype("float32").backward(single, seed)["pool1"])
    # one image at a time: each has its own order of magnitude
    for a, b in zip(exact, rough, strict=True):
        assert np.abs(b).max() > 0
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-4 * np.abs(a).max())


def test_jacobian_products_from_both_sides_agree(backend: Backend) -> None:
    """<J v, u> = <v, J' u> for the whole network, J v from the complex step: no difference, no rounding."""
    net = nets.small(backend)
    x, rng = nets.images(net), np.random.default_rng(0)
    v, trace = rng.standard_normal(x.shape), net.forward(x)
    u = rng.standard_normal(trace.y.shape)
    of_complex = net if backend.xp is np else net.to("numpy")  # a device's kernels take no complex numbers
    Jv = of_complex.forward_unchecked(x + 1e-30j * v).y.imag / 1e-30
    assert (Jv * u).sum() == pytest.approx((v * host(net.backward(trace, u)["input"])).sum(), rel=1e-12)
