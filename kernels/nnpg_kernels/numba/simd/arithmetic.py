"""Tiles as numbers: `a + b`, `a - b`, `a * b`, `a / b` lane by lane (a or b may be a number), and what needs them.

`tanh` and `sigmoid` are written once for float32 and float64, with errors of at most 3 units in the last place. Those
of the mathematical library are as exact, but no compiler turns a call to them into vectors.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from nnpg_kernels.numba.runtime.compilation import jit
from nnpg_kernels.numba.simd.emission import broadcast, product_plus
from nnpg_kernels.numba.simd.vectors import Tile

LOG2_E = 1 / math.log(2)
LN2_HIGH = 0.693359375  # exact in float32 and ends in zero bits, so that n * LN2_HIGH is exact
LN2_LOW = -2.121944400546905827679e-4  # ln 2 - LN2_HIGH, to more digits than math.log(2) has


def _each(signature: Any, f: Any) -> Any:
    """Return code that applies f(builder, *vectors) to each vector of the arguments: tiles of one shape, or numbers."""
    tile = next(a for a in signature.args if isinstance(a, Tile))

    def emit(context: Any, builder: Any, call: Any, args: Any) -> Any:
        scalar = tile.vector.scalar
        spread = [
            None if isinstance(kind, Tile) else broadcast(builder, context.cast(builder, a, kind, scalar), tile.vector)
            for kind, a in zip(call.args, args, strict=True)
        ]
        block = ir.Constant(ir.ArrayType(tile.vector.llvm, tile.rows * tile.columns), ir.Undefined)
        for i in range(tile.rows * tile.columns):
            vectors = [builder.extract_value(a, i) if s is None else s for a, s in zip(args, spread, strict=True)]
            block = builder.insert_value(block, f(builder, *vectors), i)
        return block

    return emit


def _operator(symbol: Any, instruction: str) -> None:
    @intrinsic  # type: ignore[untyped-decorator]
    def combine(typing: Any, a: Any, b: Any) -> Any:
        tile = a if isinstance(a, Tile) else b
        signature = tile(a, b)
        return signature, _each(signature, lambda builder, x, y: getattr(builder, instruction)(x, y))

    @overload(symbol)  # type: ignore[untyped-decorator]
    def on_tiles(a: Any, b: Any) -> Any:
        def implementation(a: Any, b: Any) -> Any:
            return combine(a, b)

        return implementation if isinstance(a, Tile) or isinstance(b, Tile) else None


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_symbol, _instruction)


def _where(condition: Any) -> Any:
    """Return the word that takes `yes` where condition(builder, a, b) holds and `no` elsewhere, lane by lane."""

    @intrinsic  # type: ignore[untyped-decorator]
    def where(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
        tile = next(kind for kind in (a, b, yes, no) if isinstance(kind, Tile))
        signature = tile(a, b, yes, no)
        return signature, _each(signature, lambda builder, a, b, y, n: builder.select(condition(builder, a, b), y, n))

    return where


def _better(builder: Any, a: Any, b: Any) -> Any:
    return builder.and_(builder.fcmp_unordered(">", a, b), builder.fcmp_ordered("ord", b, b))


@intrinsic  # type: ignore[untyped-decorator]
def fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """A * b + c, rounded once."""
    tile = next(kind for kind in (a, b, c) if isinstance(kind, Tile))
    signature = tile(a, b, c)
    return signature, _each(signature, lambda builder, a, b, c: product_plus(builder, tile.vector, a, b, c))


where_below = _where(lambda builder, a, b: builder.fcmp_ordered("<", a, b))  # a < b; NaN is below nothing
where_at_most = _where(lambda builder, a, b: builder.fcmp_ordered("<=", a, b))  # a <= b; NaN is at most nothing
where_equal = _where(lambda builder, a, b: builder.fcmp_ordered("==", a, b))
where_better = _where(_better)  # a > b; a NaN is better than any number


@intrinsic  # type: ignore[untyped-decorator]
def rounded(typing: Any, x: Any) -> Any:
    """The nearest whole number."""

    def nearest(builder: Any, vector: Any) -> Any:
        name = f"llvm.rint.v{x.vector.lanes}f{8 * x.vector.bytes}"
        kind = ir.FunctionType(vector.type, [vector.type])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [vector])

    return x(x), _each(x(x), nearest)


@intrinsic  # type: ignore[untyped-decorator]
def power_of_two(typing: Any, n: Any) -> Any:
    """2^n for whole n, which becomes the exponent bits; at least 2 to the smallest exponent."""
    bits, fraction, bias = (32, 23, 127) if n.vector.scalar == types.float32 else (64, 52, 1023)

    def build(builder: Any, vector: Any) -> Any:
        whole = ir.VectorType(ir.IntType(bits), n.vector.lanes)
        one, shift, offset = (ir.Constant(whole, [number] * n.vector.lanes) for number in (1, fraction, bias))
        exponent = builder.add(builder.fptosi(vector, whole), offset)
        exponent = builder.select(builder.icmp_signed("<", exponent, one), one, exponent)
        return builder.bitcast(builder.shl(exponent, shift), vector.type)

    return n(n), _each(n(n), build)


@intrinsic  # type: ignore[untyped-decorator]
def series(typing: Any, r: Any) -> Any:
    """e^r - 1 for |r| <= ln 2 / 2 by its Taylor series, up to r^7 / 7! in float32 and r^13 / 13! in float64.

    What is left out is below 6e-9, or 5e-18.
    """
    last = 7 if r.vector.scalar == types.float32 else 13

    def build(builder: Any, vector: Any) -> Any:
        def constant(number: float) -> Any:
            return ir.Constant(vector.type, [number] * r.vector.lanes)

        p = constant(1 / math.factorial(last))
        for n in range(last - 1, 1, -1):
            p = product_plus(builder, r.vector, p, vector, constant(1 / math.factorial(n)))
        return product_plus(builder, r.vector, builder.fmul(p, vector), vector, vector)

    return r(r), _each(r(r), build)


@jit
def exponential(x: Any) -> Any:
    """2^n and e^r - 1, of which e^x = 2^n (e^r - 1) + 2^n, with x = n ln 2 + r and |r| <= ln 2 / 2.

    For |x| below 700; a float32 stops falling at 2^-126.
    """
    n = rounded(x * LOG2_E)
    p = series((x - n * LN2_HIGH) - n * LN2_LOW)
    return power_of_two(n), p


@jit
def tanh(x: Any) -> Any:
    """Tanh x = -t / (t + 2) with t = e^(-2|x|) - 1, and the sign of x."""
    size = where_below(x, 0.0, x * -1.0, x)
    size = where_below(20.0, size, 20.0, size)  # tanh 20 is 1 in float64 as well
    scale, p = exponential(size * -2.0)
    t = scale * p + (scale - 1.0)  # exact near 0, where the scale is 1
    y = (0.0 - t) / (t + 2.0)
    return where_below(x, 0.0, y * -1.0, y)


@jit
def exp(x: Any) -> Any:
    """e^x for x of at most 0."""
    scale, p = exponential(where_below(x, -700.0, -700.0, x))
    return scale * p + scale


@jit
def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-|x|), or e^-|x| / (1 + e^-|x|) for x below 0."""
    e = exp(where_below(x, 0.0, x, x * -1.0))
    return where_below(x, 0.0, e, 1.0) / (e + 1.0)
