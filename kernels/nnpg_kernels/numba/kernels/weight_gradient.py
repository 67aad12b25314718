"""The gradient of a filter's weights: for each weight, the sum of delta times the pixels that it read.

dW[f, c, i, j] = sum_{n, h, w} delta[n, f, h, w] x[n, c, h s + i, w s + j]

task      a block of images
tile      filters by neighbouring places of a filter's row; for each, a register of partial sums: about 20 of AVX-512,
          10 to 12 of AVX2, each half a vector
inner     for each register of pixels: as many loads as filters and places for their product of multiply-adds
bound     multiply-adds, two a cycle; loads, two a cycle, where fewer than 4 filters or places are in a tile
writer    blocks that share a slot are one chain of tasks; lanes are summed at the end, always in the same order
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import (
    add_products,
    add_products_below,
    add_sums,
    lanes,
    register_lanes,
    wide_registers,
    zeros_of,
)

GRADIENT = record_type(
    "x x_channel x_row x_column x_i x_j delta delta_plane delta_row delta_column dW dW_slot "
    "C F I J H vectors rest"  # whole vectors in a row of delta, and numbers after them
)
WIDE_REGISTERS, REGISTERS = 20, 12  # of sums: of AVX-512, of AVX2


def places_at_most() -> int:
    """Return how many places of a filter's row a tile may have: 7, or 5 of the 16 registers of AVX2.

    Examples
    --------
    >>> places_at_most() in (5, 7)
    True
    """
    return 7 if wide_registers() else 5


def filters_at_once(places: int) -> int:
    """Return the filters of a tile of so many places: sums, pixels and one vector of delta fit into the registers.

    Examples
    --------
    >>> filters_at_once(5) in (2, 4)
    True
    """
    return max(1, (WIDE_REGISTERS if wide_registers() else REGISTERS) // places)


def pieces(J: int, most: int = 7) -> list[range]:
    """Return the J places of a filter's row in as few pieces of at most `most` as possible, of nearly the same size.

    Examples
    --------
    >>> pieces(11)
    [range(0, 6), range(6, 11)]
    """
    n = -(-J // most)
    return [range(-(-k * J // n), -(-(k + 1) * J // n)) for k in range(n)]


@factory
def accumulate_gradient(dtype: npt.DTypeLike, places: int) -> Any:
    """Return the kernel for one type of number and a piece of `places` places of a filter's row."""
    kind, height = np.dtype(dtype).type, filters_at_once(places)
    vector, register = lanes(dtype), register_lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, GRADIENT)
        x, delta, dW = array(s.x, kind), array(s.delta, kind), array(s.dW + slot * s.dW_slot, kind)
        filter_ = s.C * s.I * s.J
        x_column, x_j, delta_column, delta_plane = s.x_column, s.x_j, s.delta_column, s.delta_plane
        vectors, rest = s.vectors, s.rest
        for f in range(0, s.F, height):
            rows_left = s.F - f
            for c in range(s.C):
                for i in range(s.I):
                    tile = zeros_of(x, height, places, register)
                    for h in range(s.H):
                        p = c * s.x_channel + h * s.x_row + i * s.x_i
                        d = f * delta_plane + h * s.delta_row
                        for _ in range(vectors):
                            for part in range(0, vector, register):
                                tile = add_products(tile, delta, d + part, delta_plane, rows_left, x, p + part, x_j)
                            p += x_column
                            d += delta_column
                        for part in range(0, vector, register):
                            if part < rest:
                                tile = add_products_below(
                                    tile, delta, d + part, delta_plane, rows_left, x, p + part, x_j, rest - part
                                )
                    add_sums(tile, dW, f * filter_ + (c * s.I + i) * s.J, filter_, rows_left)

    return kernel(run)
