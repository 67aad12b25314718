"""Deltas of many classes at once, from the winners of pooling only. Lanes are classes.

dx[c, h, w] = sum_{f, i, j} W[f, c, i, j] dz[f, h + top - i, w + left - j]

All classes share one forward pass, so in each pooling window the same pixel won for all of them, and dz is 0 at all
other pixels: only products with 0 are left out. `list_winners` lists the winners of an image in the order of their
pixels, each with its vector of dz; winners at which a ReLU has slope 0 are left out. `gather` sums what each x gets.

task      one image and one vector of classes
tile      channels by 1 vector, which holds the whole sums
inner     for each winner in reach: 1 load of dz and, per channel, 1 weight and 1 multiply-add
bound     multiply-adds: their latency, or two a cycle where there are more than 8 channels (4 on AVX2)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.kernels.activations import RELU, SIGMOID, TANH
from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import add_outer, lanes, load, store, wide_registers, zeros

LIST = record_type(
    "delta delta_plane delta_row y y_plane y_row winner winner_plane winner_row lanes F rows columns activation "
    "size_j stride_i stride_j top left z_rows z_columns dz weight starts filter channels"
)
GATHER = record_type("dz weight starts z_rows z_columns w dx dx_plane dx_row C H W I J F top left")


def channels_at_once(C: int) -> int:
    """Return the height of the tile for C channels: an even number.

    Examples
    --------
    >>> channels_at_once(5)
    6
    """
    if not wide_registers():  # 12 registers of sums at most, and for each winner two cycles besides multiply-adds
        return min((4, 6, 2), key=lambda height: -(-C // height) * (height + 2))
    height = -(-C // -(-C // 16))
    return height + height % 2


@factory
def list_winners(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that lists dz = delta act'(y) of image n at the winners.

    The list is in the order of the pixels of z: pixel p has the entries starts[p] to starts[p + 1]. The loop runs
    twice: it counts the entries of each pixel, then writes them.
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, LIST)
        delta, y, winner, dz = array(s.delta, kind), array(s.y, kind), array(s.winner, kind), array(s.dz, kind)
        weight, starts = array(s.weight, np.int64), array(s.starts, np.int64)
        lane = n % s.lanes
        for p in range(s.z_rows * s.z_columns + 2):
            starts[p] = 0
        for writing in range(2):
            for f in range(s.F):
                for h in range(s.rows):
                    out = f * s.y_plane + h * s.y_row + lane
                    won = f * s.winner_plane + h * s.winner_row + lane
                    source = f * s.delta_plane + h * s.delta_row
                    for w in range(s.columns):
                        value = y[out + w * s.lanes]
                        if s.activation == RELU and value <= 0:
                            continue
                        place = int(winner[won + w * s.lanes])
                        row = h * s.stride_i - s.top + place // s.size_j
                        column = w * s.stride_j - s.left + place % s.size_j
                        if not (0 <= row < s.z_rows and 0 <= column < s.z_columns):
                            continue  # in a window of nothing but -infinity the padding wins
                        p = row * s.z_columns + column
                        if writing == 0:
                            starts[p + 2] += 1
                            continue
                        entry = starts[p + 1]
                        starts[p + 1] = entry + 1
                        part = load(delta, source + w * step, step, 1, 1)
                        if s.activation == TANH:
                            part = part * (kind(1) - value * value)
                        elif s.activation == SIGMOID:
                            part = part * (value * (kind(1) - value))
                        store(part, dz, entry * step, 0, 1, step)
                        weight[entry] = f * s.filter - column * s.channels
            if writing == 0:
                for p in range(s.z_rows * s.z_columns + 1):
                    starts[p + 1] += starts[p]

    return kernel(run)


@factory
def gather(dtype: npt.DTypeLike, height: int) -> Any:
    """Return the kernel of dx from a list of winners, for a tile of `height` channels.

    The weights are packed as (tiles of channels, I, F, J, height).
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)
    two_sums = height <= (8 if wide_registers() else 2)  # where one would wait for the last multiply-add

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, GATHER)
        dz, weights, dx = array(s.dz, kind), array(s.w, kind), array(s.dx, kind)
        weight, starts = array(s.weight, np.int64), array(s.starts, np.int64)
        row_size = s.F * s.J * height
        for c in range(0, s.C, height):
            for h in range(s.H):
                low, high = max(0, h + s.top - s.z_rows + 1), min(s.I, h + s.top + 1)
                for w in range(s.W):
                    first, last = max(0, w + s.left - s.J + 1), min(s.z_columns, w + s.left + 1)
                    tile, other = zeros(dx, height, 1), zeros(dx, height, 1)
                    for i in range(low, high):
                        row = (h + s.top - i) * s.z_columns
                        q = (c // height * s.I + i) * row_size + (w + s.left) * height
                        if first < last:
                            entry, end = starts[row + first], starts[row + last]
                            while two_sums and entry + 1 < end:
                                tile = add_outer(tile, weights, q + weight[entry], 1, height, dz, entry * step, step)
                                other = add_outer(
                                    other, weights, q + weight[entry + 1], 1, height, dz, (entry + 1) * step, step
                                )
                                entry += 2
                            while entry < end:
                                tile = add_outer(tile, weights, q + weight[entry], 1, height, dz, entry * step, step)
                                entry += 1
                    store(tile + other, dx, c * s.dx_plane + h * s.dx_row + w * step, s.dx_plane, s.C - c, step)

    return kernel(run)
