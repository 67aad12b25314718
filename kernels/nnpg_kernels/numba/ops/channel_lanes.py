"""Ops of one image whose channels are the lanes; see `kernels/channels/`."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.geometry import Window
from nnpg_kernels.numba.kernels.channels import gradients
from nnpg_kernels.numba.kernels.channels import lanes as lane_kernels
from nnpg_kernels.numba.kernels.correlation import tile_for
from nnpg_kernels.numba.ops.fields import no_bias, pool_fields
from nnpg_kernels.numba.planes import SLACK, Planes
from nnpg_kernels.numba.program import Op, op
from nnpg_kernels.numba.runtime.memory import address, aligned
from nnpg_kernels.numba.simd import lanes

ONE_PIXEL = Window((1, 1))


def packed_filters(W: Array, *, exchanged: bool = False) -> Array:
    """Return memory for packed weights (groups, R, taps, lanes): R are the channels, or the filters if exchanged."""
    F, C, I, J = W.shape
    vector = lanes(W.dtype)
    lane, R = (C, F) if exchanged else (F, C)
    return aligned((-(-lane // vector), R, I * J, vector), W.dtype)


def pack_filters(W: Array, packed: Array, *, exchanged: bool = False) -> Op:
    """Pack the weights of groups of filters; or of groups of channels, with flipped filters, for the delta."""
    F, C, T = *W.shape[:2], W.shape[2] * W.shape[3]
    lane, row, R = ((C, T), C * T, F) if exchanged else ((F, C * T), T, C)
    starts = np.zeros(lanes(W.dtype), np.int64)
    return op(
        "pack filters",
        lane_kernels.pack_filters(W.dtype),
        lane_kernels.PACK_FILTERS,
        (W, packed, starts),
        **{
            "W": address(W),
            "packed": address(packed),
            "starts": address(starts),
            "lane_stride": lane[1],
            "row_stride": row,
        },
        **{"F": lane[0], "R": R, "T": T, "flipped": int(exchanged)},
    )


def convolution_of_channels(
    x: Planes, packed: Array, b: Array | None, window: Window, pool: Window, y: Planes, winner: Planes
) -> Op:
    """y = max over `pool` of z = W * x + b, and the winner of each window; y and its planes hold groups of filters."""
    dtype, vector, (_, left) = packed.dtype, y.per_pixel, (0, pool.padding[2])
    rows, columns = window.output_shape(x.H, x.W)
    pooled, height = pool != ONE_PIXEL, lane_kernels.height_for(columns)
    reach = max(columns, (y.W - 1) * pool.stride[1] + pool.size[1] - left)  # of the last window
    band_row = (left + reach) * vector
    band = aligned(pool.size[0] * band_row if pooled else 1, dtype, SLACK * vector)
    band[:] = -np.inf  # so the padding of the pooling window never wins
    (sh, sw), (di, dj), (top, _, before, _) = window.stride, window.dilation, window.padding
    return _convolution(
        x.at(-top, -before),
        (x, packed, y, winner, band),
        packed,
        b,
        (height, x.per_pixel, sw, pooled),
        **{"x_plane": x.plane, "x_row": sh * x.pitch, "x_i": di * x.pitch, "x_j": dj * x.per_pixel, "planes": x.C},
        **{"I": window.size[0], "J": window.size[1], "z_rows": rows, "z_columns": columns},
        **{"y": address(band) if pooled else y.at(), "y_plane": y.plane, "y_row": y.pitch},
        **{"band_row": band_row, "band_left": left * vector, "rows": y.H, "columns": y.W},
        **{"out": y.at(), "out_plane": y.plane, "out_row": y.pitch},
        **{"winner": winner.at(), "winner_plane": winner.plane, "winner_row": winner.pitch},
        **pool_fields(pool),
    )


def delta_of_channels(dz: Planes, packed: Array, window: Window, dx: Planes) -> Op:
    """dx = the flipped filters * dz, which has a margin of zeros; for strides and dilations of 1."""
    (I, J), (top, _, left, _), none = window.size, window.padding, aligned(1, packed.dtype)
    return _convolution(
        dz.at(top - (I - 1), left - (J - 1)),
        (dz, packed, dx, none),
        packed,
        None,
        (lane_kernels.height_for(dx.W), dz.per_pixel, 1, False),
        **{"x_plane": dz.plane, "x_row": dz.pitch, "x_i": dz.pitch, "x_j": dz.per_pixel, "planes": dz.C},
        **{"I": I, "J": J, "z_rows": dx.H, "z_columns": dx.W},
        **{"y": dx.at(), "y_plane": dx.plane, "y_row": dx.pitch},
        **{"band_row": 0, "band_left": 0, "rows": 0, "columns": 0},
        **{"out": address(none), "out_plane": 0, "out_row": 0},
        **{"winner": address(none), "winner_plane": 0, "winner_row": 0},
        **pool_fields(ONE_PIXEL),
    )


def _convolution(
    x: int,
    keeps: tuple[Any, ...],
    packed: Array,
    b: Array | None,
    factory: tuple[int, int, int, bool],
    **fields: int,
) -> Op:
    groups, R, T, vector = packed.shape
    bias = aligned(groups * vector, packed.dtype) if b is None else b
    return op(
        "convolve channels",
        lane_kernels.convolve_channels(packed.dtype, *factory),
        lane_kernels.CONVOLVE_CHANNELS,
        (*keeps, bias),
        **{"x": x, "w": address(packed), "w_group": R * T * vector, "b": address(bias), "groups": groups},
        **fields,
    )


def image_delta(dz: Planes, packed: Array, window: Window, dx: Planes) -> Op:
    """dx of an image of C channels from dz without gaps, and with a margin of zeros: see `dz_of_image`."""
    (groups, C, T, vector), channels = packed.shape, min(4, packed.shape[1])
    width = max(1, 12 // channels if vector * packed.itemsize == 64 else 6 // channels)
    sums, (I, J), (top, _, left, _) = aligned(channels * width, packed.dtype), window.size, window.padding
    return op(
        "image delta",
        lane_kernels.image_delta(packed.dtype, channels, width),
        lane_kernels.IMAGE_DELTA,
        (dz, packed, dx, sums),
        **{"dz": dz.at(), "dz_plane": dz.plane, "dz_row": dz.pitch, "w": address(packed), "w_group": C * T * vector},
        **{"w_channel": T * vector, "dx": dx.at(), "dx_plane": dx.plane, "dx_row": dx.pitch, "sums": address(sums)},
        **{"groups": groups, "C": C, "H": dx.H, "W": dx.W, "I": I, "J": J},
        **{"stride_i": window.stride[0], "stride_j": window.stride[1], "top": top, "left": left},
    )


def channels_to_rows(maps: Planes, rows: Array, C: int) -> Op:
    """Copy the C maps of an image to its row of (N, C H W), or of (S, N, C, H, W) for seed s."""
    return _move("channels to rows", lane_kernels.channels_to_rows(rows.dtype), maps, rows, C)


def rows_to_channels(rows: Array, maps: Planes, C: int) -> Op:
    """Copy the row of an image to its C maps."""
    return _move("rows to channels", lane_kernels.rows_to_channels(rows.dtype), maps, rows, C)


def _move(name: str, kernel: Any, maps: Planes, rows: Array, C: int) -> Op:
    return op(
        name,
        kernel,
        lane_kernels.MOVE_ROWS,
        (maps, rows),
        **{"rows": address(rows), "size": C * maps.H * maps.W, "seed_size": rows[0].size if rows.ndim > 2 else 0},
        **{"planes": maps.at(), "plane": maps.plane, "row": maps.pitch, "C": C, "H": maps.H, "W": maps.W},
    )


def gradient_of_channels(x: Planes, dz: Planes, window: Window, columns: tuple[int, int], parts: Array) -> Op:
    """parts[slot, c, t, lane, f] = the sum over pixels of x[c, lane] at tap t times dz[f]; for a single image.

    Where a plane of x is one channel of the image, the taps of a row are the rows of a tile: they are neighbours, too.
    `columns` are the rows and columns of z.
    """
    (planes, T, inner, F), (I, J), (sh, sw), (di, dj) = parts.shape[1:], window.size, window.stride, window.dilation
    (top, _, left, _), item, vector, bias = window.padding, parts.itemsize, dz.per_pixel, no_bias(parts.dtype)
    rows, taps, row_taps = (J, I, 1) if inner == 1 else (inner, T, J)
    height, width = tile_for(rows, F // vector)
    return op(
        "gradient of channels",
        gradients.channel_gradient(parts.dtype, height, width),
        gradients.CHANNEL_GRADIENT,
        (x, dz, parts, bias),
        **{"x": dz.at(), "x_channel": 0, "x_row": 0, "x_column": dz.plane, "x_i": dz.pitch, "x_j": vector},
        **{"w": x.at(-top, -left), "w_row": dj if inner == 1 else 1, "w_channel": 0, "w_i": sh * x.pitch},
        **{"w_j": sw * x.per_pixel, "b": address(bias), "b_row": 0, "y": address(parts), "y_plane": F, "y_row": 0},
        **{"C": 1, "F": rows, "I": columns[0], "J": columns[1], "H": 1, "W": F},
        **{"slot": parts[0].nbytes, "planes": planes, "taps": taps, "row_taps": row_taps, "w_plane": x.plane * item},
        **{"w_tap_i": di * x.pitch * item, "w_tap_j": dj * x.per_pixel * item, "y_tap": rows * F * item},
    )


def bias_gradient_of_channels(dz: Planes, columns: tuple[int, int], db: Array, slot: int) -> Op:
    """db[slot + s, f] = the sum of dz[f] over all pixels."""
    return op(
        "bias gradient of channels",
        gradients.bias_gradient(db.dtype),
        gradients.BIAS_GRADIENT,
        (dz, db),
        **{"dz": dz.at(), "dz_plane": dz.plane, "dz_row": dz.pitch, "rows": columns[0], "columns": columns[1]},
        **{"groups": dz.C, "db": address(db) + slot * db[0].nbytes, "db_slot": db[0].nbytes},
    )


def sum_gradients(parts: Array, dW: Array) -> Op:
    """dW[f, c, t] = the sum over images of parts (N, planes, taps, channels in a plane, F), for vectors n of (c, t)."""
    number, _, T, inner, F = parts.shape
    starts = np.zeros(lanes(parts.dtype), np.int64)
    return op(
        "sum gradients",
        gradients.sum_gradients(parts.dtype),
        gradients.SUM_GRADIENTS,
        (parts, dW, starts),
        **{"parts": address(parts), "part": parts[0].size, "number": number, "dW": address(dW)},
        **{"starts": address(starts), "inner": inner, "C": dW.shape[1], "F": F, "T": T},
    )
