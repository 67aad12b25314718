"""Arrays that nobody can write to: what makes a network of arrays a value."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnpg_kernels import Array


def held(a: Array) -> Array:
    """Return the array itself if it is in C order, native, aligned, and nobody can write to it; else such a copy."""
    flags = a.flags
    if flags.c_contiguous and flags.aligned and a.dtype.isnative and not _writeable(a):
        return a
    return frozen(np.array(a, a.dtype.newbyteorder("="), order="C"))


def frozen(a: Array) -> Array:
    """Take an array that nobody else has: from now on nobody can write to it. No copy is made."""
    if isinstance(a, np.ndarray):
        a.flags.writeable = False
    return a


def _writeable(a: Any) -> bool:
    """Whether someone may still write to this memory, through the array or through one that it is a view of."""
    while isinstance(a, np.ndarray):
        if a.flags.writeable:
            return True
        a = a.base
    return not (a is None or isinstance(a, bytes))
