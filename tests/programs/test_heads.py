"""What the last layers may be, every loss, outputs inside blocks, and dropout without a mask, against the layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from agreement import agree
from geometries import NETS, K, network
from parameters import flat, with_biases

import nnpg
from nnpg import conv, dense
from nnpg.programs.plan import plan_of

HEADS: dict[str, list[Any]] = {
    "softmax": [nnpg.Softmax()],
    "sigmoid": [nnpg.Sigmoid()],
    "tanh, softmax": [nnpg.Tanh(), nnpg.Softmax()],
    "relu, sigmoid": [nnpg.ReLU(), nnpg.Sigmoid()],
    "sigmoid, sigmoid": [nnpg.Sigmoid(), nnpg.Sigmoid()],
    "tanh": [nnpg.Tanh()],
    "nothing": [],
    "dropout": [nnpg.Dropout(0.5)],
    "dropout, softmax": [nnpg.Dropout(0.5), nnpg.Softmax()],
}
BODY = [
    *(nnpg.Dropout(0.1), conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Dropout(0.2)),
    *(conv(4, 3, stride=2, padding=1), nnpg.MaxPool(2, 1), nnpg.ReLU(), nnpg.Flatten(), nnpg.Dropout(0.3)),
    *(dense(6), nnpg.Dropout(0.3), nnpg.Sigmoid(), dense(5)),
]


def with_head(head: str, dtype: str, body: list[Any] = BODY) -> nnpg.Network:
    rng = np.random.default_rng(3)
    net = nnpg.build([*body, *HEADS[head]], input_shape=(2, 12, 13), rng=rng, dtype=dtype, backend="numba")
    return with_biases(net, rng)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("N", [3, 20])
def test_every_task_of_every_head(head: str, N: int, dtype: str) -> None:
    net = with_head(head, dtype)
    report = nnpg.compilation_report(net).to_dict()
    assert report.pop("train") == "layer by layer, because dropout1 is drawn anew for each step"
    if type(net.layers[net.names[-1]]) is nnpg.Sigmoid:  # an attack's own loss would take its outputs for logits
        assert report.pop("minimal_distortion").endswith("which is not the output of the last block")
    assert set(report.values()) == {"compiled"}
    names = tuple(name for name in net.names if name in plan_of(net).places)
    assert {"input", "dropout1", "conv1", "tanh1", "pool1", "dropout2", "pool2", "flatten1", "dense1"} < set(names)
    agree(net, N, gradients=names)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("N", [3, 21])
@pytest.mark.parametrize("classes", ["all", "true"])
def test_every_output_inside_a_block_of_every_geometry(name: str, N: int, classes: Any) -> None:
    net = network(name)
    names = [n for n in net.names if n in plan_of(net).places]
    x = np.random.default_rng(4).standard_normal((N, *net.input_shape))
    settings = {"layers": names, "classes": classes, "labels": np.arange(N) % K}
    with nnpg.require_compiled():
        got = nnpg.prediction_gradient(net, x, **settings)
    expected = nnpg.prediction_gradient(net.to("numpy"), x, **settings)
    for n in names:
        np.testing.assert_allclose(got[n], expected[n], rtol=1e-9, atol=1e-9 * abs(expected[n]).max(), err_msg=n)


def test_a_dropout_with_a_mask_is_no_part_of_a_plan() -> None:
    net = with_head("softmax", "float64").drawn(np.random.default_rng(0))
    assert nnpg.compilation_report(net)["predict"].why_not == "dropout1 (Dropout) begins no block"
    agree(net, 5)


LOSSES = ["softmax_cross_entropy", "binary_cross_entropy", "squared_error"]
COMPILED = {
    "softmax_cross_entropy": {"softmax", "tanh, softmax", "tanh", "nothing", "dropout", "dropout, softmax"},
    "binary_cross_entropy": {"sigmoid", "relu, sigmoid", "sigmoid, sigmoid"},
    "squared_error": {"sigmoid", "relu, sigmoid", "sigmoid, sigmoid", "tanh", "nothing"},
}
CASES = [(loss, head) for loss in LOSSES for head in COMPILED[loss] if "dropout" not in head]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("targets", ["labels", "rows"])
@pytest.mark.parametrize(("loss", "head"), sorted(CASES))
def test_training_with_every_loss(loss: str, head: str, targets: str, dtype: str) -> None:
    net = with_head(head, dtype, [layer for layer in BODY if not isinstance(layer, nnpg.Dropout)])
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((21, 2, 12, 13)), rng.integers(0, 5, 21)
    t = rng.random((21, 5)) if targets == "rows" else t
    for batch in (3, 20):
        settings: dict[str, Any] = {"epochs": 2, "batch": batch, "rng": 1, "loss": loss, "progress": False}
        with nnpg.require_compiled():
            got = nnpg.train(net, x, t, **settings)
        expected = nnpg.train(net.to("numpy"), x, t, **settings)
        far = 1e-10 if dtype == "float64" else 2e-5
        trained = flat(got.net.parameters)
        for name, array in flat(expected.net.parameters).items():
            np.testing.assert_allclose(trained[name], array, rtol=far, atol=far, err_msg=name)
        for one, other in zip(got.history, expected.history, strict=True):
            assert one.loss == pytest.approx(other.loss, rel=far)
            assert one.error == other.error


@pytest.mark.parametrize(("loss", "head"), [("binary_cross_entropy", "softmax"), ("squared_error", "softmax")])
def test_a_loss_that_has_no_kernel_says_so(loss: str, head: str) -> None:
    net = with_head(head, "float64", [layer for layer in BODY if not isinstance(layer, nnpg.Dropout)])
    x, t = np.zeros((4, 2, 12, 13)), [0, 1, 2, 3]
    with nnpg.require_compiled(), pytest.raises(nnpg.NotCompiled, match=loss):
        nnpg.train(net, x, t, epochs=1, batch=2, rng=0, loss=loss, progress=False)


def test_a_sure_sigmoid_keeps_its_digits() -> None:
    """1 - y is sigmoid(-z): it never rounds to 0 where y rounds to 1."""
    net = nnpg.build([dense(5), nnpg.Sigmoid()], input_shape=(5,), rng=0, backend="numba")
    z = np.array([[30.0, -30.0, 90.0, -90.0, 0.0]], "f4")
    net = net.replace("dense1", W=np.zeros((5, 5), "f4"), b=z[0])
    for of in ("prob", "logprob"):
        with nnpg.require_compiled():
            got = nnpg.prediction_gradient(net, np.zeros((1, 5)), layers="dense1", of=of)["dense1"]
        expected = nnpg.prediction_gradient(net.to("numpy"), np.zeros((1, 5)), layers="dense1", of=of)["dense1"]
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=0)


def test_saturated_sigmoids_tie_and_the_first_is_predicted() -> None:
    net = nnpg.build([dense(2), nnpg.Tanh(), dense(3), nnpg.Sigmoid()], input_shape=(2,), rng=0, backend="numba")
    net = net.replace("dense2", W=np.zeros((3, 2), "f4"), b=np.array([-1, 30, 90], "f4"))
    x, t = np.ones((20, 2)), np.zeros(20, int)
    with nnpg.require_compiled():
        curve = nnpg.knock_out_curve(net, x, t, [("tanh1", 0)], progress=False)
        assert (nnpg.predict(net, x).argmax(axis=1) == 1).all()
    assert (curve.predictions == 1).all()
