"""Which pixel of each pooling window won, from maps that lie in memory: the first of equal ones.

Convolution and pooling in one pass (`pooled_convolution`) compare before the activation, which may round two numbers
to one: then the layers' first maximum is another pixel. It matters to a delta that is asked for between the two.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.jit import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type

FIRST = record_type(
    "maps maps_plane maps_row winner winner_plane winner_row lanes F rows columns z_rows z_columns "
    "size_i size_j stride_i stride_j top left"
)


@cache
def first_winners(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of winner[f, h, w] = the first i J + j with the largest maps[f, h s + i, w s + j]."""
    kind: Any = np.dtype(dtype).type

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, FIRST)
        maps, winner = array(s.maps, kind), array(s.winner, kind)
        for f in range(s.F):
            for h in range(s.rows):
                top = h * s.stride_i - s.top
                for w in range(s.columns):
                    left = w * s.stride_j - s.left
                    for lane in range(s.lanes):
                        best, place = kind(-np.inf), 0
                        for i in range(max(0, -top), min(s.size_i, s.z_rows - top)):
                            row = f * s.maps_plane + (top + i) * s.maps_row
                            for j in range(max(0, -left), min(s.size_j, s.z_columns - left)):
                                value = maps[row + (left + j) * s.lanes + lane]
                                keep = (value <= best) | (best != best)  # a NaN, once there, is never left
                                place = place if keep else i * s.size_j + j
                                best = best if keep else value
                        winner[f * s.winner_plane + h * s.winner_row + w * s.lanes + lane] = place

    return kernel(run)
