"""Prediction gradients by a plan against the definition: every geometry, few classes and many, float32 and float64."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from geometries import NETS, examples, network

import nnpg
from nnpg.programs.plan import plan_of


def outputs(net: nnpg.Network) -> list[str]:
    """All that the plan has in memory, the image too."""
    return ["input", *(block.name for block in plan_of(net).blocks)]


def agree(net: nnpg.Network, N: int, rtol: float = 1e-9, **settings: Any) -> None:
    x, labels = examples(net, N)
    names = outputs(net)
    with nnpg.require_compiled():
        got = nnpg.prediction_gradient(net, x, layers=names, labels=labels, **settings)
    expected = nnpg.prediction_gradient(net.to("numpy"), x, layers=names, labels=labels, **settings)
    assert got.classes == expected.classes
    for name in names:
        scale = abs(expected[name]).max()
        np.testing.assert_allclose(got[name], expected[name], rtol=rtol, atol=rtol * scale, err_msg=name)
        assert got[name].dtype == expected[name].dtype


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("N", [3, 21])  # one by one, and side by side with a last block that is not full
@pytest.mark.parametrize("classes", ["all", "true", [2, 0]], ids=str)
def test_every_geometry(name: str, N: int, classes: Any) -> None:
    agree(network(name), N, classes=classes)


@pytest.mark.parametrize("filters", [3, 4, 8])
def test_single_images_through_rows_of_weights_that_do_and_do_not_fill_tiles(filters: int) -> None:
    """Dense layers of 48, 64 and 128 inputs: where a tile would read after the last row, other ops run."""
    recipe = [nnpg.conv(filters, 3, padding=1), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(5)]
    for dtype, rtol in (("float64", 1e-9), ("float32", 2e-5)):
        net = nnpg.build([*recipe, nnpg.Softmax()], input_shape=(2, 8, 8), rng=0, dtype=dtype)
        agree(net, 2, rtol, classes=[1, 3])


@pytest.mark.parametrize("of", ["prob", "logit", "logprob"])
@pytest.mark.parametrize("classes", ["all", "true", 4, [9, 1, 1, 5, 7]], ids=str)
def test_every_question(of: str, classes: Any) -> None:
    agree(network("faces"), 10, of=of, classes=classes)
    agree(network("faces", "float32"), 10, rtol=2e-5, of=of, classes=classes)


@pytest.mark.parametrize(("name", "dtype", "N"), [("faces", "float32", 40), ("filters in lanes, stride", "float64", 4)])
def test_the_same_bits_on_any_number_of_threads(name: str, dtype: str, N: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(name, dtype)
    x, labels = examples(net, N)
    one = {}
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NNPG_NUM_THREADS", threads)
        one[threads] = nnpg.prediction_gradient(net, x, layers="pool1", classes="true", labels=labels)["pool1"]
    assert (one["1"] == one["2"]).all()
    assert (one["1"] == one["5"]).all()


def test_several_python_threads_at_once_give_the_serial_answer() -> None:
    net = network("faces", "float32")
    x, _ = examples(net, 40)
    alone = nnpg.prediction_gradient(net, x)["pool1"]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: nnpg.prediction_gradient(net, x)["pool1"], range(8)))
    assert all((one == alone).all() for one in together)


def test_a_dead_relu_and_a_saturated_class_send_nothing_and_no_noise() -> None:
    net = network("overlapping, padded pooling", "float32")
    x, _ = examples(net, 9)
    x[:] *= 1e3
    x[4] = 0
    got = nnpg.prediction_gradient(net, x)
    expected = nnpg.prediction_gradient(net.astype("float64").to("numpy"), x.astype("float64"))
    for name in got.deltas:
        scale = abs(expected[name]).max()
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-3, atol=1e-4 * scale)


def test_an_image_that_is_not_finite_spoils_only_itself() -> None:
    net = network("faces")
    x, _ = examples(net, 20)
    clean = nnpg.prediction_gradient(net, x)
    for value in (np.nan, np.inf, -np.inf):
        x[7] = value
        spoiled = nnpg.prediction_gradient(net, x)
        others = np.arange(20) != 7
        for name in clean.deltas:
            assert (spoiled[name][:, others] == clean[name][:, others]).all()


def test_an_inner_delta_is_that_of_the_layers() -> None:
    net = network("faces")
    x, _ = examples(net, 5)
    got, expected = (nnpg.prediction_gradient(n, x, layers=["conv1", "tanh1", "pool1"]) for n in (net, net.to("numpy")))
    for name in got.deltas:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-9, atol=1e-12)
    assert got.computed == "compiled"


@pytest.mark.parametrize(("classes", "method"), [("true", "average_of_gradients"), ("all", "gradient_of_average")])
def test_means_by_class(classes: Any, method: Any) -> None:
    net = network("faces")
    x, labels = examples(net, 30)
    labels[labels == 3] = 4  # a class without images
    settings = {"classes": classes, "method": method}
    with nnpg.require_compiled():
        got = nnpg.class_gradient(net, x, labels, **settings)
    expected = nnpg.class_gradient(net.to("numpy"), x, labels, **settings)
    assert got.computed == "compiled"
    assert "layer by layer" in expected.computed
    for name in got.deltas:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-9, atol=1e-12)
        assert np.isnan(got[name][..., 3, :, :, :]).all()
