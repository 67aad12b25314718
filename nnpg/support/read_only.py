"""Read-only arrays, so that a network is a value."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnpg_kernels import Array


def held(a: Array) -> Array:
    """Return the array itself if it is in C order, native, aligned, and nobody can write to it; else a copy that is."""
    flags = a.flags
    if flags.c_contiguous and flags.aligned and a.dtype.isnative and not _writeable(a):
        return a
    return frozen(np.array(a, a.dtype.newbyteorder("="), order="C"))


def frozen(a: Array) -> Array:
    """Make an array read-only and return it. It is not copied, so the caller must have the only reference to it."""
    if isinstance(a, np.ndarray):
        a.flags.writeable = False
    return a


def _writeable(a: Any) -> bool:
    """Whether this memory can be written to, through the array or through one of which it is a view."""
    while isinstance(a, np.ndarray):
        if a.flags.writeable:
            return True
        a = a.base
    return not (a is None or isinstance(a, bytes))
