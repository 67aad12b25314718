"""Pooled maps as sums of what each channel adds to them: what a knock-out sweep needs when channels go one by one.

    y[f, h, w] = max_{i, j} z[f, h s + i, w s + j],  z[f] = b[f] + sum_c part[c, f],  part[c, f] = w[f, c] * x[c]

The parts stay in memory. Without a channel, z is the sum of the other parts: an addition in place of a multiply-add
for each weight of a filter. Channels and filters are listed by number, those that are left first.

    task      a block of images, a vector of them at each pixel; filters in turn
    parts     by the tile of `correlation`, for one channel after the other
    band      as many rows of z as a pooling window has, of one filter
    inner     for each channel: loads of 4 vectors and 4 additions
    bound     loads of the parts, from the second-level cache or beyond
    writer    each output is written once
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.kernels.correlation import CORRELATE, correlate_rows
from nnpg_kernels.numba.kernels.pooled_convolution import pool_row_of_lanes
from nnpg_kernels.numba.runtime.compilation import jit, kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import lanes, load, splats, store

CHANNEL_PARTS = np.dtype([*CORRELATE.descr, *record_type("channels x_part w_part y_part").descr])
CHANNEL_SUMS = record_type(
    "parts part plane row channels filters C F "  # numbers from one channel, filter and row to the next; who is left
    "b b_row band band_row band_left "
    "out out_plane out_row winner winner_plane winner_row rows columns "  # the pooled maps
    "size_i size_j stride_i stride_j top left z_rows W"  # the window, its padding; rows of z, numbers in one
)


@factory
def channel_parts(dtype: npt.DTypeLike, height: int, width: int) -> Any:
    """Return the kernel of part[c, f] = w[f, c] * x[c] for the first channels; its record tells the sizes of one."""
    kind, rows_of = np.dtype(dtype).type, correlate_rows(height, width, lanes(dtype))

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s, one = record(address, CHANNEL_PARTS), record(address, CORRELATE)
        b = array(s.b, kind)
        for c in range(s.channels):
            x, w, y = array(s.x + c * s.x_part, kind), array(s.w + c * s.w_part, kind), array(s.y + c * s.y_part, kind)
            for f in range(0, s.F, height):
                for h in range(s.H):
                    rows_of(one, x, w, b, y, f, h, f * s.y_plane + h * s.y_row, s.y_plane)

    return kernel(run)


@factory
def pooled_sums(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of y = max over each window of b + the sum of the parts of the channels that are left."""
    kind, step = np.dtype(dtype).type, lanes(dtype)
    pool = pool_row_of_lanes(step)

    @jit
    def sum_row(s: Any, parts: Any, channels: Any, b: Any, f: int, start: int, band: Any, p: int) -> None:
        for v in range(0, s.W, 4 * step):
            tile = splats(b, f * s.b_row, 0, 1, 1, 4)
            for c in range(s.C):
                tile = tile + load(parts, channels[c] * s.part + start + v, step, 1, 4)
            store(tile, band, p + v, 0, 1, s.W - v)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, CHANNEL_SUMS)
        parts, b, band = array(s.parts, kind), array(s.b, kind), array(s.band, kind)
        channels, filters = array(s.channels, np.int64), array(s.filters, np.int64)
        out, winner = array(s.out, kind), array(s.winner, kind)
        for r in range(s.F):
            f, done = filters[r], 0
            for h in range(s.rows):
                top = h * s.stride_i - s.top
                done = max(done, top)
                while done < min(top + s.size_i, s.z_rows):
                    place = done % s.size_i * s.band_row + s.band_left
                    sum_row(s, parts, channels, b, f, f * s.plane + done * s.row, band, place)
                    done += 1
                k = r * s.winner_plane + h * s.winner_row
                pool(s, band, 0, top, out, r * s.out_plane + h * s.out_row, winner, k)

    return kernel(run)
