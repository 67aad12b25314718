"""Layers with read-only arrays, so that a network is a value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nnpg.layers import Layer, arrays
from nnpg.layers.shapes import is_built_in
from nnpg.support.read_only import held


def held_layer(layer: Layer) -> Layer:
    """Return one of nnpg's own layers with read-only arrays; a layer of any other type unchanged.

    Examples
    --------
    >>> from nnpg import Center
    >>> mean = np.array([1.0, 2.0])
    >>> layer = held_layer(Center(mean))
    >>> mean[0] = 5.0
    >>> layer.mean, held_layer(layer) is layer
    (array([1., 2.]), True)
    """
    if not is_built_in(layer):
        return layer
    originals = {name: a for name, a in arrays(layer).items() if type(a) is np.ndarray}
    changes = {name: b for name, a in originals.items() if (b := held(a)) is not a}
    return replace(layer, **changes) if changes else layer  # type: ignore[type-var]
