"""The CPU backend: convolutions and max pooling in Numba, everything else as in the numpy_backend.

Held equal to `numpy_backend` by the same tests. What its kernels do not cover (a column stride, numbers that are
neither float32 nor float64) goes to the reference, which is patches and BLAS. Nothing compiles at import; each kernel
compiles at its first use and is kept on disk. Images of another number or size need no new compilation.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from nnpg_kernels import numpy_backend
from nnpg_kernels.backend import Array
from nnpg_kernels.geometry import Window
from nnpg_kernels.numba.convolution import Sizes, correlate, correlate_gradient, put_all_into_margins
from nnpg_kernels.numba.kernels.weight_gradient import pieces
from nnpg_kernels.numba.pooling import pool_delta, pool_forward
from nnpg_kernels.numba.runtime.thread_pool import share
from nnpg_kernels.numba.simd import lanes, wide_registers
from nnpg_kernels.numpy_backend import asarray, avg_pool_delta, avg_pool_forward, to_numpy, xp
from nnpg_kernels.threads import threads_for

__all__ = ["asarray", "avg_pool_delta", "avg_pool_forward", "to_numpy", "xp"]

name = "numba"

SERIAL = 4e6  # multiply-adds below which a second thread takes more time than it saves
IMAGES_AT_ONCE = 32  # images in their margins that a weight gradient has in memory at a time


def conv_forward(x: Array, W: Array, b: Array | None, window: Window, groups: int = 1) -> Array:
    """y = W * x + b."""
    _check(x.shape[-3] == groups * W.shape[1] and (b is None or b.shape == W.shape[:1]), "x, W and b", x, W, b)
    if not _covered(window, x, W):
        return numpy_backend.conv_forward(x, W, b, window, groups)
    top, _, left, _ = window.padding
    return _correlate(x, W, b, window, groups, window.output_shape(*x.shape[-2:]), (top, left))


def conv_delta(delta: Array, W: Array, window: Window, groups: int, shape: tuple[int, int]) -> Array:
    """dL/dx = the filters, rotated by half a turn, * delta in a margin as wide as they are."""
    expected = (len(W), *window.output_shape(*shape))
    _check(delta.shape[-3:] == expected and len(W) % groups == 0, f"delta {expected} and W", delta, W)
    if not _covered(window, delta, W) or window.stride[0] != 1:
        return numpy_backend.conv_delta(delta, W, window, groups, shape)
    F, C, I, J = W.shape
    rotated = (
        W.reshape(groups, F // groups, C, I, J)[..., ::-1, ::-1].swapaxes(1, 2).reshape(groups * C, F // groups, I, J)
    )
    (rows, columns), (top, _, left, _) = window.extent, window.padding
    images = delta.reshape(-1, *delta.shape[-3:])
    dx = _correlate(images, rotated, None, window, groups, shape, (rows - 1 - top, columns - 1 - left))
    return dx.reshape(*delta.shape[:-3], *dx.shape[1:])


def conv_gradient(delta: Array, x: Array, window: Window, groups: int = 1) -> Array:
    """dL/dW = delta times the pixels that each weight saw."""
    expected = (len(x), delta.shape[-3], *window.output_shape(*x.shape[-2:]))
    fits = delta.shape[-4:] == expected and delta.shape[-3] % groups == 0 == x.shape[-3] % groups
    _check(fits, "delta and x", delta, x)
    if not _covered(window, delta, x):
        return numpy_backend.conv_gradient(delta, x, window, groups)
    N, (F, H, W), (I, J), dtype = len(x), delta.shape[-3:], window.size, np.result_type(delta, x)
    vector = lanes(dtype)
    tile_rows = 4 if wide_registers() else 1
    width = -(-W // vector) * vector
    seeds = delta.reshape(-1, N, F, H, W)
    dW = np.zeros((len(seeds), F, x.shape[1] // groups, I, J), dtype)
    top, _, left, _ = window.padding
    for first in range(0, N, IMAGES_AT_ONCE):
        images = _readable(x[first : first + IMAGES_AT_ONCE], dtype)
        s = _sizes(images, (F, H, W), window, groups, (top, left), width)
        threads = _threads(len(images) * F * s.C * I * J * H * W, s.groups * s.C)
        margins = np.empty(len(images) * x.shape[1] * s.rows * s.columns, dtype)
        share(put_all_into_margins(), threads, s, images, margins)
        for seed, sums in zip(seeds, dW, strict=True):
            # The last block of filters may read after the last image; it drops these numbers.
            rows = np.zeros((len(images) * F + tile_rows, H, width), dtype)
            rows[: len(images) * F].reshape(len(images), F, H, width)[..., :W] = seed[first : first + IMAGES_AT_ONCE]
            for places in pieces(J):
                kernel = correlate_gradient(tile_rows, len(places), vector)
                share(kernel, threads, s, margins, rows.ravel(), width, sums.reshape(-1), places.start)
    return dW.reshape(*delta.shape[:-4], *dW.shape[1:])


def max_pool_forward(x: Array, window: Window) -> tuple[Array, Array]:
    """y = max of the window, and the winner."""
    if x.dtype not in (np.float32, np.float64):
        return numpy_backend.max_pool_forward(x, window)
    H, W = window.output_shape(*x.shape[-2:])
    planes = _readable(x.reshape(-1, *x.shape[-2:]), x.dtype)
    y = np.empty((len(planes), H, W), x.dtype)
    winner = np.empty(y.shape, np.min_scalar_type(-window.size[0] * window.size[1]))
    threads = _threads(16 * y.size * window.size[0] * window.size[1], len(planes))
    share(pool_forward(), threads, planes, *_geometry(window), y, winner)
    return y.reshape(*x.shape[:-2], H, W), winner.reshape(*x.shape[:-2], H, W)


def max_pool_delta(delta: Array, winner: Array, window: Window, shape: tuple[int, int]) -> Array:
    """dL/dx = delta at the winner of each window."""
    fits = delta.shape[-2:] == window.output_shape(*shape) and delta.shape[delta.ndim - winner.ndim :] == winner.shape
    _check(fits, "delta and winner", delta, winner)
    if delta.dtype not in (np.float32, np.float64):
        return numpy_backend.max_pool_delta(delta, winner, window, shape)
    planes = _readable(delta.reshape(-1, *delta.shape[-2:]), delta.dtype)
    winners = _readable(winner.reshape(-1, *winner.shape[-2:]), winner.dtype)
    dx = np.zeros((len(planes), *shape), delta.dtype)
    share(pool_delta(), _threads(16 * planes.size, len(planes)), planes, winners, *_geometry(window), dx)
    return dx.reshape(*delta.shape[:-2], *shape)


def sparse_matrix(x: Array) -> Array:
    """Return a matrix that stands in for x (N, D), most of whose numbers are 0: its products leave them out."""
    from nnpg_kernels.numba.sparse_matrix import SparseMatrix

    return cast(Array, SparseMatrix(x))


def _check(fits: bool, names: str, *arrays: Array | None) -> None:
    """Refuse arrays that do not fit, as NumPy does: kernels do not check bounds."""
    if not fits:
        shapes = ", ".join(str(a.shape) for a in arrays if a is not None)
        raise ValueError(f"{names} do not fit: {shapes}")


def _correlate(
    x: Array, W: Array, b: Array | None, window: Window, groups: int, shape: tuple[int, int], origin: tuple[int, int]
) -> Array:
    """Correlate x, which starts at `origin` in its margin, with W; `shape` is the rows and columns of the output."""
    F, dtype = len(W), np.result_type(x, W)
    vector = lanes(dtype)
    tile_rows, tile_columns = (8, 2) if wide_registers() else (4, 1)
    tile_columns = 1 if shape[1] <= vector else tile_columns
    step = vector * tile_columns
    x = _readable(x, dtype)
    s = _sizes(x, (F, *shape), window, groups, origin, -(-shape[1] // step) * step)
    y = np.empty((s.N, F, *shape), dtype)
    threads = _threads(y.size * s.C * s.I * s.J, s.N)
    margins = np.empty(threads * x.shape[1] * s.rows * s.columns, dtype)
    kernel = correlate(tile_rows, tile_columns, vector)
    biases = np.zeros(F, dtype) if b is None else b
    share(
        kernel,
        threads,
        s,
        x,
        _blocks(W, groups, tile_rows, dtype),
        _blocks(biases, groups, tile_rows, dtype),
        y.reshape(-1),
        margins,
    )
    return y


def _covered(window: Window, *arrays: Array) -> bool:
    return window.stride[1] == 1 and np.result_type(*arrays) in (np.float32, np.float64)


def _sizes(
    x: Array, out: tuple[int, int, int], window: Window, groups: int, origin: tuple[int, int], width: int
) -> Sizes:
    """The numbers of a convolution whose rows are computed `width` pixels wide."""
    F, H, W = out
    (di, dj), stride = window.dilation, window.stride[0] if origin == (window.padding[0], window.padding[2]) else 1
    rows = (H - 1) * stride + window.extent[0]
    columns = width + window.extent[1] - 1
    return Sizes(
        len(x), groups, x.shape[1] // groups, F // groups, H, W, *window.size, stride, di, dj, rows, columns, *origin
    )


def _blocks(a: Array, groups: int, block: int, dtype: Any) -> Array:
    """Filters (F, ...) in blocks, flat: (groups, blocks, ..., block); the last block of a group ends in zeros."""
    of_group = a.reshape(groups, len(a) // groups, -1)
    n = -(-of_group.shape[1] // block)
    whole = np.zeros((groups, n * block, of_group.shape[2]), dtype)
    whole[:, : of_group.shape[1]] = of_group
    return np.ascontiguousarray(whole.reshape(groups, n, block, -1).swapaxes(-1, -2)).reshape(-1)


def _readable(a: Array, dtype: Any) -> Array:
    """The array in C order and read-only: the one type of array for which the kernels are compiled."""
    view = np.ascontiguousarray(a, dtype).view()
    view.flags.writeable = False
    return view


def _threads(work: float, tasks: int) -> int:
    return 1 if work < SERIAL else threads_for(tasks)


def _geometry(window: Window) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    return window.size, window.stride, (window.padding[0], window.padding[2])
