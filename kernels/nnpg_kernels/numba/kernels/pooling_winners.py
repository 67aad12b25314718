"""Which pixel of each pooling window won, from maps that are in memory: the first of the largest.

`pooled_convolution` compares before the activation, which may round two different numbers to the same one: then the
layers' first maximum is another pixel. This matters for a delta between the activation and the pooling.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory

FIRST = record_type(
    "maps maps_plane maps_row winner winner_plane winner_row lanes F rows columns z_rows z_columns "
    "size_i size_j stride_i stride_j top left"
)


@factory
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
                        largest, place = kind(-np.inf), 0
                        for i in range(max(0, -top), min(s.size_i, s.z_rows - top)):
                            row = f * s.maps_plane + (top + i) * s.maps_row
                            for j in range(max(0, -left), min(s.size_j, s.z_columns - left)):
                                value = maps[row + (left + j) * s.lanes + lane]
                                keep = (value <= largest) | (largest != largest)  # a NaN stays the largest
                                place = place if keep else i * s.size_j + j
                                largest = largest if keep else value
                        winner[f * s.winner_plane + h * s.winner_row + w * s.lanes + lane] = place

    return kernel(run)
