"""Convolutions of one image with filters in the lanes: for wide layers, where few images cannot fill a vector.

    y[f, h, w] = b[f] + sum_{c, i, j} w[f, c, i, j] x[c, h s + i, w s + j]

Maps are planes of groups of channels: pixel (h, w) of a vector of channels is one vector. The image itself has one
channel a plane. Weights are packed first, a vector of filters for each channel and tap, in the order of the sum. With
channels and filters exchanged and flipped filters, the same kernel is the delta of a convolution without strides.

    task      one image; groups of filters in turn
    tile      4 to 14 pixels of a row by one vector of filters
    inner     for each channel and tap: 1 load of weights, and a multiply-add by the number of each pixel
    bound     multiply-adds
    writer    each output is written once
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.kernels.pooled_convolution import pool_row_of_lanes
from nnpg_kernels.numba.runtime.compilation import jit, kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import (
    add_outer,
    add_products,
    add_sums,
    lanes,
    load,
    store,
    transposed,
    wide_registers,
    zeros,
)

CONVOLVE_CHANNELS = record_type(
    "x x_plane x_row x_i x_j w w_group b y y_plane y_row "
    "planes I J groups z_rows z_columns "  # planes of x; groups, rows and columns of z
    "band_row band_left out out_plane out_row winner winner_plane winner_row rows columns "  # the pooled maps
    "size_i size_j stride_i stride_j top left"
)
PACK_FILTERS = record_type("W packed starts lane_stride row_stride F R T flipped")
MOVE_ROWS = record_type("rows size seed_size planes plane row C H W")
IMAGE_DELTA = record_type(
    "dz dz_plane dz_row w w_group w_channel dx dx_plane dx_row sums groups C H W I J stride_i stride_j top left"
)
HEIGHTS, HEIGHTS_OF_16_REGISTERS = (14, 13, 12, 10, 8), (6, 5, 4)  # pixels of a tile


def height_for(columns: int) -> int:
    """Return the pixels of a tile that leave the fewest places of a row of so many columns empty.

    Examples
    --------
    >>> 56 % height_for(56) < 3
    True
    """
    heights = HEIGHTS if wide_registers() else HEIGHTS_OF_16_REGISTERS
    return min(heights, key=lambda height: -(-columns // height) * (height + 1))  # 1 for the load of the weights


@cache
def _row_of_pixels(height: int, step: int, inner: int, pixel: int) -> Any:
    """Return the function that computes row h of one group of filters, into y from position p on."""

    @jit
    def row_of(s: Any, x: Any, w: Any, b: Any, y: Any, group: int, h: int, p: int) -> None:
        for v in range(0, s.z_columns, height):
            tile, at = load(b, group * step, 0, height, 1), group * s.w_group
            for c in range(s.planes):
                for lane in range(inner):
                    start = c * s.x_plane + lane + h * s.x_row + v * pixel
                    for i in range(s.I):
                        q = start + i * s.x_i
                        for _ in range(s.J):
                            tile = add_outer(tile, x, q, pixel, height, w, at, step)
                            q += s.x_j
                            at += step
            store(tile, y, p + v * step, step, s.z_columns - v, step)

    return row_of


@factory
def convolve_channels(dtype: npt.DTypeLike, height: int, inner: int, stride: int, pooled: bool) -> Any:
    """Return the kernel of a convolution, with the largest output of each window if it is pooled.

    `inner` is the channels in a plane of x: 1 in an image, else a vector of them.
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)
    row_of, pool = _row_of_pixels(height, step, inner, inner * stride), pool_row_of_lanes(step)

    def convolve(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, CONVOLVE_CHANNELS)
        x, w, b, y = array(s.x, kind), array(s.w, kind), array(s.b, kind), array(s.y, kind)
        for group in range(s.groups):
            for h in range(s.z_rows):
                row_of(s, x, w, b, y, group, h, group * s.y_plane + h * s.y_row)

    def convolve_and_pool(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, CONVOLVE_CHANNELS)
        x, w, b, band = array(s.x, kind), array(s.w, kind), array(s.b, kind), array(s.y, kind)
        out, winner = array(s.out, kind), array(s.winner, kind)
        for group in range(s.groups):
            done = 0  # rows of z that are computed
            for h in range(s.rows):
                top = h * s.stride_i - s.top
                done = max(done, top)
                while done < min(top + s.size_i, s.z_rows):
                    row_of(s, x, w, b, band, group, done, done % s.size_i * s.band_row + s.band_left)
                    done += 1
                o, k = group * s.out_plane + h * s.out_row, group * s.winner_plane + h * s.winner_row
                pool(s, band, 0, top, out, o, winner, k)

    return kernel(convolve_and_pool if pooled else convolve)


@factory
def pack_filters(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that packs weights for groups n to n + count: packed[group, r, t, lane].

    Lanes are filters and r is the channel; or, for flipped filters, lanes are channels and r is the filter. t are the
    taps, of flipped filters from the last to the first. Lanes after the last are 0.
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)

    @jit
    def pack_group(s: Any, W: Any, packed: Any, starts: Any, group: int) -> None:
        """All weights of a filter follow each other: squares of them, and the rest from a square that overlaps."""
        size = s.R * s.T
        for lane in range(step):
            starts[lane] = (group * step + lane) * s.lane_stride
        for k in range(0, size, step):
            first = min(k, size - step)
            store(transposed(W, starts, first), packed, (group * size + first) * step, step, step, step)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, PACK_FILTERS)
        W, packed, starts = array(s.W, kind), array(s.packed, kind), array(s.starts, np.int64)
        R, T = s.R, s.T
        first, by = (T - 1, -1) if s.flipped else (0, 1)
        for group in range(n, n + count):
            used = min(step, s.F - group * step)
            if not s.flipped and used == step and step <= R * T:
                pack_group(s, W, packed, starts, group)
                continue
            for r in range(R):
                for lane in range(used):
                    source = (group * step + lane) * s.lane_stride + r * s.row_stride + first
                    to = (group * R + r) * T * step + lane
                    for k in range(T):
                        packed[to + k * step] = W[source + k * by]

    return kernel(run)


@factory
def channels_to_rows(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that copies the maps of image n to its row (C H W), of seed s where rows are those of seeds."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, MOVE_ROWS)
        rows, planes = array(s.rows, kind), array(s.planes, kind)
        image = n * s.size + seed * s.seed_size
        for c in range(s.C):
            for h in range(s.H):
                to, at = image + (c * s.H + h) * s.W, c // step * s.plane + h * s.row + c % step
                for w in range(s.W):
                    rows[to + w] = planes[at + w * step]

    return kernel(run)


@factory
def rows_to_channels(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that copies the row (C H W) of image n into maps."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, MOVE_ROWS)
        rows, planes = array(s.rows, kind), array(s.planes, kind)
        image = n * s.size + seed * s.seed_size
        for c in range(s.C):
            for h in range(s.H):
                at, to = image + (c * s.H + h) * s.W, c // step * s.plane + h * s.row + c % step
                for w in range(s.W):
                    planes[to + w * step] = rows[at + w]

    return kernel(run)


@factory
def image_delta(dtype: npt.DTypeLike, channels: int, width: int) -> Any:
    """Return the kernel of the delta of an image, whose few channels would leave lanes empty: dx[c, h, w].

    The lanes are filters, and are summed at the end. A pixel reads only the taps that its place modulo the stride
    allows, and neighbours at a distance of the stride the same ones:

        dx[c, h, w] = sum_{f, k, l} w[f, c, i + k s, j + l s] dz[f, (h + top) // s - k, (w + left) // s - l]

    with i = (h + top) mod s and j = (w + left) mod s.
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, IMAGE_DELTA)
        dz, weights, dx, sums = array(s.dz, kind), array(s.w, kind), array(s.dx, kind), array(s.sums, kind)
        si, sj = s.stride_i, s.stride_j
        for h in range(s.H):
            first_i, row = (h + s.top) % si, (h + s.top) // si
            for phase in range(sj):  # the columns w with (w + left) mod sj = phase
                w = (phase - s.left) % sj
                while w < s.W:
                    column = (w + s.left) // sj
                    for c in range(0, s.C, channels):
                        tile = zeros(dz, channels, width)
                        for group in range(s.groups):
                            for i in range(first_i, s.I, si):
                                d = group * s.dz_plane + (row - i // si) * s.dz_row + column * step
                                q = group * s.w_group + c * s.w_channel + (i * s.J + phase) * step
                                for _ in range(phase, s.J, sj):
                                    tile = add_products(tile, weights, q, s.w_channel, s.C - c, dz, d, step)
                                    d -= step
                                    q += sj * step
                        for r in range(channels * width):
                            sums[r] = 0
                        add_sums(tile, sums, 0, width, channels)
                        for r in range(min(channels, s.C - c)):
                            for k in range(width):
                                if w + k * sj < s.W:
                                    dx[(c + r) * s.dx_plane + h * s.dx_row + w + k * sj] = sums[r * width + k]
                    w += width * sj

    return kernel(run)
