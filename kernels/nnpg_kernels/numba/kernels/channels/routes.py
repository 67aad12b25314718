"""Back through pooling windows of one image, with channels in the lanes: only the winner of a window sends anything.

dz[f, p] = delta[f, window] act'(z) at the winner p of each window, 0 elsewhere

entries     of each filter the windows where dz is not 0: dz, and where the pixels that the winner read begin
gradient    dW[f, c, i, j] = sum over entries of dz x[c, p; i, j]
delta       dx[c, p; i, j] += dz W[f, c, i, j] for each entry, in their order

task        one image; for the gradient, all images of a slot in turn
tile        the taps of a filter by a vector of channels; of the image itself, whose channels are few, the lanes are
neighbouring pixels, so that a row of taps is one vector
bound       the gradient: multiply-adds, a 4th or a 9th of those of all pixels; the delta: loads and stores of dx
writer      each slot, and the dx of each image, has one
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.kernels.activations import RELU, SIGMOID, TANH
from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import add_window, lanes, load, load_window, store, wide_registers, zeros

ENTRIES = record_type(
    "delta delta_plane delta_row y y_plane y_row winner winner_plane winner_row F rows columns activation "
    "size_i size_j stride_i stride_j top left "  # of the pooling window
    "x_row x_column values places starts db db_slot"  # numbers of x from one row and column of z to the next
)
ROUTED_GRADIENT = record_type("x x_plane x_i values places starts dW dW_slot F planes I")
ROUTED_DELTA = record_type("values places starts w w_taps dx dx_plane dx_i whole size F planes I")
SUM_SLOTS = record_type("slots slot number dW sums C T inner vectors used")


def rows_at_once(I: int, width: int) -> int:
    """Return the rows of a window whose sums fit into registers: all or one.

    Examples
    --------
    >>> rows_at_once(11, 11)
    1
    """
    registers = 28 if wide_registers() else 6  # a vector is two registers of AVX2
    return I if I * width <= registers else 1


@factory
def list_entries(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that lists the entries of each filter: values, places, and where those of a filter start."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, ENTRIES)
        delta, y, winner = array(s.delta, kind), array(s.y, kind), array(s.winner, kind)
        values, db = array(s.values, kind), array(s.db + slot * s.db_slot, kind)
        places, starts = array(s.places, np.int64), array(s.starts, np.int64)
        entries, act, size_j = 0, s.activation, s.size_j
        for f in range(s.F):
            starts[f] = entries
            group, lane = f // step, f % step
            total = kind(0)
            for h in range(s.rows):
                d, a = group * s.delta_plane + h * s.delta_row + lane, group * s.y_plane + h * s.y_row + lane
                k = group * s.winner_plane + h * s.winner_row + lane
                for w in range(s.columns):
                    value, out = delta[d + w * step], y[a + w * step]
                    if act == TANH:
                        value = value * (kind(1) - out * out)
                    elif act == RELU:
                        value = kind(0) if out <= 0 else value
                    elif act == SIGMOID:
                        value = value * out * (kind(1) - out)
                    if value != 0:
                        place = int(winner[k + w * step])
                        row, column = h * s.stride_i - s.top + place // size_j, w * s.stride_j - s.left + place % size_j
                        values[entries], places[entries] = value, row * s.x_row + column * s.x_column
                        total += value
                        entries += 1
            db[f] += total
        starts[s.F] = entries

    return kernel(run)


@factory
def routed_gradient(dtype: npt.DTypeLike, height: int, width: int) -> Any:
    """Return the kernel that adds to a slot dW[f, plane, i, j, lane] the sums over the entries."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, ROUTED_GRADIENT)
        x, values, dW = array(s.x, kind), array(s.values, kind), array(s.dW + slot * s.dW_slot, kind)
        places, starts = array(s.places, np.int64), array(s.starts, np.int64)
        x_i = s.x_i
        for f in range(s.F):
            first, last = starts[f], starts[f + 1]
            for c in range(s.planes):
                for i in range(0, s.I, height):
                    to, at = ((f * s.planes + c) * s.I + i) * width * step, c * s.x_plane + i * x_i
                    tile = load_window(dW, to, width * step, step, height, width)
                    for e in range(first, last):
                        tile = add_window(tile, values, e, x, places[e] + at, x_i, step)
                    store(tile, dW, to, width * step, height, width * step)

    return kernel(run)


@factory
def routed_delta(dtype: npt.DTypeLike, height: int, width: int) -> Any:
    """Return the kernel of dx, whose planes have margins as wide as the padding: what comes to them is not read."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, ROUTED_DELTA)
        values, w, dx, whole = array(s.values, kind), array(s.w, kind), array(s.dx, kind), array(s.whole, kind)
        places, starts = array(s.places, np.int64), array(s.starts, np.int64)
        none, dx_i = zeros(dx, 1, 1), s.dx_i
        for p in range(0, s.size, step):
            store(none, whole, p, 0, 1, step)
        for f in range(s.F):
            first, last = starts[f], starts[f + 1]
            for c in range(s.planes):
                for i in range(0, s.I, height):
                    weights = load_window(
                        w, (c * s.F + f) * s.w_taps + i * width * step, width * step, step, height, width
                    )
                    for e in range(first, last):
                        at = places[e] + c * s.dx_plane + i * dx_i
                        pixels = load_window(dx, at, dx_i, step, height, width)
                        store(pixels + weights * values[e], dx, at, dx_i, height, width * step)

    return kernel(run)


@factory
def sum_slots(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of dW[f, c, i, j] = the sum of all slots, which are then 0; for filters n to n + count."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, SUM_SLOTS)
        slots, dW, sums = array(s.slots, kind), array(s.dW, kind), array(s.sums, kind)
        none, C, T, inner = zeros(slots, 1, 1), s.C, s.T, s.inner
        for f in range(n, n + count):
            for c in range(0, C, inner):
                for k in range(s.vectors):  # a tap; or a row of taps of one channel
                    at = ((f * (C // inner) + c // inner) * s.vectors + k) * step
                    total = none
                    for slot in range(s.number):
                        total = total + load(slots, slot * s.slot + at, step, 1, 1)
                        store(none, slots, slot * s.slot + at, 0, 1, step)
                    store(total, sums, 0, 0, 1, step)
                    for lane in range(s.used):
                        channel, tap = (c + lane, k) if inner > 1 else (c, k * s.used + lane)
                        dW[(f * C + channel) * T + tap] = sums[lane]

    return kernel(run)
