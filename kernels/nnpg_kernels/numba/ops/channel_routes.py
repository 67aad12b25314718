"""Ops that send the deltas of one image back through the winners of pooling; see `kernels/channels/routes.py`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.geometry import Window
from nnpg_kernels.numba.kernels.channels import routes
from nnpg_kernels.numba.ops.fields import pool_fields
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, op
from nnpg_kernels.numba.runtime.memory import address, aligned
from nnpg_kernels.numba.simd import lanes


@dataclass(frozen=True, eq=False)
class Entries:
    """Of each filter the windows where dz is not 0: dz, where the pixels that the winner read begin, and the first."""

    values: Array  # (entries,)
    places: Array  # (entries,), in numbers of x
    starts: Array  # (F + 1,)

    @staticmethod
    def make(y_shape: tuple[int, ...], x: Planes) -> Entries:
        """Return memory for the windows of maps y (F, H, W)."""
        F, H, W = y_shape
        size = F * H * W
        return Entries(aligned(size, x.memory.dtype), np.zeros(size, np.int64), np.zeros(F + 1, np.int64))


def list_entries(
    delta: Planes, y: Planes, winner: Planes, pool: Window, act: int, x: Planes, window: Window, to: Entries, db: Array
) -> Op:
    """List the entries of an image from the delta of a block's output, and add their sums to db[slot] (F,)."""
    (sh, sw), dtype = window.stride, db.dtype
    return op(
        "list entries",
        routes.list_entries(dtype),
        routes.ENTRIES,
        (delta, y, winner, to.values, to.places, to.starts, db),
        **{"delta": delta.at(), "delta_plane": delta.plane, "delta_row": delta.pitch},
        **{"y": y.at(), "y_plane": y.plane, "y_row": y.pitch},
        **{"winner": winner.at(), "winner_plane": winner.plane, "winner_row": winner.pitch},
        **{"F": len(to.starts) - 1, "rows": y.H, "columns": y.W, "activation": act},
        **{"x_row": sh * x.pitch, "x_column": sw * x.per_pixel, "values": address(to.values)},
        **{"places": address(to.places), "starts": address(to.starts), "db": address(db), "db_slot": db[0].nbytes},
        **pool_fields(pool),
    )


def gradient_slots(W: Array, number: int, inner: int) -> Array:
    """Return memory for gradients: (slots, F, planes of x, I, vectors of a row, lanes).

    The lanes are the `inner` channels of a plane or, where it holds one, the taps of a row.
    """
    F, C, I, J = W.shape
    return aligned((number, F, C // inner, I, J if inner > 1 else 1, lanes(W.dtype)), W.dtype)


def routed_gradient(x: Planes, entries: Entries, window: Window, slots: Array) -> Op:
    """slots[slot] += the gradient of the weights by one image."""
    (_, F, planes, I, width, _), (top, _, left, _) = slots.shape, window.padding
    height = routes.rows_at_once(I, width)
    return op(
        f"routed gradient {height}x{width}",
        routes.routed_gradient(slots.dtype, height, width),
        routes.ROUTED_GRADIENT,
        (x, entries.values, entries.places, entries.starts, slots),
        **{"x": x.at(-top, -left), "x_plane": x.plane, "x_i": x.pitch, "values": address(entries.values)},
        **{"places": address(entries.places), "starts": address(entries.starts)},
        **{"dW": address(slots), "dW_slot": slots[0].nbytes, "F": F, "planes": planes, "I": I},
    )


def routed_delta(entries: Entries, packed: Array, window: Window, dx: Planes) -> Op:
    """dx of one image from the entries; its planes have margins as wide as the padding of the window."""
    (groups, F, T, vector), (I, J), (top, _, left, _) = packed.shape, window.size, window.padding
    height = routes.rows_at_once(I, J)
    return op(
        f"routed delta {height}x{J}",
        routes.routed_delta(packed.dtype, height, J),
        routes.ROUTED_DELTA,
        (entries.values, entries.places, entries.starts, packed, dx),
        **{"values": address(entries.values), "places": address(entries.places), "starts": address(entries.starts)},
        **{"w": address(packed), "w_taps": T * vector, "dx": dx.at(-top, -left), "dx_plane": dx.plane},
        **{"dx_i": dx.pitch, "whole": address(dx.memory), "size": dx.C * dx.plane},
        **{"F": F, "planes": groups, "I": I},
    )


def sum_slots(slots: Array, dW: Array) -> Op:
    """dW = the sum of all slots, which are 0 afterwards; for filters n and the following."""
    number, _, planes, I, width, vector = slots.shape
    inner, sums = dW.shape[1] // planes, aligned(vector, dW.dtype)
    return op(
        "sum slots",
        routes.sum_slots(dW.dtype),
        routes.SUM_SLOTS,
        (slots, dW, sums),
        **{"slots": address(slots), "slot": slots[0].size, "number": number, "dW": address(dW), "sums": address(sums)},
        **{"C": dW.shape[1], "T": dW.shape[2] * dW.shape[3], "inner": inner, "vectors": I * width},
        **{"used": inner if inner > 1 else dW.shape[3]},
    )
