"""Knocking maps out: an op reads the maps on its list, and a map that is taken off it is never multiplied again."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from nnpg_kernels.jit import fingerprint, kernel
from nnpg_kernels.memory import array, record, record_type

DROP = record_type("channels count maps filters")


@cache
def drop() -> Any:
    """Return the kernel that takes map filters[s] off a list of channels, or without filters lists all maps."""
    key = fingerprint()

    def run(address: int, n: int, count: int, step: int, t: int) -> int:
        s = record(address, DROP)
        channels, length, filters = array(s.channels, np.int64), array(s.count, np.int64), array(s.filters, np.int64)
        if not s.filters:
            for c in range(s.maps):
                channels[c] = c
            length[0] = s.maps
            return key
        kept = 0
        for c in range(length[0]):
            if channels[c] != filters[step]:
                channels[kept] = channels[c]
                kept += 1
        length[0] = kept
        return key

    return kernel(run)
