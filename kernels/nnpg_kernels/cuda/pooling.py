"""Which kernels do max and average pooling."""

from __future__ import annotations

from math import prod

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.cuda.device import THREADS, Device, blocks, check_fit, number_type, sizes
from nnpg_kernels.cuda.sources import NUMBERS, WINNERS
from nnpg_kernels.geometry import Window


def max_pool_forward(device: Device, x: Array, window: Window) -> tuple[Array, Array]:
    """y = max of the window, and the winner."""
    dtype, xp = number_type(x), device.xp
    shape = (*x.shape[:-2], *window.output_shape(*x.shape[-2:]))
    y, winner = xp.empty(shape, dtype), xp.empty(shape, winner_type(window))
    if y.size:
        s = sizes(window, prod(x.shape[:-2]), x.shape[-2:])
        kernel = f"max_pool_forward<{NUMBERS[dtype]},{WINNERS[str(winner.dtype)]}>"
        device.launch(kernel, blocks(y.size), THREADS, (xp.ascontiguousarray(x), y, winner, s))
    return y, winner


def max_pool_delta(device: Device, delta: Array, winner: Array, window: Window, shape: tuple[int, int]) -> Array:
    """dL/dx = delta at the winner of each window."""
    fits = delta.shape[-2:] == window.output_shape(*shape) and delta.shape[delta.ndim - winner.ndim :] == winner.shape
    check_fit(fits, "delta and winner", delta, winner)
    dtype, xp = number_type(delta), device.xp
    dx = xp.empty((*delta.shape[:-2], *shape), dtype)
    if dx.size:
        winner = xp.ascontiguousarray(winner, winner_type(window))
        s = sizes(window, prod(delta.shape[:-2]), shape)
        planes = np.int64(prod(winner.shape[:-2]))
        kernel = f"max_pool_delta<{NUMBERS[dtype]},{WINNERS[str(winner.dtype)]}>"
        device.launch(kernel, blocks(dx.size), THREADS, (xp.ascontiguousarray(delta), winner, dx, s, planes))
    return dx


def avg_pool_forward(device: Device, x: Array, window: Window) -> Array:
    """y = mean of the window, zeros of the padding included."""
    dtype, xp = number_type(x), device.xp
    y = xp.empty((*x.shape[:-2], *window.output_shape(*x.shape[-2:])), dtype)
    if y.size:
        s = sizes(window, prod(x.shape[:-2]), x.shape[-2:])
        kernel = f"avg_pool_forward<{NUMBERS[dtype]}>"
        device.launch(kernel, blocks(y.size), THREADS, (xp.ascontiguousarray(x), y, s))
    return y


def avg_pool_delta(device: Device, delta: Array, window: Window, shape: tuple[int, int]) -> Array:
    """dL/dx = each pixel's share of the deltas of all windows that see it."""
    check_fit(delta.shape[-2:] == window.output_shape(*shape), "delta and window", delta)
    dtype, xp = number_type(delta), device.xp
    dx = xp.empty((*delta.shape[:-2], *shape), dtype)
    if dx.size:
        s = sizes(window, prod(delta.shape[:-2]), shape)
        kernel = f"avg_pool_delta<{NUMBERS[dtype]}>"
        device.launch(kernel, blocks(dx.size), THREADS, (xp.ascontiguousarray(delta), dx, s))
    return dx


def winner_type(window: Window) -> str:
    """Return the smallest type of number for the places of a window."""
    return str(np.min_scalar_type(-window.size[0] * window.size[1]))
