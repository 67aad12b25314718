"""A matrix most of whose numbers are 0, such as images of digits, and its products with other matrices.

out[r, f] = sum of S[r, e] B[e, f] over the e where S[r, e] is not 0

Each product with 0 that is left out is 0, unless the other factor is infinite or NaN: then the whole matrix is used.

task      a piece of the rows of S
tile      1 row of out by up to 13 vectors (AVX-512) or 6 (AVX2), which holds the whole sums
inner     for each number of a row: 1 load and 1 multiply-add per vector
bound     loads of B, which comes from the second-level cache
writer    each row of out is written by one task
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.backend import Array
from nnpg_kernels.numba.runtime.atomics import next_task
from nnpg_kernels.numba.runtime.compilation import entry
from nnpg_kernels.numba.runtime.thread_pool import share
from nnpg_kernels.numba.simd import add_outer, lanes, store, wide_registers, zeros
from nnpg_kernels.threads import threads_for

PIECE = 64  # rows per task


@dataclass(frozen=True, eq=False)
class SparseMatrix:
    """A matrix (N, D) that stands in for `dense` in products: `S @ B` and `A @ S` are those of `dense`, up to rounding.

    Parameters
    ----------
    dense : array (N, D) of float32 or float64
        Is not copied: do not change it.

    Examples
    --------
    >>> S = SparseMatrix(np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]]))
    >>> S @ np.array([[1.0], [10.0], [100.0]])
    array([[20.],
           [ 1.]])
    >>> np.array([[1.0, 10.0]]) @ S
    array([[10.,  2.,  0.]])
    """

    dense: Array
    __array_ufunc__ = None  # so that NumPy leaves `array @ S` to `__rmatmul__`

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, D)."""
        return self.dense.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of `dense`."""
        return self.dense.dtype

    def __len__(self) -> int:
        return len(self.dense)

    def view(self) -> SparseMatrix:
        """Return itself: it has no memory that could be written through it."""
        return self

    @cached_property
    def _by_rows(self) -> tuple[Array, Array, Array]:
        return _compressed(self.dense)

    @cached_property
    def _by_columns(self) -> tuple[Array, Array, Array]:
        return _compressed(self.dense.T)

    def __matmul__(self, B: Array) -> Array:
        """Return S B (N, F)."""
        return _product(self._by_rows, B) if _fits(self, B) else self.dense @ B

    def __rmatmul__(self, A: Array) -> Array:
        """Return A S (F, D), computed as (S^T A^T)^T."""
        return _product(self._by_columns, A.T).T if _fits(self, A) else A @ self.dense


def _fits(S: SparseMatrix, other: Array) -> bool:
    return other.ndim == 2 and other.dtype == S.dtype and bool(np.isfinite(other).all())


def _compressed(dense: Array) -> tuple[Array, Array, Array]:
    """Return where each row starts (R + 1,), and the place in its row and the value of each number that is not 0."""
    numbers, size = np.ascontiguousarray(dense).reshape(-1), dense.shape[1]
    found = np.flatnonzero(numbers != 0)  # of one row of truth values: several times as fast as `nonzero` of numbers
    rows = found // size
    starts = np.zeros(len(dense) + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=len(dense)), out=starts[1:])
    return starts, (found - rows * size).astype(np.int32), numbers[found]


def _product(S: tuple[Array, Array, Array], B: Array) -> Array:
    starts, places, values = S
    R, (E, F), step = len(starts) - 1, B.shape, lanes(values.dtype)
    vectors, most = -(-F // step), 13 if wide_registers() else 6
    width = -(-vectors // max(1, -(-vectors // most)))
    row = -(-vectors // width) * width * step  # whole tiles: nothing after a row is read
    padded = np.zeros((E, row), B.dtype)
    padded[:, :F] = B
    out = np.empty((R, F), B.dtype)
    threads = threads_for(-(-R // PIECE))
    share(_kernel(B.dtype, width), threads, starts, places, values, padded.reshape(-1), row, out.reshape(-1), F, PIECE)
    return out


@cache
def _kernel(dtype: npt.DTypeLike, width: int) -> Any:
    step = lanes(dtype)

    @entry
    def run(
        counter: Any, thread: int, starts: Any, places: Any, values: Any, b: Any, row: int, out: Any, F: int, piece: int
    ) -> None:
        R = len(starts) - 1
        first = next_task(counter, 0) * piece
        while first < R:
            for r in range(first, min(first + piece, R)):
                for v in range(0, row, width * step):
                    tile = zeros(b, 1, width)
                    for e in range(starts[r], starts[r + 1]):
                        tile = add_outer(tile, values, e, 0, 1, b, places[e] * row + v, step)
                    store(tile, out, r * F + v, 0, 1, F - v)
            first = next_task(counter, 0) * piece

    return run
