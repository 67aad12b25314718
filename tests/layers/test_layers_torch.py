"""PyTorch as an oracle: forward, delta and weight gradients of every layer, in float64, to 1e-10."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layer_rows import ROWS, Row, delta
from of_device import on
from oracle import one_thread, torch  # noqa: F401 (the fixture is found by its name)

import nnpg
from nnpg.layers import LAYERS
from nnpg_kernels import Array, Backend

F = torch.nn.functional
pytestmark = pytest.mark.oracle


Tensors = dict[str, Any]


def _padded(x: Any, padding: tuple[int, int, int, int], value: float = 0.0) -> Any:
    top, bottom, left, right = padding
    return F.pad(x, (left, right, top, bottom), value=value)


def _conv(layer: nnpg.Conv, x: Any, p: Tensors) -> Any:
    return F.conv2d(_padded(x, layer.padding), p["W"], p.get("b"), layer.stride, 0, layer.dilation, layer.groups)


def _dropout(layer: nnpg.Dropout, x: Any, p: Tensors) -> Any:
    if layer.key is None:
        return F.dropout(x, layer.rate, training=False)
    # the same units; the derivative is PyTorch's
    active = np.random.default_rng(layer.key).random(tuple(x.shape)) >= layer.rate
    return x * torch.tensor(active / (1 - layer.rate))


ORACLES: dict[str, Callable[[Any, Any, Tensors], Any]] = {
    "Dense": lambda layer, x, p: F.linear(x, p["W"], p.get("b")),
    "Conv": _conv,
    "Flatten": lambda layer, x, p: torch.flatten(x, 1),
    "Center": lambda layer, x, p: x - torch.tensor(layer.mean),
    "Tanh": lambda layer, x, p: torch.tanh(x),
    "ReLU": lambda layer, x, p: torch.relu(x),
    "Sigmoid": lambda layer, x, p: torch.sigmoid(x),
    "Step": lambda layer, x, p: torch.heaviside(x.detach(), torch.tensor(float(layer.at_zero)).double()) + 0 * x,
    "Softmax": lambda layer, x, p: torch.softmax(x, -1),
    "MaxPool": lambda layer, x, p: F.max_pool2d(_padded(x, layer.padding, -torch.inf), layer.size, layer.stride),
    "AvgPool": lambda layer, x, p: F.avg_pool2d(_padded(x, layer.padding), layer.size, layer.stride),
    "Dropout": _dropout,
    "LocalResponseNorm": lambda layer, x, p: F.local_response_norm(x, layer.size, layer.alpha, layer.beta, layer.bias),
}


def test_every_layer_has_an_oracle() -> None:
    assert set(ORACLES) == set(LAYERS)


def agree(layer: Any, x: Array, k: Backend) -> None:
    """Compare y, dL/dx and the gradient of every parameter with PyTorch's."""
    on_backend = on(k, layer)
    y, saved = on_backend.forward(k, x)
    d = delta(y)
    t = torch.tensor(x, requires_grad=True)
    weights = {n: torch.tensor(a, requires_grad=True) for n, a in nnpg.layers.parameters(layer).items()}
    their_y = ORACLES[type(layer).__name__](layer, t, weights)
    their_y.backward(torch.tensor(d))
    np.testing.assert_allclose(y, their_y.detach().numpy(), rtol=1e-10, atol=1e-10)
    dx = on_backend.backward(k, d, saved)
    np.testing.assert_allclose(dx, t.grad.numpy(), rtol=1e-10, atol=1e-10)
    grads = on_backend.gradients(k, d, saved)
    assert set(grads) == set(weights)
    for name, a in grads.items():
        np.testing.assert_allclose(a, weights[name].grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(",", "").replace(" ", "-"))
@pytest.mark.parametrize("N", [1, 4])
def test_every_row(row: Row, N: int, backend: Backend) -> None:
    agree(row.layer, row.x(N), backend)


@pytest.mark.parametrize("case", range(60))
def test_random_convolutions(case: int, backend: Backend) -> None:
    rng = np.random.default_rng([1, case])
    I, J, sh, sw, di, dj = (int(n) for n in rng.integers(1, [6, 6, 4, 4, 4, 4]))
    padding = tuple(int(n) for n in rng.integers(0, 5, 4))
    groups, C, per_group, N = (int(n) for n in rng.integers(1, [4, 4, 4, 5]))
    H = max(1, (I - 1) * di + 1 - sum(padding[:2])) + int(rng.integers(0, 9))
    W = max(1, (J - 1) * dj + 1 - sum(padding[2:])) + int(rng.integers(0, 9))
    filters = rng.standard_normal((groups * per_group, C, I, J))
    b = rng.standard_normal(len(filters)) if case % 4 else None
    layer = nnpg.Conv(filters, b, (sh, sw), padding, (di, dj), groups)  # type: ignore[arg-type]
    agree(layer, rng.standard_normal((N, groups * C, H, W)), backend)


@pytest.mark.parametrize("kind", [nnpg.MaxPool, nnpg.AvgPool])
@pytest.mark.parametrize("case", range(30))
def test_random_pools(kind: type[nnpg.MaxPool | nnpg.AvgPool], case: int, backend: Backend) -> None:
    """Overlapping, with gaps, padded; every other case is full of ties, which go to the first maximum."""
    rng = np.random.default_rng([2, case])
    I, J, sh, sw = (int(n) for n in rng.integers(1, [6, 6, 5, 5]))
    padding = (*map(int, rng.integers(0, I, 2)), *map(int, rng.integers(0, J, 2)))
    H = max(1, I - sum(padding[:2])) + int(rng.integers(0, 9))
    W = max(1, J - sum(padding[2:])) + int(rng.integers(0, 9))
    x = rng.standard_normal((int(rng.integers(1, 4)), int(rng.integers(1, 4)), H, W))
    agree(kind((I, J), (sh, sw), padding), np.round(x) if case % 2 else x, backend)  # type: ignore[arg-type]


@pytest.mark.parametrize("padding", [0, 1])
def test_symmetric_padding_is_pytorchs_own(padding: int, backend: Backend) -> None:
    """The rows pad by hand; here PyTorch pads: -inf for the maximum, zeros that count for the mean."""
    x = np.random.default_rng(3).standard_normal((2, 3, 7, 8))
    t = torch.tensor(x)
    ours, _ = on(backend, nnpg.MaxPool(3, stride=2, padding=padding)).forward(backend, x)
    np.testing.assert_array_equal(ours, F.max_pool2d(t, 3, 2, padding).numpy())
    ours, _ = on(backend, nnpg.AvgPool(3, stride=2, padding=padding)).forward(backend, x)
    theirs = F.avg_pool2d(t, 3, 2, padding, count_include_pad=True).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("case", range(12))
def test_random_activations_and_norms(case: int, backend: Backend) -> None:
    rng = np.random.default_rng([4, case])
    vectors = 6 * rng.standard_normal((3, int(rng.integers(1, 12))))
    maps = 2 * rng.standard_normal((2, int(rng.integers(1, 9)), 3, 2))
    for layer in (nnpg.Tanh(), nnpg.Sigmoid(), nnpg.ReLU()):
        agree(layer, vectors, backend)
        agree(layer, maps, backend)
    agree(nnpg.Softmax(), vectors, backend)
    size, (alpha, beta, bias) = int(rng.integers(1, 8)), rng.uniform([0, 0.2, 0.5], [2, 1.5, 2])
    agree(nnpg.LocalResponseNorm(size, float(alpha), float(beta), float(bias)), maps, backend)
