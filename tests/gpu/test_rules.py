"""The rules of docs/gpu.md for results, draws, errors and the choice of programs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from house import modules
from typer.testing import CliRunner

import nnpg
from nnpg import SGD, PlainDecay
from nnpg.cli import app
from nnpg.programs.plan import plan_of
from nnpg.recipes.models import face_net

gpu = pytest.mark.gpu


def test_no_file_asks_for_the_name_of_a_backend() -> None:
    """Which programs a backend has is said in `nnpg/programs/__init__.py`, by its module."""
    asks = re.compile(
        r"""\.name\s*(==|!=|in\b|not in\b).*["'](numpy|numba|cupy)["']|["'](numpy|numba|cupy)["']\s*(==|!=)"""
    )
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for module, path in modules().items()
        if module.split(".")[0] in ("nnpg", "nnpg_kernels", "nnpg_command", "experiments")
        for number, line in enumerate(Path(path).read_text().splitlines(), 1)
        if asks.search(line)
    ]
    assert found == []


NETWORKS: dict[str, list[Any]] = {
    "convolutions": [
        nnpg.Center(0.3),
        nnpg.conv(3, 3),
        nnpg.ReLU(),
        nnpg.MaxPool(2),
        nnpg.Flatten(),
        nnpg.dense(3),
        nnpg.Softmax(),
    ],
    "normalised, with dropout": [
        nnpg.conv(4, 3, padding=1),
        nnpg.LocalResponseNorm(),
        nnpg.Tanh(),
        nnpg.AvgPool(2),
        nnpg.Dropout(0.5),
        nnpg.Flatten(),
        nnpg.dense(3),
        nnpg.Softmax(),
    ],
    "dense": [nnpg.Flatten(), nnpg.dense(9), nnpg.Sigmoid(), nnpg.dense(3), nnpg.Sigmoid()],
}


@gpu
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("optimiser", [SGD(lr=0.1), SGD(lr=0.05, momentum=0.9, decay=PlainDecay(1e-3), lr_decay=0.1)])
def test_a_training_is_that_of_the_cpu(x: Any, name: str, optimiser: SGD, labels: Any) -> None:
    """The same orders and masks are drawn, and after 3 epochs the weights agree to 1e-9 in float64."""
    nets, histories = [], []
    for backend in ("numpy", "cupy"):
        net = nnpg.build(NETWORKS[name], input_shape=(1, 8, 8), rng=0, backend=backend, dtype="float64")
        loss = "binary_cross_entropy" if name == "dense" else "softmax_cross_entropy"
        done = nnpg.train(net, x, labels, epochs=3, batch=5, rng=1, optimiser=optimiser, loss=loss)
        nets.append(done.net.to("numpy"))
        histories.append(done.history)
    for layer, arrays in nets[0].parameters.items():
        for p, w in arrays.items():
            np.testing.assert_allclose(nets[1].parameters[layer][p], w, rtol=0, atol=1e-9, err_msg=f"{layer}.{p}")
    for one, other in zip(*histories, strict=True):
        assert one.error == other.error
        assert one.loss == pytest.approx(other.loss, abs=1e-9)


@gpu
@pytest.mark.parametrize("at", [1, 2])
def test_a_training_goes_on_from_its_checkpoint(tmp_path: Path, net: Any, x: Any, at: int, labels: Any) -> None:
    whole = nnpg.train(net, x, labels, epochs=3, batch=5, rng=1, optimiser=SGD(0.1, 0.9))
    settings: Any = {"batch": 5, "rng": 1, "optimiser": SGD(0.1, 0.9), "checkpoint": tmp_path / "c.safetensors"}
    nnpg.train(net, x, labels, epochs=at, **settings)
    resumed = nnpg.train(net, x, labels, epochs=3, resume=True, **settings)
    for layer, arrays in whole.net.parameters.items():
        for p, w in arrays.items():
            np.testing.assert_array_equal(resumed.net.parameters[layer][p].get(), w.get())


@gpu
def test_networks_are_made_on_the_device() -> None:
    images = np.random.default_rng(0).random((3, 1, 36, 36)).astype(np.float32)
    here, there = (face_net(images, K=3, rng=0, backend=backend) for backend in ("numpy", "cupy"))
    assert there.backend.name == "cupy"
    np.testing.assert_allclose(nnpg.predict(there, images), nnpg.predict(here, images), atol=1e-5)
    center = nnpg.Center(there.backend.asarray(np.full((1, 8, 8), 0.5)))
    mixed = nnpg.build([center, nnpg.conv(2, 3)], input_shape=(1, 8, 8), rng=0, backend="cupy")
    assert mixed.shapes["conv1"] == (2, 6, 6)
    assert mixed.forward(np.zeros((1, 1, 8, 8))).y.shape == (1, 2, 6, 6)


class Doubled:
    """A layer of one's own, without fields."""

    parameters = ()

    def forward(self, k: Any, x: Any) -> Any:
        return k.xp.multiply(x, 2), None

    def backward(self, k: Any, delta: Any, saved: None) -> Any:
        return 2 * delta

    def gradients(self, k: Any, delta: Any, saved: None) -> Any:
        return {}


@gpu
def test_a_layer_of_ones_own_runs_on_the_device() -> None:
    net = nnpg.build([nnpg.dense(3), Doubled()], input_shape=(4,), rng=0, backend="cupy")
    expected = nnpg.predict(net.to("numpy"), np.ones((2, 4)))
    np.testing.assert_allclose(nnpg.predict(net, np.ones((2, 4))), expected, rtol=1e-6)


@gpu
def test_a_plan_is_the_same_on_all_backends(x: Any) -> None:
    here, there = (
        nnpg.build(NETWORKS["convolutions"], input_shape=(1, 8, 8), rng=0, backend=backend)
        for backend in ("numpy", "cupy")
    )
    assert str(plan_of(there)) == str(plan_of(here))
    assert plan_of(there).why_not == plan_of(here).why_not == ""
    np.testing.assert_array_equal(plan_of(there).weights["conv1"]["W"].get(), plan_of(here).weights["conv1"]["W"])
    np.testing.assert_array_equal(plan_of(there).mean.get(), plan_of(here).mean)


@gpu
@pytest.mark.parametrize("layer", [nnpg.Center(np.full((1, 4, 4), 0.5)), nnpg.Tanh(), nnpg.MaxPool(2)])
def test_gradcheck_moves_all_arrays_of_a_layer(layer: Any) -> None:
    assert nnpg.gradcheck(layer, input_shape=(1, 4, 4), rng=0, backend="cupy").ok


@gpu
def test_commands_run_on_the_device(tmp_path: Path, labels: Any) -> None:
    data, model = tmp_path / "data.npz", tmp_path / "model.safetensors"
    images = np.random.default_rng(0).random((12, 1, 12, 12))
    np.savez(data, x=images, labels=labels, class_names=np.array(["a", "b", "c"]))

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, [*words, "--backend", "cupy"])
        assert done.exit_code == 0, done.output
        return done.output

    run("train", "--data", str(data), "--epochs", "1", "--batch", "4", "--save", str(model))
    run("rank", str(model), "--class", "a")
    run("knockout", str(model), "--class", "a", "--steps", "2")


@gpu
@pytest.mark.parametrize("look", [0.1, 1e9])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_divergence_names_its_epoch_step_and_layer(x: Any, look: float, dropout: float, labels: Any) -> None:
    """Seen late on the device, but the same as on the CPU, where it is seen at once."""
    recipe = [nnpg.Flatten(), nnpg.dense(8), nnpg.Dropout(dropout), nnpg.dense(3)]
    net, messages = nnpg.build(recipe, input_shape=(1, 8, 8), rng=0, backend="numpy"), []
    for one in (net, net.to("cupy")):
        with mock.patch("nnpg.training.LOOK", look), pytest.raises(nnpg.TrainingDiverged) as raised:
            nnpg.train(one, x, labels, epochs=5, batch=2, rng=0, optimiser=SGD(lr=30.0), loss="squared_error")
        messages.append(str(raised.value))
    assert messages[0] == messages[1]
    assert "at epoch 1, step " in messages[0]
    assert "dense" in messages[0]


@gpu
def test_images_that_do_not_fit_are_one_error(net: Any, x: Any) -> None:
    with (
        mock.patch.object(net.backend, "free_bytes", return_value=1000),
        pytest.raises(MemoryError, match="x has 3072 bytes, and 1000 are free on the device: give at most 3 images"),
    ):
        nnpg.predict(net, x)


@gpu
@pytest.mark.emulated("the memory of a device cannot be made as small as this")
def test_outputs_that_do_not_fit_are_one_error(net: Any, x: Any) -> None:
    """Layer by layer an image has outputs of (72 + 72 + 18 + 18 + 3 + 3) x 4 bytes; twice as many are to be free."""
    net, x = net.intervene("softmax1", nnpg.Perturb(np.zeros(3))), net.backend.asarray(x)
    with (
        mock.patch("stand_in.arrays.LARGEST", 3400),
        mock.patch.object(net.backend, "free_bytes", return_value=3000),
        pytest.raises(MemoryError, match=r"outputs of 12 images need about 8928 bytes, and 6072 are .*\(batch=4\)"),
    ):
        nnpg.predict(net, x, batch=12)
    with mock.patch("stand_in.arrays.LARGEST", 3400):
        assert nnpg.predict(net, x, batch=4).shape == (12, 3)


@gpu
@pytest.mark.emulated("the memory of a device cannot be made as small as this")
def test_deltas_that_do_not_fit_are_one_error(net: Any, x: Any) -> None:
    with (
        mock.patch("stand_in.arrays.LARGEST", 5000),
        mock.patch.object(net.backend, "free_bytes", return_value=9000),
        pytest.raises(
            MemoryError, match=r"the deltas of 12 images for 3 classes need .* images, or 1 classes, .*batch="
        ),
    ):
        nnpg.prediction_gradient(net, x, layers="input")
    with mock.patch("stand_in.arrays.LARGEST", 5000):
        assert nnpg.prediction_gradient(net, x, layers="input", batch=4)["input"].shape == (3, 12, 1, 8, 8)


@gpu
@pytest.mark.emulated("the memory of a device cannot be made as small as this")
def test_gradients_that_do_not_fit_are_one_error(net: Any, x: Any) -> None:
    """conv1 has 2 x 1 x 3 x 3 weights and 2 biases in float32: 80 bytes for each of 3 seeds."""
    trace = net.forward(x)
    deltas = net.backward(trace, net.backend.asarray(np.eye(3, dtype=np.float32)[:, None].repeat(12, 1)))
    words = (
        r"the gradients of layer 'conv1' from 12 images for 3 classes need about 240 bytes.*; 90 are free.* 6 images or"
    )
    with (
        mock.patch("stand_in.arrays.LARGEST", 90),
        mock.patch.object(net.backend, "free_bytes", return_value=90),
        pytest.raises(MemoryError, match=words),
    ):
        net.gradients(trace, {"conv1": deltas["conv1"]})
    assert net.gradients(trace, {"conv1": deltas["conv1"]})["conv1"]["W"].shape == (3, 2, 1, 3, 3)


@gpu
def test_an_array_of_another_device_is_one_error(net: Any, x: Any) -> None:
    class Tensor:
        __module__ = "torch"
        __cuda_array_interface__ = None
        shape, dtype = (12, 1, 8, 8), np.dtype(np.float32)

    with pytest.raises(TypeError, match=r"x is an array of torch on a device, but this network computes with .*'cupy'"):
        nnpg.predict(net, Tensor())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="targets must be an array of NumPy or CuPy, not one of torch on a device"):
        nnpg.train(net, x, Tensor(), epochs=1, rng=0, batch=2)  # type: ignore[arg-type]
    on_device = net.backend.asarray(x)
    with pytest.raises(TypeError, match=r"this network computes with the backend 'numpy': .*net.to\('cupy'\)"):
        nnpg.predict(net.to("numpy"), on_device)
