"""Fields of records that several ops have in common: windows, weights, pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnpg_kernels.backend import Array
from nnpg_kernels.geometry import Window
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.runtime.memory import address, aligned
from nnpg_kernels.numba.simd import lanes


def window_fields(x: Planes, window: Window, per_pixel: int, row: int = 0) -> dict[str, int]:
    """Return where the window of output pixel (row, 0) starts on x, and the steps to other pixels and windows."""
    (sh, sw), (di, dj), (top, _, left, _) = window.stride, window.dilation, window.padding
    vector = lanes(x.memory.dtype)
    return {
        "x": x.at(row * sh - top, -left),
        "x_channel": x.plane,
        "x_row": sh * x.pitch,
        "x_column": sw * vector if per_pixel > 1 else vector,
        "x_i": di * x.pitch,
        "x_j": dj * per_pixel,
    }


def weight_fields(W: Array, bias: Array, has_bias: bool, strides: Sequence[int]) -> dict[str, int]:
    """Return where weights and biases are, with the strides of filter, channel, i and j."""
    row, channel, i, j = strides
    fields = {"w": address(W), "w_row": row, "w_channel": channel, "w_i": i, "w_j": j}
    return fields | {"b": address(bias), "b_row": int(has_bias)}


def pool_fields(pool: Window) -> dict[str, int]:
    """Return the size, the strides and the padding of a pooling window."""
    (si, sj), (top, _, left, _) = pool.stride, pool.padding
    return {"size_i": pool.size[0], "size_j": pool.size[1], "stride_i": si, "stride_j": sj, "top": top, "left": left}


_zeros = {np.dtype(kind): aligned(1, kind) for kind in (np.float32, np.float64)}


def no_bias(dtype: npt.DTypeLike) -> Array:
    """Return one zero: the bias of every unit of a layer without biases."""
    return _zeros[np.dtype(dtype)]
