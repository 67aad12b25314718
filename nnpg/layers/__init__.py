"""A layer is three pure methods: forward, backward, gradients.

    y, saved = layer.forward(k, x)              y = f(x; W, b)
    dx       = layer.backward(k, delta, saved)  dL/dx = (dy/dx)' delta        delta is dL/dy
    grads    = layer.gradients(k, delta, saved) dL/dW = (dy/dW)' delta        {} where there are no parameters

`k` is the kernel backend. Layers are frozen dataclasses of arrays and hyper-parameters and keep nothing of a
pass: what backward needs is returned as `saved`. backward and gradients are linear in delta, whose leading axes
(one for each seed) broadcast: delta (S, N, ...) gives dx (S, N, ...) and dW (S, ...).

Where to read: `linear` (Dense, Conv, Flatten, Center), `activation` (Tanh, ReLU, Sigmoid, Step, Softmax),
`pooling` (MaxPool, AvgPool), `regularising` (Dropout, LocalResponseNorm).
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from nnpg.layers.activation import ReLU, Sigmoid, Softmax, Step, Tanh
from nnpg.layers.linear import Center, Conv, Dense, Flatten
from nnpg.layers.pooling import AvgPool, MaxPool
from nnpg.layers.regularising import Dropout, LocalResponseNorm
from nnpg_kernels import Array, Backend

__all__ = [
    "LAYERS",
    "AvgPool",
    "Center",
    "Conv",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LocalResponseNorm",
    "MaxPool",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Step",
    "Tanh",
    "arrays",
    "hyper_parameters",
    "parameters",
]


@runtime_checkable
class Layer(Protocol):
    """The methods that every layer has. Your own layer is any frozen dataclass with these three methods."""

    parameters: ClassVar[tuple[str, ...]]  # names of the fields that are learned: ("W", "b") or ()

    def forward(self, k: Backend, x: Array) -> tuple[Array, Any]: ...
    def backward(self, k: Backend, delta: Array, saved: Any) -> Array: ...
    def gradients(self, k: Backend, delta: Array, saved: Any) -> dict[str, Array]: ...


_ALL = [Dense, Conv, Flatten, Center, Tanh, ReLU, Sigmoid, Step, Softmax, MaxPool, AvgPool, Dropout, LocalResponseNorm]
LAYERS: dict[str, type[Any]] = {layer.__name__: layer for layer in _ALL}


def parameters(layer: Layer) -> dict[str, Array]:
    """Return the learned arrays of a layer by name; a missing bias is left out.

    Examples
    --------
    >>> parameters(Tanh())
    {}
    """
    return {name: getattr(layer, name) for name in layer.parameters if getattr(layer, name) is not None}


def arrays(layer: Layer) -> dict[str, Array]:
    """Return every array of a layer by name, learned or not; none of a layer that is no dataclass.

    Examples
    --------
    >>> import numpy as np
    >>> arrays(Center(np.array(0.5)))
    {'mean': array(0.5)}
    """
    names: list[str] = [f.name for f in fields(layer)] if is_dataclass(layer) else []
    values = {name: getattr(layer, name) for name in names}
    return {name: value for name, value in values.items() if _is_array(value)}


def hyper_parameters(layer: Layer) -> dict[str, Any]:
    """Return every field of a layer that is not an array.

    Examples
    --------
    >>> hyper_parameters(MaxPool(3, stride=2))
    {'size': (3, 3), 'stride': (2, 2), 'padding': (0, 0, 0, 0)}
    """
    values = {f.name: getattr(layer, f.name) for f in fields(layer)}  # type: ignore[arg-type]
    return {n: v for n, v in values.items() if n not in layer.parameters and not _is_array(v)}


def _is_array(value: Any) -> bool:
    """Whether a field is an array; a NumPy scalar is a hyper-parameter."""
    return hasattr(value, "dtype") and not isinstance(value, np.generic)
