"""Weight gradients of one image with filters in the lanes, see `channel_lanes`, and their sum over images.

dW[f, c, i, j] = sum_{n, h, w} dz[n, f, h, w] x[n, c, h s + i, w s + j]

task      one image, with a part of the memory for its own gradient; then a vector of weights of all filters
tile      that of `correlation`: channels, or taps of an image's row, by vectors of filters; summed over pixels
bound     multiply-adds
writer    each image writes its part; the sum, in the order of the images, is written once
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.kernels.correlation import CORRELATE, correlate_rows
from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import lanes, load, store, transposed, zeros

CHANNEL_GRADIENT = np.dtype(
    [*CORRELATE.descr, *record_type("slot planes taps row_taps w_plane w_tap_i w_tap_j y_tap").descr]
)
BIAS_GRADIENT = record_type("dz dz_plane dz_row rows columns groups db db_slot")
SUM_GRADIENTS = record_type("parts part number dW starts inner C F T")


@factory
def channel_gradient(dtype: npt.DTypeLike, height: int, width: int) -> Any:
    """Return the kernel of part[c, t, r, f] = the sum over pixels of dz[f] times the pixel of x that tap t read.

    Its record tells the sizes of a product of matrices: rows r, of channels in a plane of x or of taps, by filters f,
    summed over the pixels of dz. Slot `slot` of the parts is that of one image.
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)
    rows_of = correlate_rows(height, width, step)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s, one = record(address, CHANNEL_GRADIENT), record(address, CORRELATE)
        dz, b, item = array(s.x, kind), array(s.b, kind), s.y_tap
        for c in range(s.planes):
            for tap in range(s.taps):
                i, j = tap // s.row_taps, tap % s.row_taps
                pixels = array(s.w + c * s.w_plane + i * s.w_tap_i + j * s.w_tap_j, kind)
                part = array(s.y + slot * s.slot + (c * s.taps + tap) * item, kind)
                for r in range(0, s.F, height):
                    rows_of(one, dz, pixels, b, part, r, 0, r * s.y_plane, s.y_plane)

    return kernel(run)


@factory
def bias_gradient(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of db[slot, f] = the sum of dz[f] over its pixels, for filters in the lanes."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, BIAS_GRADIENT)
        dz, db = array(s.dz, kind), array(s.db + slot * s.db_slot, kind)
        for group in range(s.groups):
            total = zeros(dz, 1, 1)
            for h in range(s.rows):
                for w in range(s.columns):
                    total = total + load(dz, group * s.dz_plane + h * s.dz_row + w * step, step, 1, 1)
            store(total, db, group * step, 0, 1, step)

    return kernel(run)


@factory
def sum_gradients(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of dW[f, c, t] = the sum over images of parts[image, c // inner, t, c % inner, f].

    For the vectors n to n + count of the weights (c, t) of each filter; images are added in their order.
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, SUM_GRADIENTS)
        parts, dW, starts = array(s.parts, kind), array(s.dW, kind), array(s.starts, np.int64)
        F, T, inner, size = s.F, s.T, s.inner, s.C * s.T
        for first in range(n * step, min((n + count) * step, size), step):
            for k in range(step):
                c, tap = min(first + k, size - 1) // T, min(first + k, size - 1) % T
                starts[k] = ((c // inner * T + tap) * inner + c % inner) * F
            for f in range(0, F, step):
                square = transposed(parts, starts, f)
                for image in range(1, s.number):
                    square = square + transposed(parts, starts, image * s.part + f)
                store(square, dW, f * size + first, size, step, size - first)

    return kernel(run)
