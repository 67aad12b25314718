"""The parameters of a network as the tests need them: flat, all changed in one way, with biases that are not 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import nnpg


def flat(parameters: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the arrays of all layers by names such as ``conv1.W``: parameters, or gradients with respect to them."""
    return {f"{layer}.{name}": array for layer, arrays in parameters.items() for name, array in arrays.items()}


def changed(parameters: Mapping[str, Mapping[str, Any]], change: Callable[[Any], Any]) -> dict[str, dict[str, Any]]:
    """Return the arrays of all layers, each as `change` returns it."""
    return {layer: {name: change(array) for name, array in arrays.items()} for layer, arrays in parameters.items()}


def with_biases(net: nnpg.Network, rng: np.random.Generator | int = 9, scale: float = 0.3) -> nnpg.Network:
    """Return the network with random biases: those of a new one are 0, which would hide a wrong bias."""
    rng = np.random.default_rng(rng)
    biases = {layer: arrays["b"] for layer, arrays in net.parameters.items() if "b" in arrays}
    return net.with_parameters({n: {"b": rng.normal(0, scale, b.shape).astype(b.dtype)} for n, b in biases.items()})


def equal(a: nnpg.Network, b: nnpg.Network) -> bool:
    """Return whether two networks have the same bits in all parameters."""
    mine, other = flat(a.parameters), flat(b.parameters)
    return mine.keys() == other.keys() and all((array == other[name]).all() for name, array in mine.items())
