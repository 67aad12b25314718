"""Vectors and register tiles in Numba: the few words that the fast kernels are written in.

A `Vector` is 64 bytes of neighbouring numbers: 16 float32 or 8 float64, its *lanes*. A `Tile` is a block of vectors,
`rows` by `columns`, that stays in the processor's registers while sums are added up in it: memory is read, but nothing
is written until the sums are whole. That is what makes a convolution fast, and all that this file is for. A kernel:

    tile = splats(b, f, 8, 2)                  # 8 filters by 2 vectors of pixels; each row starts at its bias
    for each channel and place (i, j) of the filter:
        tile = add_outer(tile, w, q, x, p)     # tile[r, c] += w[q + r] * x[p + lanes c : p + lanes (c + 1)]
    store(tile, y, p, stride, width, 8)        # rows to y[p + stride r :], `width` numbers each

Every word becomes a handful of LLVM instructions in place (no call is left), so a tile costs no memory; `rows` and
`columns` must be constants. LLVM turns a 64-byte vector into what the machine has: one AVX-512 register, two of AVX2,
four of NEON. `tile_shape` says which tile fits into its registers. To see what became of a kernel, call it once and
print `kernel.inspect_asm()`: a good inner loop is nothing but loads and `vfmadd`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

VECTOR_BYTES = 64
INT32 = ir.IntType(32)


def lanes(dtype: Any) -> int:
    """Return how many numbers one vector holds.

    Examples
    --------
    >>> lanes(np.float32), lanes(np.float64)
    (16, 8)
    """
    return VECTOR_BYTES // np.dtype(dtype).itemsize


@cache
def tile_shape() -> tuple[int, int]:
    """Return the (rows, columns) of the largest tile that leaves registers free for what is being multiplied.

    32 registers of 64 bytes (AVX-512) hold 8 x 2 vectors with room to spare; 16 of 32 bytes (AVX2), or 32 of 16
    (NEON), hold 4 x 1.
    """
    told = config.CPU_FEATURES  # NUMBA_CPU_FEATURES, where someone compiles for another machine
    features = told if told is not None else binding.get_host_cpu_features().flatten()
    return (8, 2) if "+avx512f" in features else (4, 1)


class Vector(types.Type):  # type: ignore[misc]
    """Numba's type of a vector of float32 or float64."""

    def __init__(self, scalar: types.Float) -> None:
        self.scalar, self.lanes = scalar, 8 * VECTOR_BYTES // scalar.bitwidth
        self.bytes = scalar.bitwidth // 8
        super().__init__(name=f"Vector({scalar} x {self.lanes})")

    @property
    def llvm(self) -> ir.VectorType:
        """The LLVM type."""
        return ir.VectorType(ir.FloatType() if self.scalar == types.float32 else ir.DoubleType(), self.lanes)


class Tile(types.Type):  # type: ignore[misc]
    """Numba's type of rows by columns vectors."""

    def __init__(self, rows: int, columns: int, vector: Vector) -> None:
        self.rows, self.columns, self.vector = rows, columns, vector
        super().__init__(name=f"Tile({rows} x {columns} of {vector.name})")


@register_model(Tile)
class _TileModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, tile: Tile) -> None:
        super().__init__(manager, tile, ir.ArrayType(tile.vector.llvm, tile.rows * tile.columns))


# The words. Each takes flat arrays and the positions in them.


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def zeros(typing: Any, like: Any, rows: Any, columns: Any) -> Any:
    """Tile of zeros, in the number type of the array `like`."""
    tile = Tile(rows.literal_value, columns.literal_value, Vector(like.dtype))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(ir.ArrayType(tile.vector.llvm, tile.rows * tile.columns), None)

    return tile(like, rows, columns), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def splats(typing: Any, b: Any, q: Any, rows: Any, columns: Any) -> Any:
    """Tile with b[q + r] in every lane of row r."""
    tile = Tile(rows.literal_value, columns.literal_value, Vector(b.dtype))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = _Memory(context, builder, signature.args[0], args[0], tile.vector)
        block = ir.Constant(ir.ArrayType(tile.vector.llvm, tile.rows * tile.columns), ir.Undefined)
        for r in range(tile.rows):
            row = at.splat(args[1], r)
            for c in range(tile.columns):
                block = builder.insert_value(block, row, r * tile.columns + c)
        return block

    return tile(b, types.intp, rows, columns), emit


@intrinsic  # type: ignore[untyped-decorator]
def add_outer(typing: Any, tile: Any, w: Any, q: Any, x: Any, p: Any) -> Any:
    """tile[r, c] += w[q + r] * x[p + lanes c : p + lanes (c + 1)]: one number a row by one vector a column."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block, w, q, x, p = args
        weights = _Memory(context, builder, signature.args[1], w, tile.vector)
        pixels = _Memory(context, builder, signature.args[3], x, tile.vector)
        vectors = [pixels.load(p, tile.vector.lanes * c) for c in range(tile.columns)]
        for r in range(tile.rows):
            weight = weights.splat(q, r)
            for c, vector in enumerate(vectors):
                block = _multiply_add(builder, tile, block, r * tile.columns + c, weight, vector)
        return block

    return tile(tile, w, types.intp, x, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def add_products(typing: Any, tile: Any, d: Any, q: Any, stride: Any, x: Any, p: Any, step: Any) -> Any:
    """tile[r, c] += d[q + stride r :] * x[p + step c :], lane by lane: one vector a row by one vector a column."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block, d, q, stride, x, p, step = args
        deltas = _Memory(context, builder, signature.args[1], d, tile.vector)
        pixels = _Memory(context, builder, signature.args[4], x, tile.vector)
        vectors = [pixels.load(_times(builder, p, step, c)) for c in range(tile.columns)]
        for r in range(tile.rows):
            delta = deltas.load(_times(builder, q, stride, r))
            for c, vector in enumerate(vectors):
                block = _multiply_add(builder, tile, block, r * tile.columns + c, delta, vector)
        return block

    return tile(tile, d, types.intp, types.intp, x, types.intp, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def store(typing: Any, tile: Any, y: Any, p: Any, stride: Any, width: Any, rows: Any) -> Any:
    """y[p + stride r + l] = row r's lane l, for the first `width` lanes of the first `rows` rows."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block, y, p, stride, width, rows = args
        memory = _Memory(context, builder, signature.args[1], y, tile.vector)
        for r in range(tile.rows):
            inside = builder.icmp_signed("<", ir.Constant(rows.type, r), rows)
            with builder.if_then(inside):
                start = _times(builder, p, stride, r)
                for c in range(tile.columns):
                    vector = builder.extract_value(block, r * tile.columns + c)
                    memory.store(vector, start, tile.vector.lanes * c, width)
        return context.get_dummy_value()

    return types.void(tile, y, types.intp, types.intp, types.intp, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def add_sums(typing: Any, tile: Any, y: Any, p: Any, stride: Any, rows: Any) -> Any:
    """y[p + stride r + c] += sum of the lanes of tile[r, c], for the first `rows` rows."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block, y, p, stride, rows = args
        memory = _Memory(context, builder, signature.args[1], y, tile.vector)
        for r in range(tile.rows):
            inside = builder.icmp_signed("<", ir.Constant(rows.type, r), rows)
            with builder.if_then(inside):
                start = _times(builder, p, stride, r)
                for c in range(tile.columns):
                    total = _sum(builder, builder.extract_value(block, r * tile.columns + c))
                    place = memory.address(start, c)
                    builder.store(builder.fadd(builder.load(place), total), place)
        return context.get_dummy_value()

    return types.void(tile, y, types.intp, types.intp, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def next_task(typing: Any, counter: Any) -> Any:
    """counter[0]++ in one step that no other thread can divide; returns the value before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0])
        return builder.atomic_rmw("add", array.data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(counter), emit


# How the words are made


class _Memory:
    """An array seen as vectors, while code is being made."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any, vector: Vector) -> None:
        self.builder, self.vector = builder, vector
        self.data = cgutils.create_struct_proxy(kind)(context, builder, value=array).data

    def address(self, index: Any, offset: int = 0) -> Any:
        """Where the number `index + offset` is."""
        if offset:
            index = self.builder.add(index, ir.Constant(index.type, offset))
        return self.builder.gep(self.data, [index])

    def load(self, index: Any, offset: int = 0) -> Any:
        """The vector that starts there; it need not be aligned."""
        place = self.builder.bitcast(self.address(index, offset), self.vector.llvm.as_pointer())
        loaded = self.builder.load(place)
        loaded.align = self.vector.bytes
        return loaded

    def splat(self, index: Any, offset: int) -> Any:
        """The number there in every lane."""
        vector, number = self.vector.llvm, self.builder.load(self.address(index, offset))
        first = self.builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.Constant(INT32, 0))
        everywhere = ir.Constant(ir.VectorType(INT32, vector.count), [0] * vector.count)
        return self.builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), everywhere)

    def store(self, vector: Any, index: Any, offset: int, width: Any) -> Any:
        """Write the lanes whose number, `offset` included, is below `width`."""
        builder, llvm = self.builder, self.vector.llvm
        counted = ir.VectorType(INT32, llvm.count)
        limit = builder.insert_element(
            ir.Constant(counted, ir.Undefined), builder.trunc(width, INT32), ir.Constant(INT32, 0)
        )
        limit = builder.shuffle_vector(
            limit, ir.Constant(counted, ir.Undefined), ir.Constant(counted, [0] * llvm.count)
        )
        lane = ir.Constant(counted, [offset + i for i in range(llvm.count)])
        mask = builder.icmp_signed("<", lane, limit)
        place = builder.bitcast(self.address(index, offset), llvm.as_pointer())
        kinds = [llvm, llvm.as_pointer(), INT32, mask.type]
        name = f"llvm.masked.store.{_suffix(self.vector)}.p0"
        write = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name)
        return builder.call(write, [vector, place, ir.Constant(INT32, self.vector.bytes), mask])


def _multiply_add(builder: Any, tile: Tile, block: Any, index: int, a: Any, b: Any) -> Any:
    """block[index] += a * b, rounded once."""
    vector = tile.vector.llvm
    name = f"llvm.fma.{_suffix(tile.vector)}"
    fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
    return builder.insert_value(block, builder.call(fma, [a, b, builder.extract_value(block, index)]), index)


def _suffix(vector: Vector) -> str:
    return f"v{vector.lanes}f{8 * vector.bytes}"


def _times(builder: Any, start: Any, stride: Any, n: int) -> Any:
    """Start + n * stride."""
    return builder.add(start, builder.mul(stride, ir.Constant(stride.type, n))) if n else start


def _sum(builder: Any, vector: Any) -> Any:
    """Sum of all lanes: halves added until one lane is left, always in this order."""
    half = vector.type.count // 2
    while half:
        picks = [ir.Constant(ir.VectorType(INT32, half), list(range(first, first + half))) for first in (0, half)]
        none = ir.Constant(vector.type, ir.Undefined)
        low, high = (builder.shuffle_vector(vector, none, pick) for pick in picks)
        vector, half = builder.fadd(low, high), half // 2
    return builder.extract_element(vector, ir.Constant(INT32, 0))
