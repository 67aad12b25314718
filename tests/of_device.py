"""Layers and results of any backend for tests that are written for the host: arrays go up, results come down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nnpg.layers import arrays
from nnpg.support.arguments import is_on_device
from nnpg_kernels import Array, Backend


def host(value: Any) -> Any:
    """Return an array on the host, or a dictionary or tuple of arrays; what is there stays as it is."""
    if isinstance(value, dict):
        return {name: host(part) for name, part in value.items()}
    if type(value) is tuple:
        return tuple(map(host, value))
    return value.get() if is_on_device(value) else value


def kernels(k: Backend) -> Any:
    """Return the kernels of a backend; those of a device take and return arrays of the host."""
    return k if k.xp is np else KernelsOfDevice(k)


class KernelsOfDevice:
    """The kernels of a device: arrays of the host go up, and results come down."""

    def __init__(self, k: Backend) -> None:
        self.k = k

    def __getattr__(self, name: str) -> Any:
        kernel = getattr(self.k, name)
        return lambda *args: host(kernel(*(self.k.asarray(a) if isinstance(a, np.ndarray) else a for a in args)))


class OfDevice:
    """A layer whose arrays are on a device: arrays of the host go up, and results come down."""

    def __init__(self, layer: Any, k: Backend) -> None:
        self.layer, self.k = layer, k

    def __getattr__(self, name: str) -> Any:
        return host(getattr(self.layer, name))

    def changed(self, **values: Array) -> OfDevice:
        """The layer with other arrays."""
        return OfDevice(replace(self.layer, **{name: self.k.asarray(a) for name, a in values.items()}), self.k)

    def forward(self, k: Backend, x: Array) -> tuple[Array, Any]:
        y, saved = self.layer.forward(k, k.asarray(x))
        return host(y), saved

    def backward(self, k: Backend, d: Array, saved: Any) -> Array:
        return host(self.layer.backward(k, k.asarray(d), saved))

    def gradients(self, k: Backend, d: Array, saved: Any) -> dict[str, Array]:
        return host(self.layer.gradients(k, k.asarray(d), saved))


def on(k: Backend, layer: Any) -> Any:
    """Return a layer with its arrays on that backend; its methods take and return arrays of the host."""
    moved = {name: k.asarray(a) for name, a in arrays(layer).items()}
    layer = replace(layer, **moved) if moved else layer
    return layer if k.xp is np else OfDevice(layer, k)


def changed(layer: Any, **values: Array) -> Any:
    """Return a layer with other arrays, on the host or on a device."""
    return layer.changed(**values) if isinstance(layer, OfDevice) else replace(layer, **values)
