"""Where the blocks of a network end, and where its weights begin: walks over its layers in the order of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnpg.layers.linear import Conv, Dense, Flatten


def block_outputs(layers: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the output of each convolutional block: the last one before the next layer with weights.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3)], input_shape=(1, 8, 8), rng=0)
    >>> block_outputs(net.layers)
    ('tanh1',)
    """
    blocks, inside, previous = [], False, ""
    for name, layer in layers.items():
        if isinstance(layer, Conv | Dense | Flatten):
            if inside:
                blocks.append(previous)
            inside = isinstance(layer, Conv)
        previous = name
    return (*blocks, previous) if inside else tuple(blocks)


def first_with_weights(layers: Mapping[str, Any], after: str | None = None) -> str:
    """Return the first layer that has parameters, behind the layer `after` if it is given; the last if none has.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(5), nnpg.Tanh(), nnpg.dense(3)], input_shape=(2,), rng=0)
    >>> first_with_weights(net.layers), first_with_weights(net.layers, after="dense1")
    ('dense1', 'dense2')
    """
    names = list(layers)
    behind = names if after is None or after not in layers else names[names.index(after) + 1 :]
    return next((name for name in behind if layers[name].parameters), names[-1])
