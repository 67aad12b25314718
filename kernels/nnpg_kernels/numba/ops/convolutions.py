"""Ops of convolutions: forward with pooling, deltas, weight gradients, and the deltas of many classes at once."""

from __future__ import annotations

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.geometry import Window
from nnpg_kernels.numba.kernels import pooled_convolution
from nnpg_kernels.numba.kernels import sparse_delta as sparse_kernels
from nnpg_kernels.numba.kernels.channels import sums
from nnpg_kernels.numba.kernels.correlation import CORRELATE, correlate, tile_for
from nnpg_kernels.numba.kernels.pooled_convolution import CONVOLVE, UNPOOL, convolve, unpool
from nnpg_kernels.numba.kernels.weight_gradient import GRADIENT, accumulate_gradient, pieces, places_at_most
from nnpg_kernels.numba.ops.fields import no_bias, pool_fields, weight_fields, window_fields
from nnpg_kernels.numba.planes import SLACK, Planes
from nnpg_kernels.numba.program import Op, op
from nnpg_kernels.numba.runtime.memory import address, aligned
from nnpg_kernels.numba.simd import lanes

ONE_PIXEL = Window((1, 1))  # a pooling window in which nothing is chosen


def convolution(
    x: Planes,
    W: Array,
    b: Array | None,
    window: Window,
    pool: Window,
    y: Planes,
    winner: Planes,
    part: range | None = None,
) -> Op:
    """y = max over `pool` of z = W * x + b, and the winner of each window; in a window of one pixel it is number 0.

    Only the rows `part` of y are computed, or all.
    """
    dtype, (F, C, I, J), L = W.dtype, W.shape, x.per_pixel
    vector, (rows, columns) = lanes(dtype), window.output_shape(x.H, x.W)
    part = range(y.H) if part is None else part
    if pool == ONE_PIXEL:
        return _convolution(x, W, b, window, y, part)
    top = part.start * pool.stride[0] - pool.padding[0]  # the first row of z that they read
    first = max(0, top)
    height, width = tile_for(F, -(-columns * L // vector))
    left = pool.padding[2]
    reach = max(columns, (y.W - 1) * pool.stride[1] + pool.size[1] - left)  # of the last window
    band_row = -(-(left + reach) * L // vector) * vector
    band = aligned(height * pool.size[0] * band_row, dtype, SLACK * vector)
    band[:] = -np.inf  # so the padding of the pooling window never wins
    bias = no_bias(dtype) if b is None else b
    return op(
        f"convolve {height}x{width}",
        convolve(dtype, height, width, L),
        CONVOLVE,
        (x, W, bias, y, winner, band),
        **window_fields(x, window, L, first),
        **weight_fields(W, bias, b is not None, (C * I * J, I * J, J, 1)),
        **{"y": address(band), "y_plane": 0, "y_row": 0},
        **{"C": C, "F": F, "I": I, "J": J, "H": rows, "W": columns * L},
        **{"per_pixel": L, "band_row": band_row, "band_left": left * L, "z_rows": rows - first},
        **{"out": y.at(part.start), "out_plane": y.plane, "out_row": y.pitch, "rows": len(part), "columns": y.W},
        **{"winner": winner.at(part.start), "winner_plane": winner.plane, "winner_row": winner.pitch},
        **pool_fields(pool) | {"top": first - top},
    )


def _convolution(x: Planes, W: Array, b: Array | None, window: Window, y: Planes, part: range) -> Op:
    """y = W * x + b, in the rows `part` of y."""
    (F, C, I, J), L = W.shape, x.per_pixel
    height, width = tile_for(F, -(-y.W * L // lanes(W.dtype)))
    bias = no_bias(W.dtype) if b is None else b
    return op(
        f"correlate {height}x{width}",
        correlate(W.dtype, height, width),
        CORRELATE,
        (x, W, bias, y),
        **window_fields(x, window, L, part.start),
        **weight_fields(W, bias, b is not None, (C * I * J, I * J, J, 1)),
        **{"y": y.at(part.start), "y_plane": y.plane, "y_row": y.pitch},
        **{"C": C, "F": F, "I": I, "J": J, "H": len(part), "W": y.W * L},
    )


def channel_parts(x: Planes, W: Array, window: Window, parts: Planes) -> Op:
    """parts[c F + f] = W[f, c] * x[c]: what each channel adds to each map."""
    (F, C, I, J), L, item = W.shape, x.per_pixel, W.itemsize
    height, width = tile_for(F, -(-parts.W * L // lanes(W.dtype)))
    bias = no_bias(W.dtype)
    return op(
        f"channel parts {height}x{width}",
        sums.channel_parts(W.dtype, height, width),
        sums.CHANNEL_PARTS,
        (x, W, bias, parts),
        **window_fields(x, window, L),
        **weight_fields(W, bias, False, (C * I * J, I * J, J, 1)),
        **{"y": parts.at(), "y_plane": parts.plane, "y_row": parts.pitch},
        **{"C": 1, "F": F, "I": I, "J": J, "H": parts.H, "W": parts.W * L},
        **{"channels": C, "x_part": x.plane * item, "w_part": I * J * item, "y_part": F * parts.plane * item},
    )


def channel_sums(
    parts: Planes, channels: Array, filters: Array, b: Array | None, pool: Window, y: Planes, winner: Planes
) -> Op:
    """y[r] = max over `pool` of b[f] + the sum of parts[c F + f] over channels, f = filters[r]; see `channels.sums`."""
    dtype, L = y.memory.dtype, y.per_pixel
    left, vector = pool.padding[2], lanes(dtype)
    reach = max(parts.W, (y.W - 1) * pool.stride[1] + pool.size[1] - left)  # of the last window
    band_row = (left + reach) * L
    band = aligned(pool.size[0] * band_row, dtype, SLACK * vector)
    band[:] = -np.inf  # so the padding of the pooling window never wins
    bias = no_bias(dtype) if b is None else b
    return op(
        "sum channels",
        sums.pooled_sums(dtype),
        sums.CHANNEL_SUMS,
        (parts, channels, filters, bias, y, winner, band),
        **{"parts": parts.at(), "part": len(filters) * parts.plane, "plane": parts.plane, "row": parts.pitch},
        **{"channels": address(channels), "filters": address(filters), "C": len(channels), "F": len(filters)},
        **{"b": address(bias), "b_row": int(b is not None), "band": address(band), "band_row": band_row},
        **{"band_left": left * L, "z_rows": parts.H, "W": parts.W * L},
        **{"out": y.at(), "out_plane": y.plane, "out_row": y.pitch, "rows": y.H, "columns": y.W},
        **{"winner": winner.at(), "winner_plane": winner.plane, "winner_row": winner.pitch},
        **pool_fields(pool),
    )


def unpooling(
    delta: Planes,
    y: Planes,
    winner: Planes,
    dz: Planes,
    pool: Window,
    window: Window,
    act: int,
    rows: int,
    db: Array | None,
) -> Op:
    """dz = delta act'(y) at the winners and 0 elsewhere, in `rows` rows; db += the sums of dz.

    `act` is one of the codes of `activations`, `window` that of the convolution. A stride s of it puts s - 1 zeros
    between two rows or columns of dz.
    """
    L, dtype = y.per_pixel, y.memory.dtype
    sh, sw = window.stride
    sums = aligned((1, y.C), dtype) if db is None else db
    overlap = pool.size[0] > pool.stride[0] or pool.size[1] > pool.stride[1]
    row = aligned(-(-y.W * L // lanes(dtype)) * lanes(dtype) + 2 * lanes(dtype), dtype)
    return op(
        "unpool",
        unpool(dtype, L),
        UNPOOL,
        (delta, y, winner, dz, row, sums),
        **{"delta": delta.at(), "delta_plane": delta.plane, "delta_row": delta.pitch},
        **{"y": y.at(), "y_plane": y.plane, "y_row": y.pitch, "F": y.C, "rows": y.H, "columns": y.W},
        **{"winner": winner.at(), "winner_plane": winner.plane, "winner_row": winner.pitch},
        **{"dz": dz.at(0, -sw * pool.padding[2]), "dz_plane": dz.plane, "dz_row": sh * dz.pitch},
        **{"dz_column": sw * L, "dz_rows": rows},
        **{"dz_wide": (dz.W + sw * pool.padding[2]) * L},
        **{"per_pixel": L, "activation": act, "overlap": int(overlap), "row": address(row)},
        **{"db": address(sums), "db_slot": 0 if db is None else db.strides[0]},
        **pool_fields(pool),
    )


def convolution_delta(dz: Planes, W: Array, window: Window, dx: Planes, part: range | None = None) -> Op:
    """dx = the flipped filters * dz, which has a margin of zeros; only the rows `part` of dx, or all."""
    (F, C, I, J), L = W.shape, dx.per_pixel
    (di, dj), (top, _, left, _) = window.dilation, window.padding
    height, width = tile_for(C, -(-dx.W * L // lanes(W.dtype)))
    bias, part = no_bias(W.dtype), range(dx.H) if part is None else part
    return op(
        f"correlate {height}x{width}",
        correlate(W.dtype, height, width),
        CORRELATE,
        (dz, W, dx, bias),
        **{"x": dz.at(part.start + top - (I - 1) * di, left - (J - 1) * dj), "x_channel": dz.plane, "x_row": dz.pitch},
        **{"x_column": lanes(W.dtype), "x_i": di * dz.pitch, "x_j": dj * L},
        **{"w": address(W) + (I * J - 1) * W.itemsize, "w_row": I * J, "w_channel": C * I * J, "w_i": -J, "w_j": -1},
        **{"b": address(bias), "b_row": 0, "y": dx.at(part.start), "y_plane": dx.plane, "y_row": dx.pitch},
        **{"C": F, "F": C, "I": I, "J": J, "H": len(part), "W": dx.W * L},
    )


def convolution_gradient(x: Planes, dz: Planes, window: Window, dW: Array) -> list[Op]:
    """dW (slots, F, C, I, J) += dz times the pixels of x that each weight read; one op per piece of a filter's row."""
    (_, F, C, I, J), L, dtype = dW.shape, x.per_pixel, dW.dtype
    rows, columns = window.output_shape(x.H, x.W)
    (sh, sw), vector = window.stride, lanes(dtype)
    first = window_fields(x, window, L)
    return [
        op(
            f"gradient {len(places)}",
            accumulate_gradient(dtype, len(places)),
            GRADIENT,
            (x, dz, dW),
            **first | {"x": first["x"] + places.start * first["x_j"] * dtype.itemsize},
            **{"delta": dz.at(), "delta_plane": dz.plane, "delta_row": sh * dz.pitch},
            **{"delta_column": vector * (sw if L > 1 else 1)},
            **{"dW": address(dW) + places.start * dtype.itemsize, "dW_slot": dW.strides[0]},
            **{"C": C, "F": F, "I": I, "J": J, "H": rows},
            **{"vectors": columns * L // vector, "rest": columns * L % vector},
        )
        for places in pieces(J, places_at_most())
    ]


def sparse_delta(
    delta: Planes,
    y: Planes,
    winner: Planes,
    z_shape: tuple[int, ...],
    pool: Window,
    act: int,
    W: Array,
    window: Window,
    dx: Planes,
) -> list[Op]:
    """dx from the delta of a block's output, with a class in each lane; for strides and dilations of 1."""
    (F, C, I, J), (_, rows, columns), dtype = W.shape, z_shape, W.dtype
    vector, height = lanes(dtype), sparse_kernels.channels_at_once(C)
    packed = aligned((-(-C // height), I, F, J, height), dtype)
    for c in range(C):
        packed[c // height, :, :, :, c % height] = W[:, c].transpose(1, 0, 2)
    entries = F * y.H * y.W
    dz, weight = aligned(entries * vector, dtype), np.zeros(entries, np.int64)
    starts = np.zeros(rows * columns + 2, np.int64)
    list_fields = {"dz": address(dz), "weight": address(weight), "starts": address(starts)}
    list_fields |= {"z_rows": rows, "z_columns": columns}
    pool_without_rows = {field: value for field, value in pool_fields(pool).items() if field != "size_i"}
    listing = op(
        "list winners",
        sparse_kernels.list_winners(dtype),
        sparse_kernels.LIST,
        (delta, y, winner, dz, weight, starts),
        **{"delta": delta.at(), "delta_plane": delta.plane, "delta_row": delta.pitch},
        **{"y": y.at(), "y_plane": y.plane, "y_row": y.pitch, "lanes": y.per_pixel},
        **{"winner": winner.at(), "winner_plane": winner.plane, "winner_row": winner.pitch},
        **{"F": F, "rows": y.H, "columns": y.W, "activation": act, "filter": J * height, "channels": height},
        **pool_without_rows,
        **list_fields,
    )
    top, _, left, _ = window.padding
    gather = op(
        f"gather {height}",
        sparse_kernels.gather(dtype, height),
        sparse_kernels.GATHER,
        (dz, weight, starts, packed, dx),
        **{"w": address(packed), "dx": dx.at(), "dx_plane": dx.plane, "dx_row": dx.pitch},
        **{"C": C, "H": dx.H, "W": dx.W, "I": I, "J": J, "F": F, "top": top, "left": left},
        **list_fields,
    )
    return [listing, gather]


def first_winners(maps: Planes, pool: Window, winner: Planes) -> Op:
    """The winner of each window of maps that are in memory; see `pooled_convolution`."""
    return op(
        "first winners",
        pooled_convolution.first_winners(maps.memory.dtype),
        pooled_convolution.FIRST,
        (maps, winner),
        **{"maps": maps.at(), "maps_plane": maps.plane, "maps_row": maps.pitch, "lanes": maps.per_pixel},
        **{"winner": winner.at(), "winner_plane": winner.plane, "winner_row": winner.pitch},
        **{"F": winner.C, "rows": winner.H, "columns": winner.W, "z_rows": maps.H, "z_columns": maps.W},
        **pool_fields(pool),
    )
