"""Convolution and max pooling in one pass: the maps between them are never in memory as a whole.

    y[f, h, w] = max_{i, j} z[f, h s + i, w s + j],  z = b + w * x

    task      a block of images; filters in turn
    band      as many rows of z as a pooling window has, for one tile of filters; it stays in the first-level cache
    tile      that of `correlation`, which writes a row of the band
    bound     multiply-adds
    writer    each output and its winner are written once

Backward (`unpool`): a delta goes to the winner of its window, times the slope of the activation, which is computed from
its output y. All other pixels of the window get 0.

`first_winners` finds the winners among maps that are in memory. The passes above compare before the activation, which
may round two different numbers to the same one: then the layers' first maximum is another pixel. This matters for a
delta between the activation and the pooling.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.kernels.activations import RELU, SIGMOID, TANH
from nnpg_kernels.numba.kernels.correlation import CORRELATE, correlate_rows
from nnpg_kernels.numba.runtime.compilation import jit, kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import add_sums, lanes, load, load_every_second, store, store_interleaved, zeros
from nnpg_kernels.numba.simd.arithmetic import where_at_most, where_better, where_equal

CONVOLVE = np.dtype(
    [
        *CORRELATE.descr,  # y is the band, and y_row not used
        *record_type(
            "per_pixel band_row band_left "  # numbers: one row of the band, and its margin of -infinity
            "out out_plane out_row winner winner_plane winner_row rows columns "  # the pooled maps
            "size_i size_j stride_i stride_j top left z_rows"  # the window, its padding; rows of z
        ).descr,
    ]
)
UNPOOL = record_type(
    "delta delta_plane delta_row y y_plane y_row winner winner_plane winner_row F rows columns "
    "dz dz_plane dz_row dz_column dz_rows dz_wide "  # with the columns that pooling pads on the left
    "size_i size_j stride_i stride_j top left "
    "per_pixel activation overlap row db db_slot"
)
FIRST = record_type(
    "maps maps_plane maps_row winner winner_plane winner_row lanes F rows columns z_rows z_columns "
    "size_i size_j stride_i stride_j top left"
)


@factory
def convolve(dtype: npt.DTypeLike, height: int, width: int, per_pixel: int) -> Any:
    """Return the kernel for one type of number, one tile, and one number of images at a pixel."""
    kind, step = np.dtype(dtype).type, lanes(dtype)
    rows_of = correlate_rows(height, width, step)
    pool = _pool_row(step) if per_pixel == 1 else pool_row_of_lanes(step)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s, c = record(address, CONVOLVE), record(address, CORRELATE)
        x, w, b, band = array(s.x, kind), array(s.w, kind), array(s.b, kind), array(s.y, kind)
        out, winner = array(s.out, kind), array(s.winner, kind)
        plane = s.size_i * s.band_row  # numbers of one filter's rows in the band
        for f in range(0, s.F, height):
            done = 0  # rows of z that are computed
            for h in range(s.rows):
                top = h * s.stride_i - s.top
                done = max(done, top)
                while done < min(top + s.size_i, s.z_rows):
                    rows_of(c, x, w, b, band, f, done, done % s.size_i * s.band_row + s.band_left, plane)
                    done += 1
                for r in range(min(height, s.F - f)):
                    o = (f + r) * s.out_plane + h * s.out_row
                    pool(s, band, r * plane, top, out, o, winner, (f + r) * s.winner_plane + h * s.winner_row)

    return kernel(run)


@cache
def pool_row_of_lanes(step: int) -> Any:
    """Return the function that takes one pooled row from a band, for a vector of images at each pixel."""

    @jit
    def pool(s: Any, band: Any, b: int, top: int, out: Any, o: int, winner: Any, k: int) -> None:
        low, high = max(0, -top), min(s.size_i, s.z_rows - top)
        first, end = (top + low) % s.size_i * s.band_row, s.size_i * s.band_row  # its rows are used in turn
        size_j, band_row, stride = s.size_j, s.band_row, s.stride_j * step
        column = b + s.band_left - s.left * step
        for w in range(s.columns):
            place, row = zeros(band, 1, 1), first
            best = place - np.inf
            for i in range(low, high):
                for j in range(size_j):
                    value = load(band, column + row + j * step, step, 1, 1)
                    place = where_better(value, best, i * size_j + j, place)
                    best = where_better(value, best, value, best)
                row = row + band_row if row + band_row < end else 0
            column += stride
            store(best, out, o + w * step, 0, 1, step)
            store(place, winner, k + w * step, 0, 1, step)

    return pool


@cache
def _pool_row(step: int) -> Any:
    """Return the function that takes one pooled row from a band, for a single image."""

    @jit
    def pool(s: Any, band: Any, b: int, top: int, out: Any, o: int, winner: Any, k: int) -> None:
        low, high = max(0, -top), min(s.size_i, s.z_rows - top)
        top_row, end = (
            (top + low) % s.size_i * s.band_row,
            s.size_i * s.band_row,
        )  # its rows are used in turn
        column = b + s.band_left - s.left
        if s.stride_j == 2:  # lanes along the row
            for w in range(0, s.columns, step):
                start, row = column + 2 * w, top_row
                place = zeros(band, 1, 1)
                best = place - np.inf
                for i in range(low, high):
                    for j in range(s.size_j):
                        value = load_every_second(band, start + row + j)
                        place = where_better(value, best, i * s.size_j + j, place)
                        best = where_better(value, best, value, best)
                    row = row + s.band_row if row + s.band_row < end else 0
                store(best, out, o + w, 0, 1, s.columns - w)
                store(place, winner, k + w, 0, 1, s.columns - w)
            return
        for w in range(s.columns):
            start, row = column + w * s.stride_j, top_row
            largest, at = band.dtype.type(-np.inf), 0
            for i in range(low, high):
                for j in range(s.size_j):
                    number = band[start + row + j]
                    keep = (number <= largest) | (largest != largest)  # a NaN stays the largest
                    at = at if keep else i * s.size_j + j
                    largest = largest if keep else number
                row = row + s.band_row if row + s.band_row < end else 0
            out[o + w], winner[k + w] = largest, at

    return pool


@factory
def unpool(dtype: npt.DTypeLike, per_pixel: int) -> Any:
    """Return the kernel of dz = delta act'(z) at the winner of each window, 0 elsewhere, and db = sum dz."""
    kind, step = np.dtype(dtype).type, lanes(dtype)
    row_of = _unpool_row(step) if per_pixel == 1 else _unpool_row_of_lanes(step)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, UNPOOL)
        delta, y, dz = array(s.delta, kind), array(s.y, kind), array(s.dz, kind)
        winner, g, db = array(s.winner, kind), array(s.row, kind), array(s.db + seed * s.db_slot, kind)
        wide = s.columns * per_pixel
        for f in range(s.F):
            if s.overlap:
                for h in range(s.dz_rows):
                    for p in range(s.dz_wide):
                        dz[f * s.dz_plane + h * s.dz_row + p] = 0
            total = zeros(g, 1, 1)
            for h in range(s.rows):
                d, a = f * s.delta_plane + h * s.delta_row, f * s.y_plane + h * s.y_row
                for v in range(0, wide, step):
                    part, out = load(delta, d + v, step, 1, 1), load(y, a + v, step, 1, 1)
                    if s.activation == TANH:
                        part = part * (1.0 - out * out)
                    elif s.activation == RELU:
                        part = where_at_most(out, 0.0, 0.0, part)
                    elif s.activation == SIGMOID:
                        part = part * out * (1.0 - out)
                    store(part, g, v, 0, 1, wide - v)  # the row ends in zeros
                    total = total + (part if wide - v >= step else load(g, v, step, 1, 1))
                row_of(s, g, winner, f * s.winner_plane + h * s.winner_row, dz, f * s.dz_plane, h * s.stride_i - s.top)
            add_sums(total, db, f, 0, 1)

    return kernel(run)


@cache
def _unpool_row_of_lanes(step: int) -> Any:
    """Return the function that sends one pooled row back, for a vector of images at each pixel."""

    @jit
    def send(s: Any, g: Any, winner: Any, k: int, dz: Any, plane: int, top: int) -> None:
        for w in range(s.columns):
            delta, place = load(g, w * step, step, 1, 1), load(winner, k + w * step, step, 1, 1)
            for i in range(max(0, -top), min(s.size_i, s.dz_rows - top)):
                to = plane + (top + i) * s.dz_row + w * s.stride_j * s.dz_column
                for j in range(s.size_j):
                    pixel = where_equal(place, i * s.size_j + j, delta, 0.0)
                    if s.overlap:
                        pixel = pixel + load(dz, to, step, 1, 1)
                    store(pixel, dz, to, 0, 1, step)
                    to += s.dz_column

    return send


@cache
def _unpool_row(step: int) -> Any:
    """Return the function that sends one pooled row back, for a single image."""

    @jit
    def send(s: Any, g: Any, winner: Any, k: int, dz: Any, plane: int, top: int) -> None:
        low, high = max(0, -top), min(s.size_i, s.dz_rows - top)
        if s.size_j == 2 and s.stride_j == 2 and s.dz_column == 1 and not s.overlap:  # lanes along the row
            for w in range(0, s.columns, step):
                delta, won = load(g, w, step, 1, 1), load(winner, k + w, step, 1, 1)
                for i in range(low, high):
                    left = where_equal(won, 2 * i, delta, 0.0)
                    right = where_equal(won, 2 * i + 1, delta, 0.0)
                    to = plane + (top + i) * s.dz_row + 2 * w
                    store_interleaved(left, right, dz, to, 2 * (s.columns - w))
            return
        if s.size_j == 1 and s.stride_j == 1 and s.dz_column == 1 and not s.overlap:
            for w in range(0, s.columns, step):
                delta, won = load(g, w, step, 1, 1), load(winner, k + w, step, 1, 1)
                for i in range(low, high):
                    pixel = where_equal(won, i, delta, 0.0)
                    store(pixel, dz, plane + (top + i) * s.dz_row + w, 0, 1, s.columns - w)
            return
        for w in range(s.columns):
            number, place = g[w], winner[k + w]
            for i in range(low, high):
                to = plane + (top + i) * s.dz_row + w * s.stride_j * s.dz_column
                for j in range(s.size_j):
                    pixel = number if place == i * s.size_j + j else g.dtype.type(0)
                    dz[to] = dz[to] + pixel if s.overlap else pixel
                    to += s.dz_column

    return send


@factory
def first_winners(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of winner[f, h, w] = the first i J + j with the largest maps[f, h s + i, w s + j]."""
    kind: Any = np.dtype(dtype).type

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, FIRST)
        maps, winner = array(s.maps, kind), array(s.winner, kind)
        for f in range(s.F):
            for h in range(s.rows):
                top = h * s.stride_i - s.top
                for w in range(s.columns):
                    left = w * s.stride_j - s.left
                    for lane in range(s.lanes):
                        largest, place = kind(-np.inf), 0
                        for i in range(max(0, -top), min(s.size_i, s.z_rows - top)):
                            row = f * s.maps_plane + (top + i) * s.maps_row
                            for j in range(max(0, -left), min(s.size_j, s.z_columns - left)):
                                value = maps[row + (left + j) * s.lanes + lane]
                                keep = (value <= largest) | (largest != largest)  # a NaN stays the largest
                                place = place if keep else i * s.size_j + j
                                largest = largest if keep else value
                        winner[f * s.winner_plane + h * s.winner_row + w * s.lanes + lane] = place

    return kernel(run)
