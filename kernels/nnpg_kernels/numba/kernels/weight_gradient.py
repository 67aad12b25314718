"""The gradient of a filter's weights: for each weight, the sum of delta times the pixels that it read.

dW[f, c, i, j] = sum_{n, h, w} delta[n, f, h, w] x[n, c, h s + i, w s + j]

task      a block of images
tile      filters by at most 7 neighbouring places of a filter's row; for each, a vector of partial sums
inner     for each vector of pixels: 4 loads of delta and J of x for 4 J multiply-adds
bound     loads, two a cycle: 9 for 20 multiply-adds where J = 5
writer    blocks that share a slot are one chain of tasks; lanes are summed at the end, always in the same order
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.simd import add_products, add_products_below, add_sums, wide_registers, zeros

GRADIENT = record_type(
    "x x_channel x_row x_column x_i x_j delta delta_plane delta_row delta_column dW dW_slot "
    "C F I J H vectors rest"  # whole vectors in a row of delta, and numbers after them
)
PLACES_AT_MOST = 7  # in a tile


def pieces(J: int) -> list[range]:
    """Return the J places of a filter's row in as few pieces as tiles allow, of nearly the same size.

    Examples
    --------
    >>> pieces(11)
    [range(0, 6), range(6, 11)]
    """
    n = -(-J // PLACES_AT_MOST)
    return [range(-(-k * J // n), -(-(k + 1) * J // n)) for k in range(n)]


@cache
def accumulate_gradient(dtype: npt.DTypeLike, places: int) -> Any:
    """Return the kernel for one type of number and a piece of `places` places of a filter's row."""
    kind = np.dtype(dtype).type
    height = max(1, (20 if wide_registers() else 5) // places)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, GRADIENT)
        x, delta, dW = array(s.x, kind), array(s.delta, kind), array(s.dW + slot * s.dW_slot, kind)
        filter_ = s.C * s.I * s.J
        x_column, x_j, delta_column, delta_plane = s.x_column, s.x_j, s.delta_column, s.delta_plane
        for f in range(0, s.F, height):
            rows_left = s.F - f
            for c in range(s.C):
                for i in range(s.I):
                    tile = zeros(x, height, places)
                    for h in range(s.H):
                        p = c * s.x_channel + h * s.x_row + i * s.x_i
                        d = f * delta_plane + h * s.delta_row
                        for _ in range(s.vectors):
                            tile = add_products(tile, delta, d, delta_plane, rows_left, x, p, x_j)
                            p += x_column
                            d += delta_column
                        if s.rest:
                            tile = add_products_below(tile, delta, d, delta_plane, rows_left, x, p, x_j, s.rest)
                    add_sums(tile, dW, f * filter_ + (c * s.I + i) * s.J, filter_, rows_left)

    return kernel(run)
