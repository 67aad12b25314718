"""Numbers that are set for every image: knocked-out units, the deltas that stop at them, and fields of records."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory

UNITS = record_type("planes places values size lanes")
MAPS = record_type("planes plane row H W lanes filters values counts")
FIELD = record_type("place values")


@factory
def set_units(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of planes[places[k]] = values[k] in all lanes."""
    kind = np.dtype(dtype).type

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, UNITS)
        planes, places, values = array(s.planes, kind), array(s.places, np.int64), array(s.values, kind)
        for k in range(s.size):
            for lane in range(s.lanes):
                planes[places[k] + lane] = values[k]

    return kernel(run)


@factory
def set_maps(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that sets the first counts[s] maps of `filters` to values (filters, H, W), at step s."""
    kind = np.dtype(dtype).type

    def run(address: int, n: int, count: int, step: int, t: int) -> None:
        s = record(address, MAPS)
        planes, values = array(s.planes, kind), array(s.values, kind)
        filters, counts = array(s.filters, np.int64), array(s.counts, np.int64)
        for k in range(counts[step]):
            for h in range(s.H):
                first = filters[k] * s.plane + h * s.row
                for w in range(s.W):
                    for lane in range(s.lanes):
                        planes[first + w * s.lanes + lane] = values[(k * s.H + h) * s.W + w]

    return kernel(run)


@factory
def set_field() -> Any:
    """Return the kernel that sets a field of another op's record to values[s], at step s."""

    def run(address: int, n: int, count: int, step: int, t: int) -> None:
        s = record(address, FIELD)
        array(s.place, np.int64)[0] = array(s.values, np.int64)[step]

    return kernel(run)
