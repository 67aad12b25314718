"""Vectors and register tiles in Numba: the few words that the fast kernels are written in.

A `Vector` is 64 bytes of neighbouring numbers: 16 float32 or 8 float64, its *lanes*. A `Tile` is a block of vectors,
`rows` by `columns`, that stays in the processor's registers while sums are added up in it: memory is read, but nothing
is written until the sums are whole. That is what makes a convolution fast, and all that this file is for. A kernel:

    tile = splats(b, f, 1, rows, 4, 4)                    # 4 filters by 4 vectors of pixels; a row starts at its bias
    for each channel and place (i, j) of the filter:
        tile = add_outer(tile, w, q, own, rows, x, p, 16)  # tile[r, c] += w[q + own r] * x[p + 16 c :][:16]
    store(tile, y, p, stride, 16, rows, width)             # rows to y[p + stride r :], `width` numbers each

Every word becomes a handful of LLVM instructions in place (no call is left), so a tile costs no memory; its shape must
be constants. A tile may have more rows than there are: from row `rows` on it repeats the last one, so that nothing is
read that is not there, and `store` drops them. Tiles also add, multiply and divide like numbers (`arithmetic`). LLVM
turns a 64-byte vector into what the machine has: one AVX-512 register, two of AVX2, four of NEON; `tile_for` in
`correlation` chooses the shape that fits into its registers. To see what became of a kernel, print
`kernel.inspect_llvm()` before it was ever kept on disk: a good inner loop is nothing but loads and `fma`.
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
def wide_registers() -> bool:
    """Return whether the machine has 32 registers of 64 bytes (AVX-512): room for 16 to 20 vectors of sums.

    16 registers of 32 bytes (AVX2), or 32 of 16 (NEON), hold 4 vectors of sums and what is being multiplied.
    """
    told = config.CPU_FEATURES  # NUMBA_CPU_FEATURES, where someone compiles for another machine
    features = told if told is not None else binding.get_host_cpu_features().flatten()
    return "+avx512f" in features


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


# The words. Each takes flat arrays and the positions in them. A row r stands for row min(r, rows - 1).


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def zeros(typing: Any, like: Any, height: Any, width: Any) -> Any:
    """Tile of zeros, in the number type of the array `like`."""
    tile = Tile(height.literal_value, width.literal_value, Vector(like.dtype))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(ir.ArrayType(tile.vector.llvm, tile.rows * tile.columns), None)

    return tile(like, height, width), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def splats(typing: Any, b: Any, q: Any, stride: Any, rows: Any, height: Any, width: Any) -> Any:
    """Tile with b[q + stride r] in every lane of row r."""
    tile = Tile(height.literal_value, width.literal_value, Vector(b.dtype))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, q, stride, rows, _, _ = args
        at = _Memory(context, builder, signature.args[0], args[0], tile.vector)
        return _build(builder, tile, lambda r, _: at.splat(_row(builder, q, stride, r, rows)))

    return tile(b, types.intp, types.intp, types.intp, height, width), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def load(typing: Any, x: Any, p: Any, step: Any, height: Any, width: Any) -> Any:
    """tile[0, c] = x[p + step c :]; every row is the same."""
    tile = Tile(height.literal_value, width.literal_value, Vector(x.dtype))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, p, step, _, _ = args
        at = _Memory(context, builder, signature.args[0], args[0], tile.vector)
        vectors = [at.load(_times(builder, p, step, c)) for c in range(tile.columns)]
        return _build(builder, tile, lambda _, c: vectors[c])

    return tile(x, types.intp, types.intp, height, width), emit


@intrinsic  # type: ignore[untyped-decorator]
def add_outer(typing: Any, tile: Any, w: Any, q: Any, stride: Any, rows: Any, x: Any, p: Any, step: Any) -> Any:
    """tile[r, c] += w[q + stride r] * x[p + step c :]: one number a row by one vector a column."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block, w, q, stride, rows, x, p, step = args
        weights = _Memory(context, builder, signature.args[1], w, tile.vector)
        pixels = _Memory(context, builder, signature.args[5], x, tile.vector)
        vectors = [pixels.load(_times(builder, p, step, c)) for c in range(tile.columns)]
        for r in range(tile.rows):
            weight = weights.splat(_row(builder, q, stride, r, rows))
            for c, vector in enumerate(vectors):
                block = _multiply_add(builder, tile, block, r * tile.columns + c, weight, vector)
        return block

    i = types.intp
    return tile(tile, w, i, i, i, x, i, i), emit


@intrinsic  # type: ignore[untyped-decorator]
def add_products(typing: Any, tile: Any, d: Any, q: Any, stride: Any, rows: Any, x: Any, p: Any, step: Any) -> Any:
    """tile[r, c] += d[q + stride r :] * x[p + step c :], lane by lane: one vector a row by one vector a column."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _add_products(context, builder, signature, args, lambda vector: vector)

    i = types.intp
    return tile(tile, d, i, i, i, x, i, i), emit


@intrinsic  # type: ignore[untyped-decorator]
def add_products_below(
    typing: Any, tile: Any, d: Any, q: Any, stride: Any, rows: Any, x: Any, p: Any, step: Any, width: Any
) -> Any:
    """The same for the lanes below `width`: what x has in the others, be it NaN, is 0."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        mask = _below(builder, args[-1], tile.vector.lanes)
        none = ir.Constant(tile.vector.llvm, None)
        return _add_products(context, builder, signature, args[:-1], lambda vector: builder.select(mask, vector, none))

    i = types.intp
    return tile(tile, d, i, i, i, x, i, i, i), emit


@intrinsic  # type: ignore[untyped-decorator]
def store(typing: Any, tile: Any, y: Any, p: Any, stride: Any, rows: Any, width: Any) -> Any:
    """y[p + stride r : p + stride r + width] = row r, for the first `rows` rows; lanes past `width` are dropped."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block, y, p, stride, rows, width = args
        memory = _Memory(context, builder, signature.args[1], y, tile.vector)
        for r in range(tile.rows):
            with builder.if_then(builder.icmp_signed("<", ir.Constant(rows.type, r), rows)):
                start = _times(builder, p, stride, r)
                for c in range(tile.columns):
                    vector = builder.extract_value(block, r * tile.columns + c)
                    memory.store(vector, start, tile.vector.lanes * c, width)
        return context.get_dummy_value()

    i = types.intp
    return types.void(tile, y, i, i, i, i), emit


@intrinsic  # type: ignore[untyped-decorator]
def add_sums(typing: Any, tile: Any, y: Any, p: Any, stride: Any, rows: Any) -> Any:
    """y[p + stride r + c] += sum of the lanes of tile[r, c], for the first `rows` rows."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block, y, p, stride, rows = args
        memory = _Memory(context, builder, signature.args[1], y, tile.vector)
        for r in range(tile.rows):
            with builder.if_then(builder.icmp_signed("<", ir.Constant(rows.type, r), rows)):
                start = _times(builder, p, stride, r)
                for c in range(tile.columns):
                    total = _sum(builder, builder.extract_value(block, r * tile.columns + c))
                    place = memory.address(start, c)
                    builder.store(builder.fadd(builder.load(place), total), place)
        return context.get_dummy_value()

    i = types.intp
    return types.void(tile, y, i, i, i), emit


@intrinsic  # type: ignore[untyped-decorator]
def turned(typing: Any, x: Any, starts: Any, p: Any) -> Any:
    """Tile of as many rows as lanes, rows and lanes exchanged: row r has x[starts[k] + p + r] in lane k."""
    vector = Vector(x.dtype)
    tile = Tile(vector.lanes, 1, vector)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at, n = _Memory(context, builder, signature.args[0], args[0], vector), vector.lanes
        places = cgutils.create_struct_proxy(signature.args[1])(context, builder, value=args[1]).data
        rows = []
        for k in range(n):
            start = builder.load(builder.gep(places, [ir.Constant(ir.IntType(64), k)]))
            rows.append(at.load(builder.add(start, args[2])))
        apart = n // 2
        while apart:  # exchange the off-diagonal halves of each square, then of its quarters ...
            low = [k if k & apart == 0 else n + k - apart for k in range(n)]
            high = [k + apart if k & apart == 0 else n + k for k in range(n)]
            halves = [ir.Constant(ir.VectorType(INT32, n), half) for half in (low, high)]
            for r in (r for r in range(n) if r & apart == 0):
                a, b = rows[r], rows[r + apart]
                rows[r], rows[r + apart] = (builder.shuffle_vector(a, b, half) for half in halves)
            apart //= 2
        return _build(builder, tile, lambda r, _: rows[r])

    return tile(x, starts, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def every_second(typing: Any, x: Any, p: Any) -> Any:
    """Tile of one vector: x[p], x[p + 2], x[p + 4] ..."""
    tile = Tile(1, 1, Vector(x.dtype))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at, n = _Memory(context, builder, signature.args[0], args[0], tile.vector), tile.vector.lanes
        even = ir.Constant(ir.VectorType(INT32, n), list(range(0, 2 * n, 2)))
        vector = builder.shuffle_vector(at.load(args[1]), at.load(args[1], n), even)
        return _build(builder, tile, lambda r, c: vector)

    return tile(x, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def store_in_turn(typing: Any, a: Any, b: Any, y: Any, p: Any, width: Any) -> Any:
    """y[p : p + width] = a[0], b[0], a[1], b[1] ... of two tiles of one vector."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = signature.args[0].vector
        memory, n = _Memory(context, builder, signature.args[2], args[2], vector), vector.lanes
        first, second = (builder.extract_value(args[i], 0) for i in (0, 1))
        for half in (0, n // 2):
            turns = [half + i // 2 + n * (i % 2) for i in range(n)]
            picks = ir.Constant(ir.VectorType(INT32, n), turns)
            memory.store(builder.shuffle_vector(first, second, picks), args[3], 2 * half, args[4])
        return context.get_dummy_value()

    return types.void(a, b, y, types.intp, types.intp), emit


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

    def splat(self, index: Any) -> Any:
        """The number there in every lane."""
        return everywhere(self.builder, self.builder.load(self.address(index)), self.vector)

    def store(self, vector: Any, index: Any, offset: int, width: Any) -> Any:
        """Write the lanes whose number, `offset` included, is below `width`."""
        builder, llvm = self.builder, self.vector.llvm
        mask = _below(builder, width, llvm.count, offset)
        place = builder.bitcast(self.address(index, offset), llvm.as_pointer())
        kinds = [llvm, llvm.as_pointer(), INT32, mask.type]
        name = f"llvm.masked.store.{_suffix(self.vector)}.p0"
        write = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name)
        return builder.call(write, [vector, place, ir.Constant(INT32, self.vector.bytes), mask])


def _below(builder: Any, width: Any, count: int, offset: int = 0) -> Any:
    """Which of so many lanes have a number, `offset` included, below `width`."""
    counted = ir.VectorType(INT32, count)
    none = ir.Constant(counted, ir.Undefined)
    limit = builder.insert_element(none, builder.trunc(width, INT32), ir.Constant(INT32, 0))
    limit = builder.shuffle_vector(limit, none, ir.Constant(counted, [0] * count))
    return builder.icmp_signed("<", ir.Constant(counted, [offset + i for i in range(count)]), limit)


def _add_products(context: Any, builder: Any, signature: Any, args: Any, pixels_of: Any) -> Any:
    """The code of `add_products`, each vector of x as `pixels_of` makes it."""
    block, d, q, stride, rows, x, p, step = args
    tile = signature.return_type
    deltas = _Memory(context, builder, signature.args[1], d, tile.vector)
    pixels = _Memory(context, builder, signature.args[5], x, tile.vector)
    vectors = [pixels_of(pixels.load(_times(builder, p, step, c))) for c in range(tile.columns)]
    for r in range(tile.rows):
        delta = deltas.load(_row(builder, q, stride, r, rows))
        for c, vector in enumerate(vectors):
            block = _multiply_add(builder, tile, block, r * tile.columns + c, delta, vector)
    return block


def everywhere(builder: Any, number: Any, vector: Vector) -> Any:
    """One number in every lane."""
    none = ir.Constant(vector.llvm, ir.Undefined)
    first = builder.insert_element(none, number, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, none, ir.Constant(ir.VectorType(INT32, vector.lanes), [0] * vector.lanes))


def _build(builder: Any, tile: Tile, part: Any) -> Any:
    """The tile whose vector (r, c) is part(r, c)."""
    block = ir.Constant(ir.ArrayType(tile.vector.llvm, tile.rows * tile.columns), ir.Undefined)
    for r in range(tile.rows):
        for c in range(tile.columns):
            block = builder.insert_value(block, part(r, c), r * tile.columns + c)
    return block


def _multiply_add(builder: Any, tile: Tile, block: Any, index: int, a: Any, b: Any) -> Any:
    """block[index] += a * b, rounded once."""
    vector = tile.vector.llvm
    name = f"llvm.fma.{_suffix(tile.vector)}"
    fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
    return builder.insert_value(block, builder.call(fma, [a, b, builder.extract_value(block, index)]), index)


def _row(builder: Any, start: Any, stride: Any, r: int, rows: Any) -> Any:
    """Where row min(r, rows - 1) starts."""
    if r == 0:
        return start
    last = builder.sub(rows, ir.Constant(rows.type, 1))
    here = ir.Constant(rows.type, r)
    return builder.add(start, builder.mul(stride, builder.select(builder.icmp_signed("<", here, last), here, last)))


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
