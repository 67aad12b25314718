"""The words that move numbers between lanes: transposing a square, every second number, two vectors interleaved."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnpg_kernels.numba.simd.emission import INT32, Memory, build_tile
from nnpg_kernels.numba.simd.vectors import Tile, Vector


@intrinsic  # type: ignore[untyped-decorator]
def transposed(typing: Any, x: Any, starts: Any, p: Any) -> Any:
    """Tile of as many rows as lanes, rows and lanes exchanged: row r has x[starts[k] + p + r] in lane k."""
    vector = Vector(x.dtype)
    tile = Tile(vector.lanes, 1, vector)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at, n = Memory(context, builder, signature.args[0], args[0], vector), vector.lanes
        places = cgutils.create_struct_proxy(signature.args[1])(context, builder, value=args[1]).data
        rows = []
        for k in range(n):
            start = builder.load(builder.gep(places, [ir.Constant(ir.IntType(64), k)]))
            rows.append(at.load(builder.add(start, args[2])))
        distance = n // 2
        while distance:  # exchange the off-diagonal halves of each square, then of its quarters ...
            low = [k if k & distance == 0 else n + k - distance for k in range(n)]
            high = [k + distance if k & distance == 0 else n + k for k in range(n)]
            halves = [ir.Constant(ir.VectorType(INT32, n), half) for half in (low, high)]
            for r in (r for r in range(n) if r & distance == 0):
                a, b = rows[r], rows[r + distance]
                rows[r], rows[r + distance] = (builder.shuffle_vector(a, b, half) for half in halves)
            distance //= 2
        return build_tile(builder, tile, lambda r, _: rows[r])

    return tile(x, starts, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def load_every_second(typing: Any, x: Any, p: Any) -> Any:
    """Tile of one vector: x[p], x[p + 2], x[p + 4] ..."""
    tile = Tile(1, 1, Vector(x.dtype))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at, n = Memory(context, builder, signature.args[0], args[0], tile.vector), tile.vector.lanes
        even = ir.Constant(ir.VectorType(INT32, n), list(range(0, 2 * n, 2)))
        vector = builder.shuffle_vector(at.load(args[1]), at.load(args[1], n), even)
        return build_tile(builder, tile, lambda r, c: vector)

    return tile(x, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def store_interleaved(typing: Any, a: Any, b: Any, y: Any, p: Any, width: Any) -> Any:
    """y[p : p + width] = a[0], b[0], a[1], b[1] ... of two tiles of one vector."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = signature.args[0].vector
        memory, n = Memory(context, builder, signature.args[2], args[2], vector), vector.lanes
        first, second = (builder.extract_value(args[i], 0) for i in (0, 1))
        turns = [i // 2 + n * (i % 2) for i in range(2 * n)]
        halves = [ir.Constant(ir.VectorType(INT32, n), turns[half : half + n]) for half in (0, n)]
        memory.store([builder.shuffle_vector(first, second, picks) for picks in halves], args[3], args[4])
        return context.get_dummy_value()

    return types.void(a, b, y, types.intp, types.intp), emit
