"""Numbers of planes that are set, the same for every image: knocked-out units, and the deltas that do not pass them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.jit import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type

FIX = record_type("planes places values size lanes")
FILL = record_type("planes plane row H W lanes filters values counts")


@cache
def fix(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of planes[places[k]] = values[k] in all lanes."""
    kind = np.dtype(dtype).type

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, FIX)
        planes, places, values = array(s.planes, kind), array(s.places, np.int64), array(s.values, kind)
        for k in range(s.size):
            for lane in range(s.lanes):
                planes[places[k] + lane] = values[k]

    return kernel(run)


@cache
def fill(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that sets maps: at step s, the first counts[s] of `filters` to values (filters, H, W)."""
    kind = np.dtype(dtype).type

    def run(address: int, n: int, count: int, step: int, t: int) -> None:
        s = record(address, FILL)
        planes, values = array(s.planes, kind), array(s.values, kind)
        filters, counts = array(s.filters, np.int64), array(s.counts, np.int64)
        for k in range(counts[step]):
            for h in range(s.H):
                first = filters[k] * s.plane + h * s.row
                for w in range(s.W):
                    for lane in range(s.lanes):
                        planes[first + w * s.lanes + lane] = values[(k * s.H + h) * s.W + w]

    return kernel(run)
