"""Other networks from one: other layers, weights, types, backends; the original stays as it was."""

from __future__ import annotations

import nets
import numpy as np
import pytest

import nnpg
from nnpg_kernels import load


def test_replace_shares_every_other_layer() -> None:
    net = nets.small()
    before = net.forward(nets.images(net)).y
    other = net.replace("conv2", b=np.ones(6))
    assert [n for n in net.layers if other.layers[n] is not net.layers[n]] == ["conv2"]
    assert other.layers["conv2"].W is net.layers["conv2"].W
    np.testing.assert_array_equal(net.forward(nets.images(net)).y, before)
    assert not np.array_equal(other.forward(nets.images(net)).y, before)


def test_replace_takes_a_layer() -> None:
    net = nets.small()
    other = net.replace("tanh1", nnpg.ReLU())
    x = nets.images(net)
    np.testing.assert_array_equal(other.forward(x)["tanh1"], np.maximum(net.forward(x)["conv1"], 0))


def test_with_parameters_round_trip() -> None:
    net, other = nets.small(seed=0), nets.small(seed=1)
    x = nets.images(net)
    assert not np.array_equal(net.forward(x).y, other.forward(x).y)
    np.testing.assert_array_equal(net.with_parameters(other.parameters).forward(x).y, other.forward(x).y)


def test_astype_casts_every_array_and_nothing_else() -> None:
    double = nets.small()
    net = double.astype("float32")
    assert net.dtype == np.float32
    assert net.layers["center1"].mean.dtype == np.float32
    assert net.layers["pool1"] is double.layers["pool1"]
    back = net.astype("float64")
    np.testing.assert_allclose(back.layers["conv1"].W, nets.small().layers["conv1"].W, rtol=1e-7)


def test_to_another_backend_and_back() -> None:
    change = nnpg.Override(np.array([True, False, True, False])[:, None, None], np.array(0.0))
    net = nets.small().intervene("pool1", change)
    x = nets.images(net)
    for moved in (net.to("numpy"), net.to(load("numpy")), net.to("auto").to("numpy")):
        assert moved.backend.name == "numpy"
        np.testing.assert_array_equal(moved.forward(x).y, net.forward(x).y)


def test_drawn_gives_fresh_masks_and_leaves_the_rest() -> None:
    net = nets.small()
    draws = [net.drawn(np.random.default_rng(seed)) for seed in (1, 1, 2)]
    x = nets.images(net)
    ys = [d.forward(x).y for d in draws]
    np.testing.assert_array_equal(ys[0], ys[1])
    assert not np.array_equal(ys[0], ys[2])
    assert draws[0].layers["conv1"] is net.layers["conv1"]
    plain = nets.faces()
    assert plain.drawn(np.random.default_rng(0)) is plain  # no dropout: nothing to draw


def test_what_a_network_says_of_itself() -> None:
    net = nets.faces()
    assert net.names == ["input", *net.layers]
    assert list(net.parameters) == ["conv1", "conv2", "dense1", "dense2"]
    counted = 3 * 25 + 3 + 4 * 3 * 9 + 4 + 6 * 4 * 9 + 6 + 4 * 6 + 4  # maps are 3 x 3 after the second pool
    assert net.n_parameters == counted
    assert repr(net).startswith("Network (1, 20, 20) -> conv1 -> tanh1 -> pool1")
    assert f"({counted} parameters, float64, {net.backend.name})" in repr(net)


def test_networks_cannot_be_written() -> None:
    net = nets.faces()
    with pytest.raises(AttributeError):
        net.layers = {}  # type: ignore[misc]
    with pytest.raises(AttributeError):
        net.layers["conv1"].stride = 2  # type: ignore[attr-defined]
