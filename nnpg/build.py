"""From a recipe to a network: weights are drawn once the shape that reaches each layer is known.

`conv(5, 5)` and `dense(20)` say what to make; layers without weights (`Tanh()`, `MaxPool(2)`) stand for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.arguments import Padding
from nnpg.initialisers import INITIALISERS, Initialiser
from nnpg.layers import Conv, Dense, Layer
from nnpg.network import Network
from nnpg_kernels import load

SHORT = {
    "MaxPool": "pool",
    "AvgPool": "avgpool",
    "LocalResponseNorm": "lrn",
}  # names that are not the class's own


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
    I, J = (size, size) if isinstance(size, int) else size
    draw = _initialiser(init)

    def make(rng: np.random.Generator, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Conv:
        if len(shape) != 3:
            raise ValueError(f"conv takes images (C, H, W), but {shape} reaches it: put it before Flatten")
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
    draw = _initialiser(init)

    def make(rng: np.random.Generator, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Dense:
        if len(shape) != 1:
            raise ValueError(f"dense takes vectors (D,), but {shape} reaches it: put Flatten() before it")
        W = draw(rng, (units, shape[0]), shape[0], units).astype(dtype)
        return Dense(W, np.zeros(units, dtype) if bias else None)

    return Recipe("dense", make)


def build(
    recipe: Iterable[Step],
    *,
    input_shape: tuple[int, ...],
    rng: int | np.random.Generator,
    dtype: npt.DTypeLike = np.float32,
    backend: str = "auto",
) -> Network:
    """Make a network; names are given as `("conv1", conv(5, 5))` or generated: conv1, tanh1, pool1, conv2, ...

    Parameters
    ----------
    recipe : layers, recipes, or (name, either)
    input_shape : tuple of int
        Shape of one image, without N: (C, H, W) or (D,).
    rng : int or numpy.random.Generator
        Draws the weights.
    dtype : float32 or float64
    backend : str
        See `nnpg_kernels.load`.

    Raises
    ------
    ValueError
        If a name is used twice or a layer cannot take the shape that reaches it.

    Examples
    --------
    >>> from nnpg import Tanh, MaxPool, Flatten, Softmax
    >>> build([conv(5, 5), Tanh(), MaxPool(2), Flatten(), dense(15), Softmax()], input_shape=(1, 60, 60), rng=0)
    Network (1, 60, 60) -> conv1 -> tanh1 -> pool1 -> flatten1 -> dense1 -> softmax1 (58945 parameters, float32, numba)
    """
    k, rng = load(backend), np.random.default_rng(rng)
    layers: dict[str, Layer] = {}
    shape = tuple(input_shape)
    x = np.zeros((1, *shape), dtype)  # one empty image walks through, so that every shape is the layers' own word
    for step in recipe:
        given, what = step if isinstance(step, tuple) else (None, step)
        kind = what.kind if isinstance(what, Recipe) else _short_name(what)
        count = sum(n.startswith(kind) and n[len(kind) :].isdigit() for n in layers)
        name = given or f"{kind}{count + 1}"
        if name in layers or name == "input":
            raise ValueError(f"two outputs are named {name!r}: give each layer its own name")
        try:
            layer = what.make(rng, shape, dtype) if isinstance(what, Recipe) else what
            x, _ = layer.forward(k, k.asarray(x))
        except (ValueError, IndexError, TypeError) as error:
            raise ValueError(f"layer {name!r} cannot take an input of shape {shape}: {error}") from error
        layers[name], shape = layer, x.shape[1:]
    if not layers:
        raise ValueError("a network needs at least one layer")
    net = Network(layers, tuple(input_shape), load("numpy"))
    return net.to(k) if k is not net.backend else net


def _short_name(layer: Any) -> str:
    kind = type(layer).__name__
    return SHORT.get(kind, kind.lower())


def _initialiser(init: str | Initialiser) -> Initialiser:
    if not isinstance(init, str):
        return init
    if init not in INITIALISERS:
        raise ValueError(f"no initialiser named {init!r}: choose one of {', '.join(INITIALISERS)} or pass a function")
    return INITIALISERS[init]
