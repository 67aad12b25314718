"""Convolution in Numba: lanes over the width of the image, tiles of filters by pixels. Column stride 1.

`correlate` (forward, and the delta with the filters rotated by half a turn)
    task      one image, copied into a margin of zeros, so that no load tests for the edge
    tile      8 filters x 32 pixels of one output row (float32, AVX-512), which starts at the bias
    inner     for each channel and place (i, j): 2 loads of pixels and 8 of weights for 16 multiply-adds
    bound     multiply-adds, two a cycle; the last vector of a row may be filled in part
    writer    each output pixel is written once, by the task of its image

`correlate_gradient`
    task      4 filters and one channel
    tile      4 filters x at most 7 places of a filter's row; for each a vector of partial sums
    inner     for each image, row and vector of pixels: 4 loads of delta and J of pixels for 4 J multiply-adds
    bound     loads, two a cycle: 9 for 20 multiply-adds where J = 5
    writer    one task for each dW; images in order, lanes summed at the end: the same bits on any number of threads

These kernels get arrays and no table of a program (`program`): to build a table takes longer than the convolution of a
few images, and the convolutions of a program have no groups.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from nnpg_kernels.numba.runtime.atomics import next_task
from nnpg_kernels.numba.runtime.compilation import entry, jit
from nnpg_kernels.numba.simd import add_outer, add_products, add_sums, splats, store, zeros


class Sizes(NamedTuple):
    """The numbers of one convolution; channels C and filters F are those of one group."""

    N: int
    groups: int
    C: int
    F: int
    H: int  # rows and columns of an output
    W: int
    I: int
    J: int
    stride: int  # of rows
    di: int
    dj: int
    rows: int  # of the image in its margin
    columns: int
    top: int  # where the image starts in its margin
    left: int


@jit
def put_into_margin(x: Any, n: int, out: Any, o: int, s: Sizes) -> None:
    """Copy image n of x (N, C, H, W) into planes of zeros from out[o] on; pixels outside the planes are left out."""
    C, H, W = x.shape[1:]
    out[o : o + C * s.rows * s.columns] = 0
    for c in range(C):
        for h in range(max(0, -s.top), min(H, s.rows - s.top)):
            row = o + (c * s.rows + s.top + h) * s.columns + s.left
            for w in range(max(0, -s.left), min(W, s.columns - s.left)):
                out[row + w] = x[n, c, h, w]


@cache
def correlate(tile_rows: int, tile_columns: int, lanes: int) -> Any:
    """Return the kernel for one shape of tile.

    y[n,f,h,w] = b[f] + sum_{c,i,j} w[f,c,i,j] x[n,c,h stride + i di,w + j dj], with w and b in blocks of `tile_rows`
    filters: (groups, blocks, C, I, J, tile_rows) and (groups, blocks, tile_rows). All arrays but x are flat.
    """
    step = tile_columns * lanes

    @entry
    def kernel(counter: Any, thread: int, s: Sizes, x: Any, w: Any, b: Any, y: Any, margins: Any) -> None:
        plane = s.rows * s.columns
        margin = thread * s.groups * s.C * plane  # where this thread's planes start
        blocks = (s.F + tile_rows - 1) // tile_rows
        n = next_task(counter, 0)
        while n < s.N:
            put_into_margin(x, n, margins, margin, s)
            for block in range(s.groups * blocks):
                group, first = block // blocks, block % blocks * tile_rows
                for h in range(s.H):
                    for v in range(0, s.W, step):
                        tile = splats(b, block * tile_rows, 1, tile_rows, tile_rows, tile_columns)
                        q = block * s.C * s.I * s.J * tile_rows
                        for c in range(s.C):
                            for i in range(s.I):
                                p = margin + (group * s.C + c) * plane + (h * s.stride + i * s.di) * s.columns + v
                                for j in range(s.J):
                                    tile = add_outer(tile, w, q, 1, tile_rows, margins, p + j * s.dj, lanes)
                                    q += tile_rows
                        p = (((n * s.groups + group) * s.F + first) * s.H + h) * s.W + v
                        store(tile, y, p, s.H * s.W, s.F - first, s.W - v)
            n = next_task(counter, 0)

    return kernel


@cache
def put_all_into_margins() -> Any:
    """Return the kernel that copies every image of x into its margin."""

    @entry
    def kernel(counter: Any, thread: int, s: Sizes, x: Any, margins: Any) -> None:
        n = next_task(counter, 0)
        while n < s.N:
            put_into_margin(x, n, margins, n * x.shape[1] * s.rows * s.columns, s)
            n = next_task(counter, 0)

    return kernel


@cache
def correlate_gradient(tile_rows: int, places: int, lanes: int) -> Any:
    """Return the kernel for `places` neighbouring columns of a filter, from column `start` on.

    dW[f,c,i,j] += sum_{n,h,w} delta[n,f,h,w] x[n,c,h stride + i di,w + j dj], x in margins and delta in rows of
    `width` numbers that end in zeros.
    """

    @entry
    def kernel(counter: Any, thread: int, s: Sizes, x: Any, delta: Any, width: int, dW: Any, start: int) -> None:
        plane, blocks = s.rows * s.columns, (s.F + tile_rows - 1) // tile_rows
        task = next_task(counter, 0)
        while task < s.groups * blocks * s.C:
            block, c = task // s.C, task % s.C
            group, first = block // blocks, block % blocks * tile_rows
            f = group * s.F + first
            for i in range(s.I):
                tile = zeros(dW, tile_rows, places)
                for n in range(s.N):
                    for h in range(s.H):
                        d = ((n * s.groups * s.F + f) * s.H + h) * width
                        row = h * s.stride + i * s.di
                        p = ((n * s.groups + group) * s.C + c) * plane + row * s.columns + start * s.dj
                        for v in range(0, s.W, lanes):
                            tile = add_products(tile, delta, d + v, s.H * width, tile_rows, x, p + v, s.dj)
                add_sums(tile, dW, ((f * s.C + c) * s.I + i) * s.J + start, s.C * s.I * s.J, s.F - first)
            task = next_task(counter, 0)

    return kernel
