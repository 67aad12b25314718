"""Vectors and register tiles in Numba: the few words that the fast kernels are written in."""

from nnpg_kernels.numba.simd.arithmetic import (
    sigmoid,
    tanh,
    where_at_most,
    where_below,
    where_better,
    where_equal,
)
from nnpg_kernels.numba.simd.tiles import (
    add_outer,
    add_products,
    add_products_below,
    add_sums,
    every_second,
    lanes,
    load,
    splats,
    store,
    store_in_turn,
    turned,
    wide_registers,
    zeros,
)

__all__ = [
    "add_outer",
    "add_products",
    "add_products_below",
    "add_sums",
    "every_second",
    "lanes",
    "load",
    "sigmoid",
    "splats",
    "store",
    "store_in_turn",
    "tanh",
    "turned",
    "where_at_most",
    "where_below",
    "where_better",
    "where_equal",
    "wide_registers",
    "zeros",
]
