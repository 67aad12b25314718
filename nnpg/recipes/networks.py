"""From a recipe to a network: the weights of a layer are drawn when the shape of its input is known.

A recipe is a list: `conv(5, 5)` and `dense(20)` describe layers to be made, layers without weights (`Tanh()`,
`MaxPool(2)`) are used as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.layers import Conv, Dense, Layer, arrays
from nnpg.layers.shapes import is_built_in
from nnpg.network import INPUT, Network
from nnpg.recipes.initialisers import Initialiser, as_initialiser
from nnpg.support.arguments import (
    Padding,
    as_count,
    as_dtype,
    as_flag,
    as_generator,
    as_pair,
    as_shape,
    as_sides,
    described,
    is_on_device,
)
from nnpg.support.network_arguments import as_backend, as_layer
from nnpg_kernels import Array, Backend, load

SHORT_NAMES = {"MaxPool": "pool", "AvgPool": "avgpool", "LocalResponseNorm": "lrn"}  # others: the class's name


@dataclass(frozen=True)
class Recipe:
    """A layer to be made: `make(rng, shape, dtype)` draws its weights for inputs of that shape."""

    kind: str
    make: Callable[[np.random.Generator, tuple[int, ...], npt.DTypeLike], Layer]


Step: TypeAlias = Layer | Recipe | tuple[str, Layer | Recipe]


def conv(
    filters: int,
    size: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    bias: bool = True,
    init: str | Initialiser = "glorot",
) -> Recipe:
    """Return the recipe of a convolution with `filters` filters of `size` pixels, biases 0.

    Parameters
    ----------
    filters : int
    size : int or (rows, columns), in pixels
    stride, padding, dilation, groups
        As in `Conv`.
    bias : bool
    init : "glorot", "lecun", "he" or an initialiser

    Examples
    --------
    >>> net = build([conv(8, 5, padding=2)], input_shape=(3, 32, 32), rng=0)
    >>> net.layers["conv1"].W.shape
    (8, 3, 5, 5)
    """
    filters, groups = as_count(filters, "filters"), as_count(groups, "groups")
    I, J = as_pair(size, "size")
    stride, padding, dilation = as_pair(stride, "stride"), as_sides(padding, "padding"), as_pair(dilation, "dilation")
    bias, draw = as_flag(bias, "bias"), as_initialiser(init)

    def make(rng: np.random.Generator, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Conv:
        if len(shape) != 3:
            raise ValueError(f"conv takes images (C, H, W), not {shape}: put it before Flatten")
        if shape[0] % groups or filters % groups:
            raise ValueError(f"conv cannot split {shape[0]} channels and {filters} filters into {groups} groups")
        C = shape[0] // groups
        W = draw(rng, (filters, C, I, J), C * I * J, filters // groups * I * J).astype(dtype)
        return Conv(W, np.zeros(filters, dtype) if bias else None, stride, padding, dilation, groups)

    return Recipe("conv", make)


def dense(units: int, *, bias: bool = True, init: str | Initialiser = "glorot") -> Recipe:
    """Return the recipe of a dense layer with `units` units, biases 0.

    Examples
    --------
    >>> build([dense(20)], input_shape=(160,), rng=0).layers["dense1"].W.shape
    (20, 160)
    """
    units, bias, draw = as_count(units, "units"), as_flag(bias, "bias"), as_initialiser(init)

    def make(rng: np.random.Generator, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Dense:
        if len(shape) != 1:
            raise ValueError(f"dense takes vectors (D,), not {shape}: put Flatten() before it")
        W = draw(rng, (units, shape[0]), shape[0], units).astype(dtype)
        return Dense(W, np.zeros(units, dtype) if bias else None)

    return Recipe("dense", make)


def build(
    recipe: Iterable[Step],
    *,
    input_shape: tuple[int, ...],
    dtype: npt.DTypeLike = np.float32,
    backend: str = "auto",
    rng: int | np.random.Generator,
) -> Network:
    """Make a network from a recipe.

    A layer is named by a pair such as `("conv1", conv(5, 5))`, or else by its kind and a number: conv1, tanh1, pool1,
    conv2, ...

    Parameters
    ----------
    recipe : list of layers, of recipes of layers, or of pairs (name, either)
    input_shape : tuple of int
        Shape of one image, without N: (C, H, W) or (D,).
    dtype : float32 or float64
    backend : str
        See `nnpg_kernels.load`.
    rng : int or numpy.random.Generator
        Draws the weights.

    Raises
    ------
    ValueError
        If a name is used twice or a layer cannot take the shape of its input.

    Examples
    --------
    >>> from nnpg import Tanh, MaxPool, Flatten, Softmax
    >>> build([conv(5, 5), Tanh(), MaxPool(2), Flatten(), dense(15), Softmax()], input_shape=(1, 60, 60), rng=0)
    Network (1, 60, 60) -> conv1 -> tanh1 -> pool1 -> flatten1 -> dense1 -> softmax1 (58945 parameters, float32, numba)
    """
    steps = _steps(recipe)
    shape = input_shape = as_shape(input_shape, "input_shape")
    k, numpy_backend, rng, dtype = as_backend(backend), load("numpy"), as_generator(rng), as_dtype(dtype)
    layers: dict[str, Layer] = {}
    x = np.zeros((1, *shape), dtype)  # one image of zeros is computed, so that the layers themselves give the shapes
    for chosen_name, step in steps:
        kind = step.kind if isinstance(step, Recipe) else _short_name(step)
        count = sum(n.startswith(kind) and n[len(kind) :].isdigit() for n in layers)
        name = chosen_name or f"{kind}{count + 1}"
        if name in layers or name == INPUT:
            raise ValueError(f"two outputs are named {name!r}: give each layer another name")
        try:
            layer = step.make(rng, shape, dtype) if isinstance(step, Recipe) else step
            x = _output(layer, x, numpy_backend if is_built_in(layer) and not _on_device(layer) else k)
        except (ValueError, IndexError, TypeError) as error:
            raise ValueError(f"layer {name!r} cannot take an input of shape {shape}: {error}") from error
        layers[name], shape = layer, x.shape[1:]
    net = Network(layers, input_shape, numpy_backend)
    return net.to(k) if k is not net.backend else net


def _on_device(layer: Layer) -> bool:
    return any(map(is_on_device, arrays(layer).values()))


def _output(layer: Any, x: Array, k: Backend) -> Array:
    """Return a layer's output for one image of the host, computed by this backend."""
    values = arrays(layer) if k.xp is not np else {}
    layer = replace(layer, **{name: k.asarray(a) for name, a in values.items()}) if values else layer
    return k.to_numpy(layer.forward(k, k.asarray(x))[0])


def _steps(recipe: Any) -> list[tuple[str | None, Any]]:
    """Return each layer or recipe with its chosen name, or None."""
    expected = "recipe must be a list of layers, recipes, or (name, either)"
    if isinstance(recipe, str | bytes | Mapping | set) or not isinstance(recipe, Iterable):
        raise TypeError(f"{expected}, not {described(recipe)}")
    steps = []
    for n, entry in enumerate(recipe):
        name, step = entry if isinstance(entry, tuple) and len(entry) == 2 else (None, entry)
        if not isinstance(name, str | None) or name == "":
            raise TypeError(f"{expected}: the name of layer {n} must be a string, not {described(name)}")
        if not isinstance(step, Recipe):
            as_layer(step, f"layer {n} of the recipe")
        steps.append((name, step))
    if not steps:
        raise ValueError(f"{expected}, at least one, not {described(recipe)}")
    return steps


def _short_name(layer: Any) -> str:
    kind = type(layer).__name__
    return SHORT_NAMES.get(kind, kind.lower())
