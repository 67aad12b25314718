"""The networks, images and comparisons of the checks that mutants must not pass."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import nnpg

N, K = 5, 3
LABELS = np.array([0, 2, 1, 2, 2])
HEADS = {"softmax": [nnpg.Softmax()], "sigmoid": [nnpg.Sigmoid()], "none": []}


@cache
def net_with(head: str) -> nnpg.Network:
    recipe = [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(K), *HEADS[head]]
    return nnpg.build(recipe, input_shape=(2, 6, 6), rng=1, dtype="float64", backend="numpy")


@cache
def images() -> Any:
    x = np.random.default_rng(2).standard_normal((N, 2, 6, 6))
    x.setflags(write=False)
    return x


@cache
def many() -> Any:
    return np.random.default_rng(11).standard_normal((40, 2, 6, 6))


def same(a: Any, b: Any, tolerance: float = 1e-10) -> None:
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape, (a.shape, b.shape)
    assert np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


def slopes(f: Any, x: Any, direction: Any, step: float = 1e-6) -> Any:
    """The derivative of f at x along a direction."""
    return (f(x + step * direction) - f(x - step * direction)) / (2 * step)


def refused(call: Any) -> bool:
    try:
        call()
    except (ValueError, KeyError):
        return True
    return False


def net_after(start: str) -> Any:
    net = net_with("softmax")
    return lambda a: net.forward(a, start=start)


def refused_index(call: Any) -> bool:
    try:
        call()
    except IndexError:
        return True
    return False
