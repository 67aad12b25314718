"""The papers' networks on small images, and the tools of the tests of resident programs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
import pytest
from parameters import with_biases

import nnpg
from nnpg.attacks.objective import Objective
from nnpg.recipes.models import cifar_net, digit_net, face_net
from nnpg_kernels import Array

N = 5
LAYERS: dict[str, list[Any]] = {
    "one of each": [
        *(nnpg.Center(0.2), nnpg.Dropout(0.3), nnpg.conv(5, 3, stride=(1, 2), padding=(1, 0, 2, 1)), nnpg.Sigmoid()),
        *(nnpg.conv(6, 2, dilation=(2, 1)), nnpg.MaxPool(3, 2, padding=1), nnpg.ReLU(), nnpg.Flatten()),
        *(nnpg.dense(7), nnpg.Tanh(), nnpg.dense(4), nnpg.Sigmoid()),
    ],
    "dense": [nnpg.dense(20), nnpg.Sigmoid(), nnpg.dense(10), nnpg.Sigmoid(), nnpg.dense(5), nnpg.Softmax()],
}
SHAPES = {"one of each": (2, 9, 11), "dense": (30,)}
PAPERS = ("faces", "digits", "colours", "dense")  # the architectures of W1, W2, W3 and W4
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("digits", "colours")]
NETWORKS = ("faces", *SLOW, *LAYERS)
WITH_FILTERS = ("faces", *SLOW, "one of each")


@cache
def network(name: str, dtype: str = "float64", backend: str = "cupy") -> nnpg.Network:
    """Return one of NETWORKS, with biases that are not 0; the last ones let its images have different classes."""
    rng = np.random.default_rng(0)
    if name in LAYERS:
        net = nnpg.build(LAYERS[name], input_shape=SHAPES[name], rng=rng, dtype=dtype, backend="numpy")
    else:
        make, shape, K = {
            "faces": (face_net, (1, 36, 38), 15),
            "digits": (digit_net, (1, 22, 22), 10),
            "colours": (cifar_net, (3, 10, 10), 10),
        }[name]
        net = make(pixels(shape, dtype, 2), K, rng=rng, dtype=dtype, backend="numpy")
    net = with_biases(net, rng)
    last = [layer for layer in net.names if layer.startswith("dense")][-1]
    z = net.forward(pixels(net.input_shape, dtype, N), stop=last).y
    return net.with_parameters({last: {"b": net.layers[last].b - z.mean(axis=0)}}).to(backend)  # type: ignore[attr-defined]


def images(name: str, dtype: str = "float64", count: int = N) -> Array:
    return pixels(network(name, dtype, "numpy").input_shape, dtype, count)


@cache
def pixels(shape: tuple[int, ...], dtype: str, count: int) -> Array:
    x = np.random.default_rng(2).standard_normal((count, *shape)).astype(dtype)
    x.flags.writeable = False
    return x


@contextmanager
def orders(*numbers: int) -> Iterator[None]:
    """Let a launch run in these orders of threads and blocks, which must give the same bits; a device has its own."""
    if os.environ.get("NNPG_CUDA") != "emulated":
        yield
        return
    with mock.patch("stand_in.cuda.ORDERS", numbers):
        yield


def close(result: Any, expected: Any, dtype: str = "float64", what: str = "") -> None:
    """To 1e-10, or in float32 to 2e-5, of the largest number."""
    result = result.get() if hasattr(result, "get") else result
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    scale = np.nanmax(abs(expected), initial=1e-30)
    tolerance = 1e-10 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance * scale, err_msg=what)


def readings(objective: Objective, x: Array, targets: Array, rivals: tuple[int, ...] = (3,)) -> list[Any]:
    """Return every reading of images: with one rival and several, towards the target and away from it."""
    k, group = objective.net.backend, objective.group_of(x, targets)
    given = (k.asarray(x), k.asarray(targets), group)
    made: list[Any] = [objective.evaluate(*given)]
    for R in rivals:
        made += objective.evaluate_rivals(*given, R)
    return [*made, objective.margin(*given), objective.margin(*given, away=True)]


def same(result: Any, expected: Any, tolerance: float = 1e-10) -> None:
    """An answer to an attack is as expected, to this part of the largest number; what is not finite is what it is."""
    for name, right in vars(expected).items():
        answer = getattr(result, name).get()
        assert (answer.shape, answer.dtype) == (right.shape, right.dtype), name
        largest = np.max(abs(right), initial=0, where=np.isfinite(right))
        np.testing.assert_allclose(answer, right, rtol=0, atol=tolerance * max(1, largest), err_msg=name)
