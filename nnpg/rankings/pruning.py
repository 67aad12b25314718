"""Pruning: cut filters out of a network, so that it is smaller and faster (Lo 2016, future work; Li et al. 2017).

A knocked-out network still computes the filters that are out. Here their weights are cut out, and the weights of the
next layer that read them. The outputs are those of the knocked-out network, up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nnpg.layers import AvgPool, Center, Conv, Dense, Dropout, Flatten, MaxPool, ReLU, Sigmoid, Step, Tanh
from nnpg.network import Network, as_network
from nnpg.recipes.initialisers import INITIALISERS
from nnpg.scores import Filter
from nnpg.support.arguments import as_choice, as_generator
from nnpg.support.network_arguments import as_filters
from nnpg_kernels import Array

PER_FILTER = (Tanh, ReLU, Sigmoid, Step, MaxPool, AvgPool, Flatten, Center, Dropout)  # keep filters apart


def prune(net: Network, filters: Sequence[Filter | tuple[str, int]]) -> Network:
    """Return a smaller network without these filters, whose outputs are those of `knock_out(net, filters)`.

    What a filter set to 0 still adds to the next layer (sigmoid(0) = 1/2, for example) goes into that layer's biases.

    Parameters
    ----------
    net : Network
        Not changed.
    filters : (layer, index from 0) each
        Feature maps or units of the named outputs, as `scores.weakest(row, n)` gives them. An output after the same
        Conv or Dense layer ("conv1", "tanh1", "pool1") names the same filters.

    Returns
    -------
    Network
        A few more epochs of training lower its error.

    Raises
    ------
    KeyError, IndexError
        For an unknown output or filter.
    ValueError
        If a filter cannot be cut out: it is the network's output, or the last of its layer, or something between its
        layer and the next mixes filters, or an intervention acts on them.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.conv(4, 2), nnpg.Flatten(),
    ...                   nnpg.dense(3), nnpg.Softmax()], input_shape=(1, 8, 8), rng=0)
    >>> small, x = prune(net, [("pool1", 0), ("pool1", 3)]), np.ones((2, 1, 8, 8))
    >>> small.layers["conv1"].W.shape, small.layers["conv2"].W.shape
    ((3, 1, 3, 3), (4, 3, 2, 2))
    >>> dead = nnpg.knock_out(net, [("pool1", 0), ("pool1", 3)])
    >>> bool(abs(nnpg.predict(small, x) - nnpg.predict(dead, x)).max() < 1e-6)
    True
    """
    dead: dict[str, dict[str, list[int]]] = {}  # layer that makes the filters -> output where they are 0 -> filters
    for layer, f in as_filters(as_network(net), filters):
        dead.setdefault(_maker(net, layer), {}).setdefault(layer, []).append(f)
    for maker, outputs in dead.items():
        _check(net, maker, outputs)
    for maker in sorted(dead, key=net.names.index):
        net = _without(net, maker, dead[maker])
    return net


def multiplications(net: Network) -> int:
    """Return how many multiplications by weights a forward pass of one image takes: a cost that no machine changes.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 3), nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 8, 8), rng=0)
    >>> multiplications(net)      # 5 filters of 3 x 3 weights at 6 x 6 places, and 2 units of 180
    1980
    """
    total, shapes = 0, as_network(net).shapes
    for name, layer in net.layers.items():
        if isinstance(layer, Conv | Dense):
            total += layer.W.size * math.prod(shapes[name][1:])  # each weight once at every place
    return total


def redraw(net: Network, *, init: str = "glorot", rng: int | np.random.Generator) -> Network:
    """Return a network of the same shape with new weights and biases 0: what a pruned one must beat (Liu et al. 2019).

    Parameters
    ----------
    net : Network
        Its Conv and Dense layers get new weights.
    init : "glorot", "lecun" or "he"
    rng : int or numpy.random.Generator

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 3), nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 8, 8), rng=0)
    >>> again = redraw(net, rng=0)           # the seed that `build` was given draws the same weights
    >>> bool((again.layers["dense1"].W == net.layers["dense1"].W).all())
    True
    """
    init = as_choice(init, "init", INITIALISERS)
    rng, k = as_generator(rng), as_network(net).backend
    for name, layer in net.layers.items():
        if isinstance(layer, Conv | Dense):
            F = len(layer.W) // (layer.groups if isinstance(layer, Conv) else 1)
            places = math.prod(layer.W.shape[2:])
            W = INITIALISERS[init](rng, layer.W.shape, math.prod(layer.W.shape[1:]), F * places)
            b = None if layer.b is None else k.asarray(np.zeros(len(W), layer.b.dtype))
            net = net.replace(name, W=k.asarray(W.astype(layer.W.dtype)), b=b)
    return net


def _maker(net: Network, name: str) -> str:
    """Return the Conv or Dense layer whose filters the output `name` holds."""
    for before in reversed(net.names[1 : net.names.index(name) + 1]):
        if isinstance(net.layers[before], Conv | Dense):
            return before
        if isinstance(net.layers[before], Flatten):
            raise ValueError(f"{name!r} no longer holds whole filters: name an output before {before!r}")
    raise ValueError(f"{name!r} has no Conv or Dense layer before it: there is no filter to cut out")


def _between(net: Network, maker: str) -> tuple[list[str], str]:
    """Return the names of the outputs from `maker` up to the next Conv or Dense layer, and the name of that layer."""
    names = net.names[net.names.index(maker) :]
    reader = next((n for n in names[1:] if isinstance(net.layers[n], Conv | Dense)), None)
    if reader is None:
        raise ValueError(f"the filters of {maker!r} are the network's output: prune an earlier layer")
    return names[: names.index(reader)], reader


def _check(net: Network, maker: str, dead: dict[str, list[int]]) -> None:
    """Refuse before any work what cannot be cut out."""
    between, reader = _between(net, maker)
    F = len(net.layers[maker].W)  # type: ignore[attr-defined]
    if len(_filters(dead)) == F:
        raise ValueError(f"all {F} filters of {maker!r} would go: leave at least one")
    for name in between[1:]:
        layer = net.layers[name]
        if not isinstance(layer, PER_FILTER):
            kind = type(layer).__name__
            raise ValueError(f"{name!r} ({kind}) may mix the filters of {maker!r}: they cannot be cut out one by one")
        if isinstance(layer, Dropout) and layer.key is not None:
            raise ValueError(f"{name!r} holds a mask drawn for all filters: set its key to None before pruning")
    for name in (maker, reader):
        layer = net.layers[name]
        if isinstance(layer, Conv) and layer.groups > 1:
            raise ValueError(f"{name!r} works in {layer.groups} groups, which must stay equal: it cannot be pruned")
    changed = [name for name in between if net.interventions.get(name)]
    if changed:
        raise ValueError(f"an intervention acts on {changed[0]!r}: prune the network without it")


def _without(net: Network, maker: str, dead: dict[str, list[int]]) -> Network:
    """Cut filters out of one layer, and the weights that read them out of the next."""
    k = net.backend
    between, reader = _between(net, maker)
    before, after = net.layers[maker], net.layers[reader]
    assert isinstance(before, Conv | Dense)
    assert isinstance(after, Conv | Dense)
    keep = k.asarray(np.setdiff1d(np.arange(len(before.W)), _filters(dead)))
    shapes = net.shapes
    left = _left_over(net, dead, between[-1])
    layers: dict[str, Any] = {
        maker: replace(before, W=before.W[keep], b=None if before.b is None else before.b[keep]),
        reader: replace(after, W=_columns(after.W, keep, len(before.W)), b=_bias(net, reader, left)),
    }
    for name in between[1:]:
        layer = net.layers[name]
        if isinstance(layer, Center) and layer.mean.ndim:
            layers[name] = replace(layer, mean=_mean(layer.mean, shapes[name], keep, len(before.W)))
    return replace(net, layers={**net.layers, **layers})


def _filters(dead: dict[str, list[int]]) -> list[int]:
    """Return the dead filters of a layer, whichever output they are named at."""
    return sorted({f for filters in dead.values() for f in filters})


def _mean(mean: Array, shape: tuple[int, ...], keep: Array, F: int) -> Array:
    """Return the means of the filters that stay, of outputs (F, H, W), or (F H W,) after Flatten."""
    rows = np.broadcast_to(mean, shape).reshape(F, -1)[keep]
    return rows.reshape(len(keep), *shape[1:]) if len(shape) > 1 else rows.ravel()


def _columns(W: Array, keep: Array, F: int) -> Array:
    """Return the weights that read the filters that stay; of a Dense layer after Flatten, those of all their pixels."""
    columns = W.reshape(len(W), F, -1)[:, keep]
    return columns.reshape(len(W), len(keep), *W.shape[2:]) if W.ndim == 4 else columns.reshape(len(W), -1)


def _left_over(net: Network, dead: dict[str, list[int]], last: str) -> Array:
    """Return what the dead filters, 0 at their outputs, still give to the next layer: (1, ...), 0 elsewhere."""
    k, inputs = net.backend, []
    for name, filters in dead.items():
        zero = np.zeros((1, *net.shapes[name]), net.dtype)
        y = k.to_numpy(net.forward(zero, start=name, stop=last).y).astype(np.float64)
        mask = np.isin(np.arange(zero.shape[1]), filters)
        inputs.append((y.reshape(1, len(mask), -1) * mask[:, None]).reshape(y.shape))
    return np.sum(inputs, axis=0)


def _bias(net: Network, reader: str, left: Array) -> Array | None:
    """Return the bias of the layer that reads, with what the dead filters still add."""
    k, layer = net.backend, net.layers[reader]
    assert isinstance(layer, Conv | Dense)
    if not left.any():
        return layer.b
    b = None if layer.b is None else layer.b.astype(np.float64)
    y, _ = replace(layer, W=layer.W.astype(np.float64), b=b).forward(k, k.asarray(left))  # (1, F, H, W) or (1, F)
    y = y.reshape(*y.shape[:2], -1)[0]  # (F, pixels)
    if abs(y - y[:, :1]).max() > 1e-9 * abs(y).max():
        raise ValueError(
            f"a filter set to 0 still adds something to {reader!r}, and padding makes it differ from pixel to pixel, "
            "so that no bias can replace it: set it to 0 after its squashing function instead"
        )
    return y[:, 0].astype(layer.W.dtype)
