"""Numba's types of vectors and tiles, and how many registers the machine has for them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import config, types
from numba.extending import models, register_model

VECTOR_BYTES = 64


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

    16 registers of 32 bytes (AVX2), or 32 of 16 (NEON), hold 4 vectors of sums and the factors of one product.
    """
    chosen = config.CPU_FEATURES  # NUMBA_CPU_FEATURES, set to compile for another machine
    features = chosen if chosen is not None else binding.get_host_cpu_features().flatten()
    return "+avx512f" in features


def register_lanes(dtype: Any) -> int:
    """Return how many numbers one register holds: as many as a vector, or half of them.

    Examples
    --------
    >>> register_lanes(np.float32) in (8, 16)
    True
    """
    return lanes(dtype) if wide_registers() else lanes(dtype) // 2


class Vector(types.Type):  # type: ignore[misc]
    """Numba's type of a vector of float32 or float64; of 64 bytes unless `count` lanes are given."""

    def __init__(self, scalar: types.Float, count: int | None = None) -> None:
        self.scalar, self.lanes = scalar, count or 8 * VECTOR_BYTES // scalar.bitwidth
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
class TileModel(models.PrimitiveModel):  # type: ignore[misc]
    """A tile as LLVM has it: an array of vectors."""

    def __init__(self, manager: Any, tile: Tile) -> None:
        super().__init__(manager, tile, ir.ArrayType(tile.vector.llvm, tile.rows * tile.columns))
