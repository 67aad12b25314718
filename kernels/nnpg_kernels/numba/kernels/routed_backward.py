"""Backward of a convolution with pooling, from the winners of pooling only. Lanes are channels of one image.

dW[f, c, i, j]           = sum over the winners (h, w) of filter f of g[f, h, w] x[c, h + i, w + j]
dx[c, h + i, w + j]     += g[f, h, w] W[f, c, i, j]

In a window of pooling all pixels but one have delta 0, another one in each image: only products with 0 are left out.
`list_winners` lists those of each image and filter, without those at which the slope of the activation is 0. The
planes, in which lanes are images, are turned to maps (images, vectors of channels, pixels, a vector), and back.

    task      a block of images, and some of its vectors of channels
    tile      a row of a filter: the sums of its places, and its weights; each a register
    inner     for each winner: a load and a multiply-add for a sum; a load, a multiply-add and a store for dx
    bound     stores, one a cycle, or one in two cycles of 64 bytes; a map of one vector is in the first-level cache
    writer    a task writes dW and dx of its channels; winners are in the order of columns, so that two in turn lie in
              different rows, and no load waits for the store before it
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.kernels.activations import RELU, SIGMOID, TANH
from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import (
    add_sums,
    fused,
    lanes,
    load,
    register_lanes,
    rows_of,
    store,
    transposed,
    where_at_most,
    zeros,
)

LIST = record_type(
    "delta delta_plane delta_row y y_plane y_row winner winner_plane winner_row F rows columns activation "
    "row pixel_row pixel_column offsets places values counts db db_slot"  # pixels of a map from window to window
)
TURN = record_type("planes plane row maps channels vectors first last H W map_row map_vector starts")
ORDER = record_type("W w F C taps vectors starts")
ROUTE = record_type("x dx w sums dW dW_slot places values counts most F C I J map_row map_vector vectors first last")


@factory
def list_winners(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that lists g = delta act'(y) and the place of its winner, and of db = sum g."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, LIST)
        delta, y, winner, row = array(s.delta, kind), array(s.y, kind), array(s.winner, kind), array(s.row, kind)
        places, values, counts = array(s.places, np.int64), array(s.values, kind), array(s.counts, np.int64)
        offsets, db, most = array(s.offsets, np.int64), array(s.db + slot * s.db_slot, kind), s.rows * s.columns
        for f in range(s.F):
            total = zeros(delta, 1, 1)
            for image in range(count):
                counts[image * s.F + f] = 0
            for w in range(s.columns):
                for h in range(s.rows):
                    part = load(delta, f * s.delta_plane + h * s.delta_row + w * step, step, 1, 1)
                    out = load(y, f * s.y_plane + h * s.y_row + w * step, step, 1, 1)
                    if s.activation == TANH:
                        part = part * (1.0 - out * out)
                    elif s.activation == RELU:
                        part = where_at_most(out, 0.0, 0.0, part)
                    elif s.activation == SIGMOID:
                        part = part * out * (1.0 - out)
                    total = total + part
                    store(part, row, 0, 0, 1, step)
                    won = f * s.winner_plane + h * s.winner_row + w * step
                    pixel = h * s.pixel_row + w * s.pixel_column
                    for image in range(count):
                        of_image = image * s.F + f
                        entry = of_image * most + counts[of_image]
                        places[entry] = pixel + offsets[int(winner[won + image])]
                        values[entry] = row[image]
                        counts[of_image] += row[image] != 0
            add_sums(total, db, f, 0, 1)

    return kernel(run)


@factory
def to_maps(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that copies planes, vectors of images, to maps of vectors of channels."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, TURN)
        planes, maps, starts = array(s.planes, kind), array(s.maps, kind), array(s.starts, np.int64)
        for v in range(s.first, s.last):
            for k in range(step):  # channels that are not there repeat the last one, and nobody uses them
                starts[k] = min(v * step + k, s.channels - 1) * s.plane
            for h in range(s.H):
                for w in range(s.W):
                    to = v * s.map_vector + h * s.map_row + w * step
                    square = transposed(planes, starts, h * s.row + w * step)
                    store(square, maps, to, s.vectors * s.map_vector, count, step)

    return kernel(run)


@factory
def from_maps(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that copies maps to planes; images that are not there become 0."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, TURN)
        planes, maps, starts = array(s.planes, kind), array(s.maps, kind), array(s.starts, np.int64)
        for k in range(step):
            starts[k] = min(k, count - 1) * s.vectors * s.map_vector
        for v in range(s.first, s.last):
            left = s.channels - v * step
            for h in range(s.H):
                for w in range(s.W):
                    at, to = v * s.map_vector + h * s.map_row + w * step, v * step * s.plane + h * s.row + w * step
                    store(transposed(maps, starts, at), planes, to, s.plane, left, step)
                    if count < step:
                        for c in range(min(step, left)):
                            store(zeros(planes, 1, 1), planes, to + c * s.plane + count, 0, 1, step - count)

    return kernel(run)


@factory
def order_weights(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of w (vectors of channels, F, taps, a vector) from W (F, C, taps)."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, ORDER)
        W, w, starts, taps = array(s.W, kind), array(s.w, kind), array(s.starts, np.int64), s.taps
        for v in range(s.vectors):
            for f in range(s.F):
                for c in range(step):  # channels that are not there repeat the last one
                    starts[c] = (f * s.C + min(v * step + c, s.C - 1)) * taps
                to = (v * s.F + f) * taps * step
                if taps >= step:
                    for k in range(0, taps, step):
                        first = min(k, taps - step)  # so that nothing is read after the weights
                        store(transposed(W, starts, first), w, to + first * step, step, step, step)
                else:
                    for k in range(taps):
                        for c in range(step):
                            w[to + k * step + c] = W[starts[c] + k]

    return kernel(run)


@factory
def route(dtype: npt.DTypeLike, width: int) -> Any:
    """Return the kernel of dW and dx for filters of `width` columns."""
    kind, step, register = np.dtype(dtype).type, lanes(dtype), register_lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, ROUTE)
        x, dx, w, sums = array(s.x, kind), array(s.dx, kind), array(s.w, kind), array(s.sums, kind)
        places, values, counts = array(s.places, np.int64), array(s.values, kind), array(s.counts, np.int64)
        dW, taps, map_row = array(s.dW + slot * s.dW_slot, kind), s.I * s.J, s.map_row
        for v in range(s.first, s.last):
            weights = v * s.F * taps * step
            for k in range(s.F * taps):
                store(zeros(x, 1, 1), sums, weights + k * step, 0, 1, step)
            for image in range(count):
                base = (image * s.vectors + v) * s.map_vector
                for p in range(0, s.map_vector, step):
                    store(zeros(x, 1, 1), dx, base + p, 0, 1, step)
                for f in range(s.F):
                    first = (image * s.F + f) * s.most
                    last = first + counts[image * s.F + f]
                    for i in range(s.I):
                        for part in range(0, step, register):
                            q, at = weights + (f * taps + i * s.J) * step + part, base + i * map_row + part
                            row, total = rows_of(w, q, step, width, register), rows_of(sums, q, step, width, register)
                            for entry in range(first, last):
                                p, g = at + places[entry], values[entry]
                                total = fused(rows_of(x, p, step, width, register), g, total)
                                pixels = fused(row, g, rows_of(dx, p, step, width, register))
                                store(pixels, dx, p, step, width, register)
                            store(total, sums, q, step, width, register)
            for f in range(s.F):
                for c in range(min(step, s.C - v * step)):
                    to, at = (f * s.C + v * step + c) * taps, weights + f * taps * step + c
                    for k in range(taps):
                        dW[to + k] += sums[at + k * step]

    return kernel(run)
