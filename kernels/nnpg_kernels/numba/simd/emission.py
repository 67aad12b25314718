"""LLVM instructions of which the words for vectors and tiles are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from nnpg_kernels.numba.simd.vectors import Tile, Vector, wide_registers

INT32 = ir.IntType(32)


class Memory:
    """An array as the words see it: numbers and vectors at positions."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any, vector: Vector) -> None:
        self.builder, self.vector = builder, vector
        self.data = cgutils.create_struct_proxy(kind)(context, builder, value=array).data

    def address(self, index: Any, offset: int = 0) -> Any:
        """Return the address of the number `index + offset`."""
        if offset:
            index = self.builder.add(index, ir.Constant(index.type, offset))
        return self.builder.gep(self.data, [index])

    def load(self, index: Any, offset: int = 0) -> Any:
        """Return the vector that starts there; it may be unaligned."""
        place = self.builder.bitcast(self.address(index, offset), self.vector.llvm.as_pointer())
        loaded = self.builder.load(place)
        loaded.align = self.vector.bytes
        return loaded

    def splat(self, index: Any) -> Any:
        """Return a vector with the number there in every lane."""
        return broadcast(self.builder, self.builder.load(self.address(index)), self.vector)

    def store(self, vectors: Sequence[Any], index: Any, width: Any) -> None:
        """Write the first `width` lanes of vectors one after the other: without a mask where that is all of them.

        AVX2 takes many cycles for a store with a mask.
        """
        builder, count = self.builder, self.vector.lanes
        offsets = range(0, count * len(vectors), count)
        if wide_registers():
            for vector, offset in zip(vectors, offsets, strict=True):
                self.store_below(vector, index, offset, width)
            return
        whole = builder.icmp_signed(">=", width, ir.Constant(width.type, count * len(vectors)))
        with builder.if_else(whole) as (then, otherwise):
            with then:
                for vector, offset in zip(vectors, offsets, strict=True):
                    place = builder.bitcast(self.address(index, offset), self.vector.llvm.as_pointer())
                    builder.store(vector, place).align = self.vector.bytes
            with otherwise:
                for vector, offset in zip(vectors, offsets, strict=True):
                    self.store_below(vector, index, offset, width)

    def store_below(self, vector: Any, index: Any, offset: int, width: Any) -> Any:
        """Write the lanes whose index plus `offset` is below `width`."""
        builder, llvm = self.builder, self.vector.llvm
        mask = lanes_below(builder, width, llvm.count, offset)
        place = builder.bitcast(self.address(index, offset), llvm.as_pointer())
        kinds = [llvm, llvm.as_pointer(), INT32, mask.type]
        name = f"llvm.masked.store.{type_suffix(self.vector)}.p0"
        write = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name)
        return builder.call(write, [vector, place, ir.Constant(INT32, self.vector.bytes), mask])


def lanes_below(builder: Any, width: Any, count: int, offset: int = 0) -> Any:
    """Return which of `count` lanes have an index plus `offset` below `width`."""
    counted = ir.VectorType(INT32, count)
    none = ir.Constant(counted, ir.Undefined)
    limit = builder.insert_element(none, builder.trunc(width, INT32), ir.Constant(INT32, 0))
    limit = builder.shuffle_vector(limit, none, ir.Constant(counted, [0] * count))
    return builder.icmp_signed("<", ir.Constant(counted, [offset + i for i in range(count)]), limit)


def broadcast(builder: Any, number: Any, vector: Vector) -> Any:
    """Return a vector with one number in every lane."""
    none = ir.Constant(vector.llvm, ir.Undefined)
    first = builder.insert_element(none, number, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, none, ir.Constant(ir.VectorType(INT32, vector.lanes), [0] * vector.lanes))


def build_tile(builder: Any, tile: Tile, part: Any) -> Any:
    """Return the tile whose vector (r, c) is part(r, c)."""
    block = ir.Constant(ir.ArrayType(tile.vector.llvm, tile.rows * tile.columns), ir.Undefined)
    for r in range(tile.rows):
        for c in range(tile.columns):
            block = builder.insert_value(block, part(r, c), r * tile.columns + c)
    return block


def multiply_add(builder: Any, tile: Tile, block: Any, index: int, a: Any, b: Any) -> Any:
    """Return the block after block[index] += a * b, rounded once."""
    total = product_plus(builder, tile.vector, a, b, builder.extract_value(block, index))
    return builder.insert_value(block, total, index)


def product_plus(builder: Any, vector: Vector, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once."""
    kind = ir.FunctionType(vector.llvm, [vector.llvm] * 3)
    fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.{type_suffix(vector)}")
    return builder.call(fma, [a, b, c])


def row_start(builder: Any, start: Any, stride: Any, r: int, rows: Any) -> Any:
    """Return where row min(r, rows - 1) starts."""
    if r == 0:
        return start
    last = builder.sub(rows, ir.Constant(rows.type, 1))
    here = ir.Constant(rows.type, r)
    return builder.add(start, builder.mul(stride, builder.select(builder.icmp_signed("<", here, last), here, last)))


def type_suffix(vector: Vector) -> str:
    """Return how LLVM names the vector's type in the names of its functions."""
    return f"v{vector.lanes}f{8 * vector.bytes}"


def moved_by(builder: Any, start: Any, stride: Any, n: int) -> Any:
    """Return start + n * stride."""
    return builder.add(start, builder.mul(stride, ir.Constant(stride.type, n))) if n else start


def sum_of_lanes(builder: Any, vector: Any) -> Any:
    """Return the sum of all lanes: halves are added until one lane is left, always in this order."""
    half = vector.type.count // 2
    while half:
        picks = [ir.Constant(ir.VectorType(INT32, half), list(range(first, first + half))) for first in (0, half)]
        none = ir.Constant(vector.type, ir.Undefined)
        low, high = (builder.shuffle_vector(vector, none, pick) for pick in picks)
        vector, half = builder.fadd(low, high), half // 2
    return builder.extract_element(vector, ir.Constant(INT32, 0))
