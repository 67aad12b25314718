"""Ops of the backward pass of a convolution by the winners of pooling: see `kernels.routed_backward`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.geometry import Window
from nnpg_kernels.numba.kernels import routed_backward as kernels
from nnpg_kernels.numba.kernels.weight_gradient import places_at_most
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, op
from nnpg_kernels.numba.runtime.memory import address, aligned
from nnpg_kernels.numba.simd import lanes

PLAIN = ((1, 1), (1, 1))


def is_routed(C: int, window: Window, pool: Window, dtype: np.dtype[np.generic]) -> bool:
    """Return whether a block's backward pass by the winners is quicker than by all pixels.

    By the winners, each place of a filter takes about 3 cycles for a vector of channels, and lists and copies take
    some more. By all pixels, it takes two multiply-adds for each channel and each pixel of a window, in the lanes.

    Examples
    --------
    >>> [is_routed(C, Window((5, 5)), Window((2, 2), stride=(2, 2)), np.dtype("f4")) for C in (5, 8, 32)]
    [False, True, True]
    """
    if (window.stride, window.dilation) != PLAIN or any(pool.padding) or window.size[1] > places_at_most():
        return False
    vector = lanes(dtype)
    return 2 * C * pool.stride[0] * pool.stride[1] / vector > 3 * -(-C // vector)


@dataclass(frozen=True, eq=False)
class Routes:
    """Memory of the backward pass of one block of images by the winners.

    Parameters
    ----------
    x, dx : arrays (images, vectors of channels, rows, columns, a vector)
        With the margins that the filters need.
    w, sums : arrays (vectors of channels, F, I, J, a vector)
        Of the weights and of their gradient.
    places, values : arrays (images, F, windows)
        Of the winners.
    counts : array (images, F)
    """

    x: Array
    dx: Array
    w: Array
    sums: Array
    places: Array
    values: Array
    counts: Array

    @staticmethod
    def make(x: Planes, W: Array, window: Window, y: Planes) -> Routes:
        """Return memory for an input x and an output y."""
        (F, C, I, J), vector, (top, bottom, left, right) = W.shape, lanes(W.dtype), window.padding
        maps = (vector, -(-C // vector), x.H + top + bottom, x.W + left + right, vector)
        filters = (maps[1], F, I, J, vector)
        winners = (vector, F, y.H * y.W)
        return Routes(
            x=aligned(maps, W.dtype),
            dx=aligned(maps, W.dtype),
            w=aligned(filters, W.dtype),
            sums=aligned(filters, W.dtype),
            places=aligned(winners, np.int64),
            values=aligned(winners, W.dtype),
            counts=aligned((vector, F), np.int64),
        )

    @property
    def vectors(self) -> int:
        """Vectors of channels."""
        return self.x.shape[1]


def list_winners(delta: Planes, y: Planes, winner: Planes, pool: Window, act: int, db: Array, routes: Routes) -> Op:
    """List dz = delta act'(y) of the winners, and db += the sums of dz."""
    dtype, (map_row, pixel) = y.memory.dtype, (routes.x.strides[2], routes.x.strides[3])
    map_row, pixel = map_row // dtype.itemsize, pixel // dtype.itemsize
    offsets = np.add.outer(np.arange(pool.size[0]) * map_row, np.arange(pool.size[1]) * pixel).ravel()
    row = aligned(lanes(dtype), dtype)
    return op(
        "list winners of images",
        kernels.list_winners(dtype),
        kernels.LIST,
        (delta, y, winner, row, offsets, routes.places, routes.values, routes.counts, db),
        **{"delta": delta.at(), "delta_plane": delta.plane, "delta_row": delta.pitch},
        **{"y": y.at(), "y_plane": y.plane, "y_row": y.pitch, "F": y.C, "rows": y.H, "columns": y.W},
        **{"winner": winner.at(), "winner_plane": winner.plane, "winner_row": winner.pitch, "activation": act},
        **{"row": address(row), "pixel_row": pool.stride[0] * map_row, "pixel_column": pool.stride[1] * pixel},
        **{"offsets": address(offsets), "places": address(routes.places), "values": address(routes.values)},
        **{"counts": address(routes.counts), "db": address(db), "db_slot": db.strides[0]},
    )


def to_maps(x: Planes, window: Window, routes: Routes) -> Op:
    """Copy x with the margins that the filters read."""
    top, _, left, _ = window.padding
    starts = np.zeros(lanes(x.memory.dtype), np.int64)
    return op(
        "to maps",
        kernels.to_maps(x.memory.dtype),
        kernels.TURN,
        (x, routes.x, starts),
        **_turn_fields(x, routes.x, range(routes.vectors))
        | {"planes": x.at(-top, -left), "H": routes.x.shape[2], "W": routes.x.shape[3]},
        **{"starts": address(starts)},
    )


def from_maps(dx: Planes, window: Window, routes: Routes, vectors: range) -> Op:
    """Copy the delta of some vectors of channels, without margins."""
    dtype, (top, _, left, _) = dx.memory.dtype, window.padding
    inside, starts = routes.dx[:, :, top:, left:], np.zeros(lanes(dtype), np.int64)
    return op(
        "from maps",
        kernels.from_maps(dtype),
        kernels.TURN,
        (dx, routes.dx, starts),
        **_turn_fields(dx, routes.dx, vectors) | {"maps": address(inside)},
        **{"starts": address(starts)},
    )


def _turn_fields(planes: Planes, maps: Array, vectors: range) -> dict[str, int]:
    row, vector = (maps.strides[axis] // maps.itemsize for axis in (2, 1))
    return {
        **{"planes": planes.at(), "plane": planes.plane, "row": planes.pitch, "maps": address(maps)},
        **{"channels": planes.C, "vectors": maps.shape[1], "first": vectors.start, "last": vectors.stop},
        **{"H": planes.H, "W": planes.W, "map_row": row, "map_vector": vector},
    }


def order_weights(W: Array, routes: Routes) -> Op:
    """Copy the weights in the order in which `route` reads them."""
    starts = np.zeros(lanes(W.dtype), np.int64)
    return op(
        "order weights",
        kernels.order_weights(W.dtype),
        kernels.ORDER,
        (W, routes.w, starts),
        **{"W": address(W), "w": address(routes.w), "F": W.shape[0], "C": W.shape[1]},
        **{"taps": W.shape[2] * W.shape[3], "vectors": routes.vectors, "starts": address(starts)},
    )


def route(routes: Routes, dW: Array, vectors: range) -> Op:
    """dW (slots, F, C, I, J) += the gradient, and routes.dx = the delta, for some vectors of channels."""
    (_, F, C, I, J), dtype = dW.shape, dW.dtype
    row, vector = (routes.x.strides[axis] // dtype.itemsize for axis in (2, 1))
    return op(
        f"route {J}",
        kernels.route(dtype, J),
        kernels.ROUTE,
        (routes.x, routes.dx, routes.w, routes.sums, routes.places, routes.values, routes.counts, dW),
        **{"x": address(routes.x), "dx": address(routes.dx), "w": address(routes.w), "sums": address(routes.sums)},
        **{"dW": address(dW), "dW_slot": dW.strides[0], "places": address(routes.places)},
        **{"values": address(routes.values), "counts": address(routes.counts), "most": routes.places.shape[2]},
        **{"F": F, "C": C, "I": I, "J": J, "map_row": row, "map_vector": vector},
        **{"vectors": routes.vectors, "first": vectors.start, "last": vectors.stop},
    )
