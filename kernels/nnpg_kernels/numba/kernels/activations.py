"""Activations on planes, in place, and their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import arithmetic, lanes, load, store

ACTIVATE = record_type("y plane row C H W joined activation")  # joined: whether the rows of a map are one
SLOPE = record_type("delta y size activation")
SLOPE_OF_ONE = record_type("delta y units lanes activation")

LINEAR, TANH, RELU, SIGMOID = range(4)  # codes of activations in records


@factory
def activate(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of y = act(y)."""
    kind, step = np.dtype(dtype).type, 4 * lanes(dtype)
    vector = step // 4

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, ACTIVATE)
        y = array(s.y, kind)
        C, H, W = s.C, s.H, s.W
        if s.joined:
            H, W = 1, H * s.row
            if s.plane == W:
                C, W = 1, C * W
        for c in range(C):
            for h in range(H):
                p = c * s.plane + h * s.row
                for v in range(0, W, step):
                    z = load(y, p + v, vector, 1, 4)
                    if s.activation == TANH:
                        store(arithmetic.tanh(z), y, p + v, 0, 1, W - v)
                    elif s.activation == SIGMOID:
                        store(arithmetic.sigmoid(z), y, p + v, 0, 1, W - v)
                    elif s.activation == RELU:
                        store(arithmetic.where_below(z, 0.0, 0.0, z), y, p + v, 0, 1, W - v)

    return kernel(run)


@factory
def multiply_by_slope(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of delta = delta act'(z), from y = act(z)."""
    kind: Any = np.dtype(dtype).type

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, SLOPE)
        delta, y = array(s.delta, kind), array(s.y, kind)
        if s.activation == TANH:
            for i in range(s.size):
                delta[i] *= kind(1) - y[i] * y[i]
        elif s.activation == RELU:
            for i in range(s.size):
                delta[i] = kind(0) if y[i] <= 0 else delta[i]  # a NaN of y lets the delta pass
        elif s.activation == SIGMOID:
            for i in range(s.size):
                delta[i] *= y[i] * (kind(1) - y[i])

    return kernel(run)


@factory
def multiply_by_slope_of_one(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of delta = delta act'(z), where the lanes of delta are classes of image n, one lane of y."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, SLOPE_OF_ONE)
        delta, y = array(s.delta, kind), array(s.y, kind)
        for unit in range(s.units):
            out = y[unit * step + n % s.lanes]
            first = unit * step
            if s.activation == RELU:
                for i in range(first, first + step):
                    delta[i] = kind(0) if out <= 0 else delta[i]
                continue
            slope = 1 - out * out if s.activation == TANH else out * (1 - out)
            for i in range(first, first + step):
                delta[i] *= slope

    return kernel(run)
