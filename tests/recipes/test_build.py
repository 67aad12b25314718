"""Building by shape inference: names, shapes, weights, and errors that name the layer."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnpg
from nnpg.recipes.initialisers import glorot, he, lecun, uniform


def test_the_papers_network() -> None:
    """Lo & Ding's net F: 56-28-24-12-8-4, 160 -> 20 -> 15, 6683 parameters."""
    recipe = []
    for filters in (5, 8, 10):
        recipe += [nnpg.conv(filters, 5), nnpg.Tanh(), nnpg.MaxPool(2)]
    recipe += [nnpg.Flatten(), nnpg.dense(20), nnpg.Tanh(), nnpg.dense(15), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=(1, 60, 60), rng=0)
    assert list(net.layers) == [
        "conv1", "tanh1", "pool1", "conv2", "tanh2", "pool2", "conv3", "tanh3", "pool3",
        "flatten1", "dense1", "tanh4", "dense2", "softmax1",
    ]  # fmt: skip
    trace = net.forward(np.zeros((2, 1, 60, 60)))
    sizes = [trace[n].shape[-1] for n in ("conv1", "pool1", "conv2", "pool2", "conv3", "pool3", "flatten1", "softmax1")]
    assert sizes == [56, 28, 24, 12, 8, 4, 160, 15]
    assert net.n_parameters == 6683
    assert net.K == 15


def test_names_are_given_or_counted_by_kind() -> None:
    net = nnpg.build(
        [("eye", nnpg.conv(2, 3)), nnpg.conv(2, 1), ("conv7", nnpg.conv(2, 1)), nnpg.AvgPool(2), nnpg.MaxPool(1),
         nnpg.LocalResponseNorm(), nnpg.Center(np.array(0.0)), nnpg.Dropout(0.5), ("end", nnpg.Flatten())],
        input_shape=(1, 6, 6),
        rng=0,
    )  # fmt: skip
    assert list(net.layers) == ["eye", "conv1", "conv7", "avgpool1", "pool1", "lrn1", "center1", "dropout1", "end"]


def test_the_same_seed_gives_the_same_weights() -> None:
    def W(rng: int | np.random.Generator) -> np.ndarray:
        return nnpg.build([nnpg.dense(4)], input_shape=(6,), rng=rng).layers["dense1"].W  # type: ignore[attr-defined]

    np.testing.assert_array_equal(W(3), W(np.random.default_rng(3)))
    assert not np.array_equal(W(3), W(4))
    rng = np.random.default_rng(3)
    assert not np.array_equal(W(rng), W(rng))  # the state of a generator changes


def test_a_layer_of_your_own_and_ready_made_layers() -> None:
    dense = nnpg.Dense(np.eye(3))
    net = nnpg.build([dense, ("again", dense)], input_shape=(3,), rng=0)
    assert net.layers["dense1"] is net.layers["again"]
    assert (net.layers["dense1"].W == dense.W).all()


def test_no_bias_and_dtype() -> None:
    net = nnpg.build(
        [nnpg.conv(2, (3, 2), bias=False), nnpg.Flatten(), nnpg.dense(2, bias=False)],
        input_shape=(1, 4, 4),
        rng=0,
        dtype=np.float64,
    )
    assert {name: list(weights) for name, weights in net.parameters.items()} == {"conv1": ["W"], "dense1": ["W"]}
    assert net.dtype == np.float64
    assert nnpg.build([nnpg.dense(2)], input_shape=(3,), rng=0).dtype == np.float32


FAN_IN, FAN_OUT = 3 * 5 * 4, 16 // 1 * 5 * 4  # inputs of one output; outputs of one input


@pytest.mark.parametrize(
    ("init", "variance"),
    [
        ("glorot", 2 / (FAN_IN + FAN_OUT)),  # a^2 / 3 with a^2 = 6 / (in + out)
        ("lecun", 1 / FAN_IN),
        ("he", 2 / FAN_IN),
        (uniform(0.3), 0.3**2 / 3),
    ],
)
def test_initialisers_have_the_variance_of_their_papers(init: object, variance: float) -> None:
    draws = [
        nnpg.build([nnpg.conv(16, (5, 4), init=init)], input_shape=(3, 5, 4), rng=seed).layers["conv1"]  # type: ignore[arg-type]
        for seed in range(30)
    ]
    W = np.stack([layer.W for layer in draws])  # type: ignore[attr-defined]
    assert W.size == 28_800
    assert abs(W.mean()) < 4 * math.sqrt(variance / W.size)
    assert W.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / W.size))
    assert all((layer.b == 0).all() for layer in draws)  # type: ignore[attr-defined]


def test_uniform_initialisers_stay_in_their_range() -> None:
    rng = np.random.default_rng(0)
    a = math.sqrt(6 / 30)
    W = glorot(rng, (10_000,), 10, 20)
    assert 0.99 * a < abs(W).max() <= a
    assert 0.099 < abs(uniform(0.1)(rng, (10_000,), 10, 20)).max() <= 0.1


def test_the_variance_survives_deep_networks() -> None:
    """With LeCun's and He's initialisers unit variance stays unit variance (after rectifiers half of it, as E[y^2])."""
    rng = np.random.default_rng(0)
    x = y = rng.standard_normal((2000, 64))
    for _ in range(6):
        x = x @ lecun(rng, (64, 64), 64, 64).T
        y = np.maximum(y, 0) @ he(rng, (64, 64), 64, 64).T
    assert 0.5 < x.var() < 2
    assert 0.5 < y.var() < 2


def test_groups_are_counted_in_the_fans() -> None:
    net = nnpg.build([nnpg.conv(400, 3, groups=4, init="lecun")], input_shape=(8, 4, 4), rng=0)
    W = net.layers["conv1"].W  # type: ignore[attr-defined]
    assert W.shape == (400, 2, 3, 3)
    assert W.var() == pytest.approx(1 / 18, rel=0.1)


@pytest.mark.parametrize(
    ("recipe", "shape", "message"),
    [
        ([nnpg.conv(2, 3), nnpg.dense(3)], (1, 5, 5), r"layer 'dense1' .* \(2, 3, 3\): dense takes vectors .* Flatten"),
        ([nnpg.Flatten(), nnpg.conv(2, 3)], (1, 5, 5), r"layer 'conv1' .* conv takes images \(C, H, W\), not \(25,\)"),
        ([nnpg.conv(2, 7)], (1, 5, 5), "layer 'conv1' .* a window of 7 x 7 pixels does not fit into an image of 5 x 5"),
        ([nnpg.MaxPool(6)], (1, 5, 5), "layer 'pool1' .* 6 x 6 pixels does not fit"),
        ([nnpg.conv(3, 3, groups=2)], (2, 5, 5), "cannot split 2 channels and 3 filters into 2 groups"),
        ([nnpg.conv(4, 3, groups=2)], (3, 5, 5), "cannot split 3 channels and 4 filters into 2 groups"),
        ([nnpg.Dense(np.ones((2, 3)))], (4,), r"layer 'dense1' cannot take an input of shape \(4,\)"),
        ([("a", nnpg.Tanh()), ("a", nnpg.Tanh())], (4,), "two outputs are named 'a'"),
        ([("input", nnpg.Tanh())], (4,), "two outputs are named 'input'"),
        ([], (4,), "at least one, not"),
    ],
)  # fmt: skip
def test_bad_recipes_name_the_layer(recipe: list[object], shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nnpg.build(recipe, input_shape=shape, rng=0)  # type: ignore[arg-type]


def test_unknown_initialiser() -> None:
    with pytest.raises(ValueError, match=r"init must be 'glorot', 'lecun', 'he' or a function.*not 'xavier'"):
        nnpg.dense(3, init="xavier")


def test_unknown_backend() -> None:
    with pytest.raises(ValueError, match="no backend named 'abacus'"):
        nnpg.build([nnpg.dense(3)], input_shape=(3,), rng=0, backend="abacus")


def test_no_layer_takes_the_name_of_x():
    with pytest.raises(ValueError, match="no layer may be named 'input'"):
        nnpg.Network({"input": nnpg.Tanh()}, (3,))
