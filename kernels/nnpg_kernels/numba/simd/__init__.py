"""Vectors and register tiles in Numba: the few words that the fast kernels are written in.

A `Vector` is 64 bytes of neighbouring numbers: 16 float32 or 8 float64, its *lanes*. A `Tile` is a block of vectors,
`rows` by `columns`, that stays in the processor's registers while sums are added up in it: memory is read, but nothing
is written until the sums are whole. That is what makes a convolution fast. A kernel:

    tile = splats(b, f, 1, rows, 4, 4)                        # 4 filters by 4 vectors, from the biases on
    for each channel and place (i, j) of the filter:
        tile = add_outer(tile, w, q, stride, rows, x, p, 16)  # tile[r, c] += w[q + stride r] * x[p + 16 c :][:16]
    store(tile, y, p, stride, rows, width)                    # rows to y[p + stride r :], `width` numbers each

Every word becomes a few LLVM instructions in place, without a call, so a tile needs no memory; its shape must be
constant. A tile may have more rows than there are: from row `rows` on it repeats the last one, so that nothing outside
the arrays is read, and `store` drops these rows. Tiles also add, subtract, multiply and divide like numbers
(`arithmetic`). LLVM turns a 64-byte vector into what the machine has: one AVX-512 register, two of AVX2, four of NEON;
`tile_for` in `kernels.correlation` chooses the shape that fits into its registers. To see the code of a kernel, print
`kernel.inspect_llvm()` before it is kept on disk: a good inner loop is nothing but loads and `fma`.
"""

from nnpg_kernels.numba.simd.arithmetic import (
    exp,
    fused,
    sigmoid,
    tanh,
    where_at_most,
    where_below,
    where_better,
    where_equal,
)
from nnpg_kernels.numba.simd.permutations import load_every_second, store_interleaved, transposed
from nnpg_kernels.numba.simd.tiles import (
    add_outer,
    add_products,
    add_products_below,
    add_sums,
    load,
    rows_of,
    splats,
    store,
    zeros,
    zeros_of,
)
from nnpg_kernels.numba.simd.vectors import lanes, register_lanes, wide_registers

__all__ = [
    "add_outer",
    "add_products",
    "add_products_below",
    "add_sums",
    "exp",
    "fused",
    "lanes",
    "load",
    "load_every_second",
    "register_lanes",
    "rows_of",
    "sigmoid",
    "splats",
    "store",
    "store_interleaved",
    "tanh",
    "transposed",
    "where_at_most",
    "where_below",
    "where_better",
    "where_equal",
    "wide_registers",
    "zeros",
    "zeros_of",
]
