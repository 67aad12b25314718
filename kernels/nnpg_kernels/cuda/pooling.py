"""Which kernels do max and average pooling."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.cuda.device import THREADS, Device, blocks, check_fit, launches, number_type, sizes
from nnpg_kernels.cuda.sources import NUMBERS, WINNERS
from nnpg_kernels.geometry import Window


def max_pool_forward(device: Device, x: Array, window: Window) -> tuple[Array, Array]:
    """y = max of the window, and the winner."""
    dtype, xp = number_type(x), device.xp
    shape = (*x.shape[:-2], *window.output_shape(*x.shape[-2:]))
    y, winner = xp.empty(shape, dtype), xp.empty(shape, winner_type(window))
    kernel = f"max_pool_forward<{NUMBERS[dtype]},{WINNERS[str(winner.dtype)]}>"
    for s, tasks, arrays in _maps(device, window, x.shape[-2:], x, y, winner):
        device.launch(kernel, blocks(tasks), THREADS, (*arrays, s))
    return y, winner


def max_pool_delta(device: Device, delta: Array, winner: Array, window: Window, shape: tuple[int, int]) -> Array:
    """dL/dx = delta at the winner of each window."""
    fits = delta.shape[-2:] == window.output_shape(*shape) and delta.shape[delta.ndim - winner.ndim :] == winner.shape
    check_fit(fits, "delta and winner", delta, winner)
    dtype, xp = number_type(delta), device.xp
    dx = xp.empty((*delta.shape[:-2], *shape), dtype)
    winner = xp.ascontiguousarray(winner, winner_type(window))
    kernel, planes = f"max_pool_delta<{NUMBERS[dtype]},{WINNERS[str(winner.dtype)]}>", prod(winner.shape[:-2])
    first = 0
    for s, _, (deltas, part) in _maps(device, window, shape, delta, dx):
        place = np.int32(first % planes), np.int32(planes)
        device.launch(kernel, blocks(part.size), THREADS, (deltas, winner, part, s, *place))
        first += len(part)
    return dx


def avg_pool_forward(device: Device, x: Array, window: Window) -> Array:
    """y = mean of the window, zeros of the padding included."""
    dtype, xp = number_type(x), device.xp
    y = xp.empty((*x.shape[:-2], *window.output_shape(*x.shape[-2:])), dtype)
    for s, tasks, arrays in _maps(device, window, x.shape[-2:], x, y):
        device.launch(f"avg_pool_forward<{NUMBERS[dtype]}>", blocks(tasks), THREADS, (*arrays, s))
    return y


def avg_pool_delta(device: Device, delta: Array, window: Window, shape: tuple[int, int]) -> Array:
    """dL/dx = each pixel's share of the deltas of all windows that see it."""
    check_fit(delta.shape[-2:] == window.output_shape(*shape), "delta and window", delta)
    dtype, xp = number_type(delta), device.xp
    dx = xp.empty((*delta.shape[:-2], *shape), dtype)
    for s, tasks, arrays in _maps(device, window, shape, delta, dx):
        device.launch(f"avg_pool_delta<{NUMBERS[dtype]}>", blocks(tasks), THREADS, (*arrays, s))
    return dx


def winner_type(window: Window) -> str:
    """Return the smallest type of number for the places of a window."""
    return str(np.min_scalar_type(-window.size[0] * window.size[1]))


def _maps(
    device: Device, window: Window, shape: tuple[int, int], read: Array, *written: Array
) -> Iterator[tuple[Array, int, tuple[Array, ...]]]:
    """Yield, for each launch, its sizes, how many numbers it computes, and its maps of each array."""
    arrays = [a.reshape(-1, *a.shape[-2:]) for a in (device.xp.ascontiguousarray(read), *written)]
    pixels = max(prod(a.shape[1:]) for a in arrays)
    for maps in launches(len(arrays[0]), pixels):
        parts = tuple(a[maps] for a in arrays)
        yield sizes(window, len(parts[0]), shape), parts[1].size, parts
