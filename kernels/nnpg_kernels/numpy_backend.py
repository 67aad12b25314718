"""The NumPy backend: `definition` as matrix products of filters and patches, and as sums of shifted images.

Shapes: x (N, C, H, W), W (F, C/groups, I, J), y and delta (..., N, F, H', W'). A delta may have leading axes,
one for each seed; every kernel that takes a delta treats them all alike. s is the stride and d the dilation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.backend import Array
from nnpg_kernels.geometry import Window
from nnpg_kernels.threads import one_blas_thread

name = "numpy"
xp = np

PATCH_BYTES = 4 << 20  # size of the patches that are in memory at a time: they fit into the processor's cache


def asarray(a: npt.ArrayLike) -> Array:
    """Return `a` as an array of this backend."""
    return np.asarray(a)


def to_numpy(a: Array) -> npt.NDArray[Any]:
    """Return an array of this backend as a NumPy array."""
    return a


# Convolution (cross-correlation): y[n,f,h,w] = b[f] + sum_{c,i,j} W[f,c,i,j] x[n,c,h*s+i*d,w*s+j*d]


@one_blas_thread()
def conv_forward(x: Array, W: Array, b: Array | None, window: Window, groups: int = 1) -> Array:
    """y = W * x + b: one matrix product of the filters with the patches of each image."""
    N, (F, C, I, J) = len(x), W.shape
    H, Wd = window.output_shape(*x.shape[-2:])
    filters = W.reshape(groups, F // groups, C * I * J)
    y = np.empty((N, groups, F // groups, H * Wd), np.result_type(x, W))
    for images in _parts(N, groups * C * I * J * H * Wd * x.itemsize):
        np.matmul(filters, _patches(x[images], window, groups), out=y[images])
    y = y.reshape(N, F, H, Wd)
    if b is not None:
        y += b[:, None, None]
    return y


@one_blas_thread()
def conv_delta(delta: Array, W: Array, window: Window, groups: int, shape: tuple[int, int]) -> Array:
    """dL/dx[n,c,h*s+i*d,w*s+j*d] = sum_{f,i,j} W[f,c,i,j] delta[n,f,h,w]: the transposed product, patches added."""
    (F, C, I, J), (H, Wd) = W.shape, delta.shape[-2:]
    lead = delta.shape[:-3]  # (..., N)
    delta = delta.reshape(-1, groups, F // groups, H * Wd)
    filters = W.reshape(groups, F // groups, C * I * J).swapaxes(-1, -2)
    dx = np.zeros((len(delta), groups * C, *_padded(shape, window)), np.result_type(delta, W))
    for images in _parts(len(delta), groups * C * I * J * H * Wd * delta.itemsize):
        patches = (filters @ delta[images]).reshape(-1, groups * C, I, J, H, Wd)
        for i, j, tap in _taps(dx[images], window, (H, Wd)):
            tap += patches[:, :, i, j]
    return _unpadded(dx, window, shape).reshape(*lead, groups * C, *shape)


@one_blas_thread()
def conv_gradient(delta: Array, x: Array, window: Window, groups: int = 1) -> Array:
    """dL/dW[f,c,i,j] = sum_{n,h,w} delta[n,f,h,w] x[n,c,h*s+i*d,w*s+j*d]: delta times the patches, transposed."""
    (N, C), (F, H, Wd) = x.shape[:2], delta.shape[-3:]
    lead, (I, J) = delta.shape[:-4], window.size
    delta = delta.reshape(-1, N, groups, F // groups, H * Wd)
    dW = np.zeros((len(delta), groups, F // groups, C // groups * I * J), np.result_type(delta, x))
    for images in _parts(N, C * I * J * H * Wd * x.itemsize):
        patches = _patches(x[images], window, groups).swapaxes(-1, -2)
        dW += (delta[:, images] @ patches).sum(axis=1)
    return dW.reshape(*lead, F, C // groups, I, J)


# Max pooling: y = max of the window; the delta goes to the winner, the first maximum in row-major order


def max_pool_forward(x: Array, window: Window) -> tuple[Array, Array]:
    """y[n,f,h,w] = max_{i,j} x[n,f,h*s+i,w*s+j], and each winner i * J + j, the first largest or NaN."""
    shape = window.output_shape(*x.shape[-2:])
    (_, _, y), *others = _taps(_pad(x, window, -np.inf), window, shape)
    winner = np.zeros(y.shape, np.min_scalar_type(-window.size[0] * window.size[1]))
    for i, j, tap in others:
        winner[~(tap <= y) & (y == y)] = i * window.size[1] + j
        y = np.maximum(y, tap)
    return y.copy() if not others else y, winner


def max_pool_delta(delta: Array, winner: Array, window: Window, shape: tuple[int, int]) -> Array:
    """dL/dx = delta where x was the winner of its window, 0 elsewhere; windows that overlap add up."""
    dx = np.zeros((*delta.shape[:-2], *_padded(shape, window)), delta.dtype)
    for i, j, tap in _taps(dx, window, delta.shape[-2:]):
        tap += np.where(winner == i * window.size[1] + j, delta, 0)
    return _unpadded(dx, window, shape)


# Average pooling: y = mean of the window, zeros of the padding included


def avg_pool_forward(x: Array, window: Window) -> Array:
    """y[n,f,h,w] = 1/(IJ) sum_{i,j} x[n,f,h*s+i,w*s+j]."""
    taps = _taps(_pad(x, window, 0.0), window, window.output_shape(*x.shape[-2:]))
    return sum(tap for _, _, tap in taps) / _weight(window, x)


def avg_pool_delta(delta: Array, window: Window, shape: tuple[int, int]) -> Array:
    """dL/dx[n,f,h*s+i,w*s+j] = 1/(IJ) sum over the windows that see the pixel of delta[n,f,h,w]."""
    dx = np.zeros((*delta.shape[:-2], *_padded(shape, window)), delta.dtype)
    for _, _, tap in _taps(dx, window, delta.shape[-2:]):
        tap += delta
    return _unpadded(dx, window, shape) / _weight(window, delta)


def _taps(padded: Array, window: Window, shape: tuple[int, ...]) -> Iterator[tuple[int, int, Array]]:
    """For each place (i, j) in the window: the pixels of the padded image that all windows have there, as a view."""
    (sh, sw), (di, dj), (H, W) = window.stride, window.dilation, shape
    for i in range(window.size[0]):
        for j in range(window.size[1]):
            top, left = i * di, j * dj
            yield i, j, padded[..., top : top + H * sh : sh, left : left + W * sw : sw][..., :H, :W]


def _patches(x: Array, window: Window, groups: int) -> Array:
    """All windows of x side by side, as matrices (N, groups, C/groups I J, H' W')."""
    (sh, sw), (di, dj), N = window.stride, window.dilation, len(x)
    H, W = window.output_shape(*x.shape[-2:])
    windows = np.lib.stride_tricks.sliding_window_view(_pad(x, window, 0.0), window.extent, axis=(-2, -1))
    windows = windows[:, :, ::sh, ::sw, ::di, ::dj]  # (N, C, H', W', I, J)
    return windows.transpose(0, 1, 4, 5, 2, 3).reshape(N, groups, -1, H * W)


def _pad(x: Array, window: Window, value: float) -> Array:
    top, bottom, left, right = window.padding
    if not any(window.padding):
        return x
    margins = [(0, 0)] * (x.ndim - 2) + [(top, bottom), (left, right)]
    return np.pad(x, margins, constant_values=value)


def _padded(shape: tuple[int, int], window: Window) -> tuple[int, int]:
    top, bottom, left, right = window.padding
    return shape[0] + top + bottom, shape[1] + left + right


def _unpadded(padded: Array, window: Window, shape: tuple[int, int]) -> Array:
    top, _, left, _ = window.padding
    return padded[..., top : top + shape[0], left : left + shape[1]]


def _weight(window: Window, like: Array) -> Any:
    return like.dtype.type(window.size[0] * window.size[1])


def _parts(N: int, bytes_each: int) -> Iterator[slice]:
    """Slices of the N images that need about PATCH_BYTES each."""
    step = max(1, PATCH_BYTES // max(1, bytes_each))
    return (slice(n, n + step) for n in range(0, N, step))
