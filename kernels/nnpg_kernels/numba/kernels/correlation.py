"""The kernel that takes most of the time: y = b + sum over channels and taps of w * x, on planes.

    y[f, h, w] = b[f] + sum_{c, i, j} w[f, c, i, j] x[c, h, w; i, j]

The strides of w, x and y decide what it computes: a convolution; its delta, with flipped filters, and filters
and channels exchanged; a dense layer, whose inputs are taps; its delta; its gradient, whose images are taps. Weights
are read from the layer's arrays and are not copied.

    task      a block of images, all of whose outputs it writes
    tile      4 to 6 filters by 4 vectors of pixels (AVX-512), or by 1 (AVX2), that starts at the bias
    inner     for each tap: 4 loads of pixels and 4 of weights for 16 multiply-adds
    bound     multiply-adds, two a cycle: 97% of it on one core for 5 x 5 filters
    writer    each output is written once
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.compilation import jit, kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import add_outer, lanes, splats, store, wide_registers

CORRELATE = record_type(
    "x x_channel x_row x_column x_i x_j "  # where the window of output (0, 0) starts; numbers to the next of each
    "w w_row w_channel w_i w_j b b_row "
    "y y_plane y_row "
    "C F I J H W"  # W: numbers in a row of the output
)


@cache
def correlate_rows(height: int, width: int, step: int) -> Any:
    """Return the function that writes row h of filters f to f + height, y[r, v] from position p of y on."""

    @jit
    def rows(s: Any, x: Any, w: Any, b: Any, y: Any, f: int, h: int, p: int, y_plane: int) -> None:
        rows_left = s.F - f
        taps_i, taps_j, x_i, x_j, w_i, w_j, w_row = s.I, s.J, s.x_i, s.x_j, s.w_i, s.w_j, s.w_row
        column = s.x_column
        for v in range(0, s.W, width * step):
            tile = splats(b, f * s.b_row, s.b_row, rows_left, height, width)
            start = h * s.x_row + v // step * column
            for c in range(s.C):
                for i in range(taps_i):
                    at = start + c * s.x_channel + i * x_i
                    q = f * w_row + c * s.w_channel + i * w_i
                    for _ in range(taps_j):
                        tile = add_outer(tile, w, q, w_row, rows_left, x, at, column)
                        at += x_j
                        q += w_j
            store(tile, y, p + v, y_plane, rows_left, s.W - v)

    return rows


@factory
def correlate(dtype: npt.DTypeLike, height: int, width: int) -> Any:
    """Return the kernel for one type of number and one tile."""
    kind, rows = np.dtype(dtype).type, correlate_rows(height, width, lanes(dtype))

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, CORRELATE)
        x, w, b, y = array(s.x, kind), array(s.w, kind), array(s.b, kind), array(s.y, kind)
        for f in range(0, s.F, height):
            for h in range(s.H):
                rows(s, x, w, b, y, f, h, f * s.y_plane + h * s.y_row, s.y_plane)

    return kernel(run)


def tile_for(F: int, vectors: int) -> tuple[int, int]:
    """Return the tile (rows, columns) that takes the least time for F rows of `vectors` columns.

    Examples
    --------
    >>> F, vectors = 5, 56
    >>> 5 % tile_for(F, vectors)[0] in (0, 1)
    True
    """
    wide = wide_registers()
    tiles = ((4, 4), (6, 4), (5, 4), (8, 2), (5, 2), (8, 1), (10, 1)) if wide else ((4, 1), (6, 1), (5, 1))
    halves = 1 if wide else 2  # registers of a vector

    def time(tile: tuple[int, int]) -> float:
        rows, columns = tile
        loads = (rows + halves * columns) / 2
        cycles = max(halves * rows * columns / 2, loads, 4)  # multiply-adds, loads, latency of a multiply-add
        return -(-F // rows) * -(-vectors // columns) * (cycles + 1)  # and what the loop takes besides

    return min(tiles, key=time)
