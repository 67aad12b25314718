"""Arrays that nobody can write to: what makes a network of arrays a value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nnpg.layers import Layer, arrays
from nnpg.layers.shapes import is_own
from nnpg_kernels import Array


def held_layer(layer: Layer) -> Layer:
    """Return one of nnpg's own layers with arrays that are held; a layer of any other type as it is.

    Examples
    --------
    >>> from nnpg import Center
    >>> mean = np.array([1.0, 2.0])
    >>> layer = held_layer(Center(mean))
    >>> mean[0] = 5.0
    >>> layer.mean, held_layer(layer) is layer
    (array([1., 2.]), True)
    """
    if not is_own(layer):
        return layer
    given = {name: a for name, a in arrays(layer).items() if type(a) is np.ndarray}
    changes = {name: b for name, a in given.items() if (b := held(a)) is not a}
    return replace(layer, **changes) if changes else layer  # type: ignore[type-var]


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
