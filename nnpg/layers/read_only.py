"""Layers as a network holds them: their arrays are those of its backend, and read-only, so that it is a value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nnpg.layers import Layer, arrays
from nnpg.layers.shapes import is_built_in
from nnpg.support.read_only import held
from nnpg_kernels import Backend


def held_layer(layer: Layer, k: Backend) -> Layer:
    """Return one of nnpg's own layers with read-only arrays; a layer of any other type unchanged.

    On a device, which has no read-only arrays, those of the host go up.

    Examples
    --------
    >>> from nnpg import Center
    >>> from nnpg_kernels import load
    >>> mean, k = np.array([1.0, 2.0]), load("numpy")
    >>> layer = held_layer(Center(mean), k)
    >>> mean[0] = 5.0
    >>> layer.mean, held_layer(layer, k) is layer
    (array([1., 2.]), True)
    """
    if not is_built_in(layer):
        return layer
    hold = held if k.xp is np else k.asarray
    originals = {name: a for name, a in arrays(layer).items() if type(a) is np.ndarray}
    changes = {name: b for name, a in originals.items() if (b := hold(a)) is not a}
    return replace(layer, **changes) if changes else layer  # type: ignore[type-var]
