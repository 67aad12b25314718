"""Ops of dense layers: forward, delta and weight gradient, all by the kernel `correlate`."""

from __future__ import annotations

from nnpg_kernels.backend import Array
from nnpg_kernels.numba.kernels.correlation import CORRELATE, correlate, tile_for
from nnpg_kernels.numba.ops.fields import no_bias, weight_fields
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, op
from nnpg_kernels.numba.runtime.memory import address
from nnpg_kernels.numba.simd import lanes


def dense(x: Planes, W: Array, b: Array | None, y: Planes, maps: int, rows: slice = slice(None)) -> Op:
    """y = W x + b, for x (D) in planes of one pixel: `maps` feature maps of D / maps units; for the units in `rows`."""
    D, vector, (first, last, _) = W.shape[1], lanes(W.dtype), rows.indices(len(W))
    F = last - first
    map_size = D // maps
    height, width = tile_for(F, 1)
    bias = no_bias(W.dtype) if b is None else b
    return op(
        f"correlate {height}x{width}",
        correlate(W.dtype, height, width),
        CORRELATE,
        (x, W, bias, y),
        **{"x": x.at(), "x_channel": map_size * vector, "x_row": 0, "x_column": 0, "x_i": 0, "x_j": vector},
        **weight_fields(W, bias, b is not None, (D, map_size, 0, 1))
        | {"w": address(W) + first * D * W.itemsize, "b": address(bias) + first * W.itemsize * (b is not None)},
        **{"y": y.at() + first * vector * W.itemsize, "y_plane": vector, "y_row": 0},
        **{"C": maps, "F": F, "I": 1, "J": map_size, "H": 1, "W": vector},
    )


def dense_delta(delta: Planes, W: Array, dx: Planes, inputs: slice = slice(None)) -> Op:
    """dx[d] = sum_f W[f, d] delta[f], for the inputs d in `inputs`."""
    (F, D), vector, item = W.shape, lanes(W.dtype), W.itemsize
    first, last, _ = inputs.indices(D)
    height, width = tile_for(last - first, 1)
    bias = no_bias(W.dtype)
    return op(
        f"correlate {height}x{width}",
        correlate(W.dtype, height, width),
        CORRELATE,
        (delta, W, dx, bias),
        **{"x": delta.at(), "x_channel": 0, "x_row": 0, "x_column": 0, "x_i": 0, "x_j": vector},
        **{
            "w": address(W) + first * item,
            "w_row": 1,
            "w_channel": 0,
            "w_i": 0,
            "w_j": D,
            "b": address(bias),
            "b_row": 0,
        },
        **{"y": dx.at() + first * vector * item, "y_plane": vector, "y_row": 0},
        **{"C": 1, "F": last - first, "I": 1, "J": F, "H": 1, "W": vector},
    )


def dense_delta_of_one(delta: Planes, W: Array, dx: Array) -> Op | None:
    """The same for one image, with inputs as lanes: dx (1, D). None where a tile would read after W's last row."""
    (F, D), vector = W.shape, lanes(W.dtype)
    height, width = tile_for(1, -(-D // vector))
    if D % (width * vector):
        return None
    bias = no_bias(W.dtype)
    return op(
        f"correlate {height}x{width}",
        correlate(W.dtype, height, width),
        CORRELATE,
        (W, delta, dx, bias),
        **{"x": address(W), "x_channel": 0, "x_row": 0, "x_column": vector, "x_i": 0, "x_j": D},
        **{"w": delta.at(), "w_row": 0, "w_channel": 0, "w_i": 0, "w_j": vector, "b": address(bias), "b_row": 0},
        **{"y": address(dx), "y_plane": 0, "y_row": 0},
        **{"C": 1, "F": 1, "I": 1, "J": F, "H": 1, "W": D},
    )


def dense_gradient(x: Array, delta: Array, N: int, rows: slice, dW: Array) -> Op:
    """dW[f, d] = sum_n delta[n, f] x[n, d] for the units f in `rows`; x (N, D) with slack for a tile after it."""
    (F, D), vector = dW.shape, lanes(dW.dtype)
    count = rows.stop - rows.start
    height, width = tile_for(count, -(-D // vector))
    bias = no_bias(dW.dtype)
    return op(
        f"correlate {height}x{width}",
        correlate(dW.dtype, height, width),
        CORRELATE,
        (x, delta, dW, bias),
        **{"x": address(x), "x_channel": 0, "x_row": 0, "x_column": vector, "x_i": 0, "x_j": D},
        **{"w": address(delta) + rows.start * delta.itemsize, "w_row": 1, "w_channel": 0, "w_i": 0, "w_j": F},
        **{
            "b": address(bias),
            "b_row": 0,
            "y": address(dW) + rows.start * D * dW.itemsize,
            "y_plane": D,
            "y_row": 0,
        },
        **{"C": 1, "F": count, "I": 1, "J": N, "H": 1, "W": D},
    )
