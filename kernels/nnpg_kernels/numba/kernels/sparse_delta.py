"""Deltas of many classes at once, sent only where pooling had its maximum. Lanes are classes.

dx[c, h, w] = sum_{f, i, j} W[f, c, i, j] dz[f, h + top - i, w + left - j]

All classes share one forward pass, so of each pooling window the same pixel won for all of them: dz is 0 everywhere
else, and nothing but multiplications by 0 is left out. `route` lists the winners of an image in the order of their
pixels, each with its vector of dz; what a dead ReLU would send is not listed. `gather` adds up what reaches each x.

task      one image and one vector of classes
tile      channels by 1 vector, whole sums
inner     per winner in reach: 1 load of dz, 1 number of W a channel (they lie side by side) for as many multiply-adds
bound     multiply-adds where there are 8 channels or more: their latency, or two a cycle
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.kernels.pooled_convolution import RELU, SIGMOID, TANH
from nnpg_kernels.numba.runtime.jit import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.simd import add_outer, lanes, load, store, wide_registers, zeros

ROUTE = record_type(
    "delta delta_plane delta_row y y_plane y_row winner winner_plane winner_row lanes F rows columns activation "
    "size_j stride_i stride_j top left z_rows z_columns dz weight starts filter channels"
)
GATHER = record_type("dz weight starts z_rows z_columns w dx dx_plane dx_row C H W I J F top left")


def channels_at_once(C: int) -> int:
    """Return the height of the tile for C channels; see `simd`."""
    most = 16 if wide_registers() else 4
    each = -(-C // -(-C // most))
    return each + each % 2


@cache
def route(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that lists dz = delta act'(y) of image n at the winners.

    The list is in the order of the pixels of z: those of pixel p are entries starts[p] to starts[p + 1].
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, ROUTE)
        delta, y, winner, dz = array(s.delta, kind), array(s.y, kind), array(s.winner, kind), array(s.dz, kind)
        weight, starts = array(s.weight, np.int64), array(s.starts, np.int64)
        lane = n % s.lanes
        for p in range(s.z_rows * s.z_columns + 2):
            starts[p] = 0
        for listing in range(2):
            for f in range(s.F):
                for h in range(s.rows):
                    out = f * s.y_plane + h * s.y_row + lane
                    won = f * s.winner_plane + h * s.winner_row + lane
                    own = f * s.delta_plane + h * s.delta_row
                    for w in range(s.columns):
                        value = y[out + w * s.lanes]
                        if s.activation == RELU and value <= 0:
                            continue
                        place = int(winner[won + w * s.lanes])
                        row = h * s.stride_i - s.top + place // s.size_j
                        column = w * s.stride_j - s.left + place % s.size_j
                        if not (0 <= row < s.z_rows and 0 <= column < s.z_columns):
                            continue  # a window that saw nothing but -inf
                        p = row * s.z_columns + column
                        if listing == 0:
                            starts[p + 2] += 1
                            continue
                        entry = starts[p + 1]
                        starts[p + 1] = entry + 1
                        part = load(delta, own + w * step, step, 1, 1)
                        if s.activation == TANH:
                            part = part * (kind(1) - value * value)
                        elif s.activation == SIGMOID:
                            part = part * (value * (kind(1) - value))
                        store(part, dz, entry * step, 0, 1, step)
                        weight[entry] = f * s.filter - column * s.channels
            if listing == 0:
                for p in range(s.z_rows * s.z_columns + 1):
                    starts[p + 1] += starts[p]

    return kernel(run)


@cache
def gather(dtype: npt.DTypeLike, height: int) -> Any:
    """Return the kernel of dx from a list of winners, for a tile of `height` channels.

    W lies as (tiles of channels, I, F, J, height).
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, GATHER)
        dz, w_, dx = array(s.dz, kind), array(s.w, kind), array(s.dx, kind)
        weight, starts = array(s.weight, np.int64), array(s.starts, np.int64)
        of_row = s.F * s.J * height
        for c in range(0, s.C, height):
            for h in range(s.H):
                low, high = max(0, h + s.top - s.z_rows + 1), min(s.I, h + s.top + 1)
                for w in range(s.W):
                    first, last = max(0, w + s.left - s.J + 1), min(s.z_columns, w + s.left + 1)
                    tile, other = zeros(dx, height, 1), zeros(dx, height, 1)
                    for i in range(low, high):
                        row = (h + s.top - i) * s.z_columns
                        q = (c // height * s.I + i) * of_row + (w + s.left) * height
                        if first < last:
                            entry, end = starts[row + first], starts[row + last]
                            while (
                                height <= 8 and entry + 1 < end
                            ):  # two at a time: a sum need not wait for the last one
                                tile = add_outer(tile, w_, q + weight[entry], 1, height, dz, entry * step, step)
                                other = add_outer(
                                    other, w_, q + weight[entry + 1], 1, height, dz, (entry + 1) * step, step
                                )
                                entry += 2
                            while entry < end:
                                tile = add_outer(tile, w_, q + weight[entry], 1, height, dz, entry * step, step)
                                entry += 1
                    store(tile + other, dx, c * s.dx_plane + h * s.dx_row + w * step, s.dx_plane, s.C - c, step)

    return kernel(run)
