"""Where the blocks of a network end, and which layers have weights, in the order of the data."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from nnpg.layers.linear import Conv, Dense, Flatten


def block_of(layers: Mapping[str, Any], first: str) -> list[str]:
    """Return the names of the layers from `first` on, up to the next Conv, Dense or Flatten layer, which is left out.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3)], input_shape=(1, 8, 8), rng=0)
    >>> block_of(net.layers, "conv1"), block_of(net.layers, "dense1")
    (['conv1', 'tanh1'], ['dense1'])
    """
    names = list(layers)
    later = names[names.index(first) + 1 :]
    return [first, *takewhile(lambda name: not isinstance(layers[name], Conv | Dense | Flatten), later)]


def block_outputs(layers: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the output of each convolutional block: the last one before the next layer with weights.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3)], input_shape=(1, 8, 8), rng=0)
    >>> block_outputs(net.layers)
    ('tanh1',)
    """
    return tuple(block_of(layers, name)[-1] for name, layer in layers.items() if isinstance(layer, Conv))


def first_with_weights(layers: Mapping[str, Any], after: str | None = None) -> str:
    """Return the first layer that has parameters, after the layer `after` if it is given; the last if none has.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(5), nnpg.Tanh(), nnpg.dense(3)], input_shape=(2,), rng=0)
    >>> first_with_weights(net.layers), first_with_weights(net.layers, after="dense1")
    ('dense1', 'dense2')
    """
    names = list(layers)
    later = names if after is None or after not in layers else names[names.index(after) + 1 :]
    return next((name for name in later if layers[name].parameters), names[-1])


def last_with_weights(layers: Mapping[str, Any], output: str) -> str | None:
    """Return the last layer that has parameters, up to the output of this name; None if none has.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(5), nnpg.Tanh(), nnpg.dense(3)], input_shape=(2,), rng=0)
    >>> last_with_weights(net.layers, "tanh1"), last_with_weights(net.layers, "input")
    ('dense1', None)
    """
    names = list(layers)
    earlier = names[: names.index(output) + 1] if output in layers else []
    return next((name for name in reversed(earlier) if layers[name].parameters), None)
