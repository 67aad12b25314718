"""The memory of a launch: arrays that results are written to, and which arrays lie in one piece."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Parameter(NamedTuple):
    """A parameter of a kernel, in the words of NumPy: float32, const float32* ..., and what an array is aligned to."""

    type: str
    alignment: int

    @property
    def is_array(self) -> bool:
        return self.type.endswith("*")

    @property
    def is_written(self) -> bool:
        return self.is_array and not self.type.startswith("const ")


class Piece:
    """Memory of one or several arguments; arrays that overlap lie in one piece, at their distance from each other."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end, self.alignment, self.written = start, end, 1, False

    @property
    def size(self) -> int:
        return self.end - self.start

    def holds(self, a: Array) -> bool:
        return self.start <= address(a) and address(a) + a.nbytes <= self.end and (a.nbytes > 0 or self.size == 0)

    def bytes(self) -> memoryview:
        """The memory itself."""
        return memoryview((ctypes.c_char * self.size).from_address(self.start)).cast("B")


def address(a: Array) -> int:
    return a.__array_interface__["data"][0] if a.size else 0


def memory_of(parameters: Sequence[Parameter], values: Sequence[Array]) -> list[Piece]:
    """Return the memory of all arguments that are arrays, in pieces that do not overlap."""
    arrays = [(p, a) for p, a in zip(parameters, values, strict=True) if p.is_array]
    pieces: list[Piece] = []
    for a in sorted((a for _, a in arrays if a.size), key=address):
        if pieces and address(a) < pieces[-1].end:
            pieces[-1].end = max(pieces[-1].end, address(a) + a.nbytes)
        else:
            pieces.append(Piece(address(a), address(a) + a.nbytes))
    if any(a.size == 0 for _, a in arrays):
        pieces.append(Piece(0, 0))
    for parameter, a in arrays:
        piece = next(piece for piece in pieces if piece.holds(a))
        piece.alignment = max(piece.alignment, parameter.alignment, a.dtype.itemsize)
        piece.written |= parameter.is_written and a.size > 0
    return pieces


def unwritten(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Return an array for results: NaN, and the least or largest number of whole numbers, so that a gap is seen."""
    a: Array = np.empty(shape, dtype)
    a.view("u1").fill(0xFF) if a.ndim and a.size else a.fill(np.nan if a.dtype.kind == "f" else -1)
    return a
