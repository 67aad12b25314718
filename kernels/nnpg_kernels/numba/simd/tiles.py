"""The words for tiles. They take flat arrays and positions in them; row r of a tile is row min(r, rows - 1)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nnpg_kernels.numba.simd.emission import (
    Memory,
    build_tile,
    lanes_below,
    moved_by,
    multiply_add,
    row_start,
    sum_of_lanes,
)
from nnpg_kernels.numba.simd.vectors import Tile, Vector


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def zeros(typing: Any, like: Any, height: Any, width: Any) -> Any:
    """Tile of zeros, in the number type of the array `like`."""
    tile = Tile(height.literal_value, width.literal_value, Vector(like.dtype))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(ir.ArrayType(tile.vector.llvm, tile.rows * tile.columns), None)

    return tile(like, height, width), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def zeros_of(typing: Any, like: Any, height: Any, width: Any, count: Any) -> Any:
    """The same with `count` lanes in a vector, such as `register_lanes`: more, shorter vectors of sums."""
    tile = Tile(height.literal_value, width.literal_value, Vector(like.dtype, count.literal_value))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(ir.ArrayType(tile.vector.llvm, tile.rows * tile.columns), None)

    return tile(like, height, width, count), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def splats(typing: Any, b: Any, q: Any, stride: Any, rows: Any, height: Any, width: Any) -> Any:
    """Tile with b[q + stride r] in every lane of row r."""
    tile = Tile(height.literal_value, width.literal_value, Vector(b.dtype))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, q, stride, rows, _, _ = args
        at = Memory(context, builder, signature.args[0], args[0], tile.vector)
        return build_tile(builder, tile, lambda r, _: at.splat(row_start(builder, q, stride, r, rows)))

    return tile(b, types.intp, types.intp, types.intp, height, width), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def load(typing: Any, x: Any, p: Any, step: Any, height: Any, width: Any) -> Any:
    """tile[0, c] = x[p + step c :]; every row is the same."""
    tile = Tile(height.literal_value, width.literal_value, Vector(x.dtype))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, p, step, _, _ = args
        at = Memory(context, builder, signature.args[0], args[0], tile.vector)
        vectors = [at.load(moved_by(builder, p, step, c)) for c in range(tile.columns)]
        return build_tile(builder, tile, lambda _, c: vectors[c])

    return tile(x, types.intp, types.intp, height, width), emit


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def rows_of(typing: Any, x: Any, p: Any, stride: Any, height: Any, count: Any) -> Any:
    """tile[r, 0] = x[p + stride r :], vectors of `count` lanes."""
    tile = Tile(height.literal_value, 1, Vector(x.dtype, count.literal_value))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = Memory(context, builder, signature.args[0], args[0], tile.vector)
        return build_tile(builder, tile, lambda r, _: at.load(moved_by(builder, args[1], args[2], r)))

    return tile(x, types.intp, types.intp, height, count), emit


@intrinsic  # type: ignore[untyped-decorator]
def add_outer(typing: Any, tile: Any, w: Any, q: Any, stride: Any, rows: Any, x: Any, p: Any, step: Any) -> Any:
    """tile[r, c] += w[q + stride r] * x[p + step c :]: one number a row by one vector a column."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block, w, q, stride, rows, x, p, step = args
        weights = Memory(context, builder, signature.args[1], w, tile.vector)
        pixels = Memory(context, builder, signature.args[5], x, tile.vector)
        vectors = [pixels.load(moved_by(builder, p, step, c)) for c in range(tile.columns)]
        for r in range(tile.rows):
            weight = weights.splat(row_start(builder, q, stride, r, rows))
            for c, vector in enumerate(vectors):
                block = multiply_add(builder, tile, block, r * tile.columns + c, weight, vector)
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
        mask = lanes_below(builder, args[-1], tile.vector.lanes)
        none = ir.Constant(tile.vector.llvm, None)
        return _add_products(context, builder, signature, args[:-1], lambda vector: builder.select(mask, vector, none))

    i = types.intp
    return tile(tile, d, i, i, i, x, i, i, i), emit


@intrinsic  # type: ignore[untyped-decorator]
def store(typing: Any, tile: Any, y: Any, p: Any, stride: Any, rows: Any, width: Any) -> Any:
    """y[p + stride r : p + stride r + width] = row r, for the first `rows` rows; lanes past `width` are dropped."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block, y, p, stride, rows, width = args
        memory = Memory(context, builder, signature.args[1], y, tile.vector)
        for r in range(tile.rows):
            with builder.if_then(builder.icmp_signed("<", ir.Constant(rows.type, r), rows)):
                start = moved_by(builder, p, stride, r)
                vectors = [builder.extract_value(block, r * tile.columns + c) for c in range(tile.columns)]
                memory.store(vectors, start, width)
        return context.get_dummy_value()

    i = types.intp
    return types.void(tile, y, i, i, i, i), emit


@intrinsic  # type: ignore[untyped-decorator]
def add_sums(typing: Any, tile: Any, y: Any, p: Any, stride: Any, rows: Any) -> Any:
    """y[p + stride r + c] += sum of the lanes of tile[r, c], for the first `rows` rows."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block, y, p, stride, rows = args
        memory = Memory(context, builder, signature.args[1], y, tile.vector)
        for r in range(tile.rows):
            with builder.if_then(builder.icmp_signed("<", ir.Constant(rows.type, r), rows)):
                start = moved_by(builder, p, stride, r)
                for c in range(tile.columns):
                    total = sum_of_lanes(builder, builder.extract_value(block, r * tile.columns + c))
                    place = memory.address(start, c)
                    builder.store(builder.fadd(builder.load(place), total), place)
        return context.get_dummy_value()

    i = types.intp
    return types.void(tile, y, i, i, i), emit


def _add_products(context: Any, builder: Any, signature: Any, args: Any, pixels_of: Any) -> Any:
    """The code of `add_products`, each vector of x as `pixels_of` makes it."""
    block, d, q, stride, rows, x, p, step = args
    tile = signature.return_type
    deltas = Memory(context, builder, signature.args[1], d, tile.vector)
    pixels = Memory(context, builder, signature.args[5], x, tile.vector)
    vectors = [pixels_of(pixels.load(moved_by(builder, p, step, c))) for c in range(tile.columns)]
    for r in range(tile.rows):
        delta = deltas.load(row_start(builder, q, stride, r, rows))
        for c, vector in enumerate(vectors):
            block = multiply_add(builder, tile, block, r * tile.columns + c, delta, vector)
    return block
