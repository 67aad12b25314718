"""The largest number of each row, and whether another is so close that rounding may decide which is larger.

largest[r] = argmax_k z[r, k];  close[r]: another z[r, k] >= max_k z[r, k] - gap, or one is not finite

task      a piece of the rows
bound     memory: each number is read once
writer    each row is written by one task
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.atomics import next_task
from nnpg_kernels.numba.runtime.compilation import entry
from nnpg_kernels.numba.runtime.thread_pool import share
from nnpg_kernels.threads import threads_for

PIECE = 4096  # rows per task


def largest_of(z: npt.NDArray[Any], gap: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the place of the first largest number in each row of z (R, K), and whether another is as close as `gap`.

    Examples
    --------
    >>> largest_of(np.array([[1.0, 3.0, 2.0], [3.0, 2.9, 0.0], [np.nan, 0.0, 1.0]]), 0.5)
    (array([1, 0, 0]), array([False,  True,  True]))
    """
    R = len(z)
    largest, close = np.zeros(R, np.int64), np.zeros(R, np.bool_)
    share(_largest, threads_for(-(-R // PIECE)), np.ascontiguousarray(z), gap, largest, close, PIECE)
    return largest, close


@entry
def _largest(counter: Any, thread: int, z: Any, gap: float, largest: Any, close: Any, piece: int) -> None:
    R, K = z.shape
    first = next_task(counter, 0) * piece
    while first < R:
        for r in range(first, min(first + piece, R)):
            best, place = z[r, 0], 0
            for k in range(1, K):
                if z[r, k] > best:
                    best, place = z[r, k], k
            near = 0
            for k in range(K):
                near += not z[r, k] < best - gap  # true for NaN as well
            largest[r], close[r] = place, near > 1 or not np.isfinite(best)
        first = next_task(counter, 0) * piece
