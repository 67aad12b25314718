"""Sums over the images of each class, in float64.

sums[s, c, u] = sum_{n: labels[n] = c} delta[s, n, u]

task      a piece of the units of one seed
inner     one number read, widened, added
bound     memory: each delta is read once
writer    each sum is written by one task, which adds images in their order
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.atomics import next_task
from nnpg_kernels.numba.runtime.compilation import entry
from nnpg_kernels.numba.runtime.thread_pool import share
from nnpg_kernels.threads import threads_for

PIECE = 512  # units per task


def sum_by_class(delta: npt.NDArray[Any], labels: npt.NDArray[Any], K: int) -> npt.NDArray[np.float64]:
    """Return the sums (S, K, units) of delta (S, N, units).

    Examples
    --------
    >>> sum_by_class(np.array([[[1.0], [2.0], [4.0]]]), np.array([1, 0, 1]), 2)[0, :, 0]
    array([2., 5.])
    """
    S, _, units = delta.shape
    sums = np.zeros((S, K, units))
    tasks = S * -(-units // PIECE)
    share(_sum, threads_for(tasks), np.ascontiguousarray(delta), labels.astype(np.int64), sums, PIECE)
    return sums


@entry
def _sum(counter: Any, thread: int, delta: Any, labels: Any, sums: Any, piece: int) -> None:
    S, N, units = delta.shape
    pieces = (units + piece - 1) // piece
    task = next_task(counter, 0)
    while task < S * pieces:
        s, first = task // pieces, task % pieces * piece
        for n in range(N):
            row, out = delta[s, n, first : first + piece], sums[s, labels[n], first : first + piece]
            for u in range(len(row)):
                out[u] += row[u]
        task = next_task(counter, 0)
