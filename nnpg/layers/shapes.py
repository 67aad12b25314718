"""The shape of every output by arithmetic, without a forward pass.

A shape is that of one image, without N: (C, H, W) for maps, (D,) for a vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from nnpg.layers import LAYERS, AvgPool, Center, Conv, Dense, Flatten, Layer, LocalResponseNorm, MaxPool

Shape = tuple[int, ...]


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """Return the output shape of one of nnpg's own layers for an input of this shape.

    Parameters
    ----------
    layer : Layer
        Of a class in `nnpg.layers.LAYERS`, not of a subclass.
    shape : tuple of int
        Of one image, without N.

    Raises
    ------
    ValueError
        If the layer cannot take that shape.
    TypeError
        If the layer is not one of nnpg's own, whose output shape only a forward pass shows.

    Examples
    --------
    >>> output_shape(MaxPool(2), (5, 56, 56))
    (5, 28, 28)
    """
    if not is_built_in(layer):
        raise TypeError(f"{type(layer).__name__} is not one of nnpg's layers: its shapes are known by its forward pass")
    return _RULES.get(type(layer), _same)(layer, shape)


def output_shapes(layers: Mapping[str, Layer], input_shape: Shape) -> dict[str, Shape]:
    """Return the shape of every output by name, "input" first.

    Raises
    ------
    ValueError
        If a layer cannot take its input; the message names the layer.

    Examples
    --------
    >>> output_shapes({"pool1": MaxPool(2), "flatten1": Flatten()}, (1, 4, 4))
    {'input': (1, 4, 4), 'pool1': (1, 2, 2), 'flatten1': (4,)}
    """
    shape = tuple(input_shape)
    shapes = {"input": shape}
    for name, layer in layers.items():
        try:
            shapes[name] = shape = output_shape(layer, shape)
        except ValueError as error:
            kind = type(layer).__name__
            raise ValueError(f"layer {name!r} ({kind}) cannot take an input of shape {shape}: {error}") from error
    return shapes


def working_size(layer: Layer, shape: Shape) -> int:
    """Return how many numbers the largest array of a layer's forward pass holds for one image.

    That is its output, its input within the margin of zeros, or the table of neighbours of a LocalResponseNorm.

    Examples
    --------
    >>> working_size(MaxPool(3, stride=3, padding=1), (1, 4, 4))     # 6 x 6 with the margin
    36
    """
    sizes = [math.prod(output_shape(layer, shape))]
    if isinstance(layer, Conv | MaxPool | AvgPool):
        top, bottom, left, right = layer.window.padding
        sizes.append(shape[0] * (shape[1] + top + bottom) * (shape[2] + left + right))
    if isinstance(layer, LocalResponseNorm):
        sizes.append(shape[0] ** 2)
    return max(sizes)


def is_built_in(layer: Any) -> bool:
    """Whether a layer is of one of nnpg's own classes; a subclass may compute anything.

    Examples
    --------
    >>> is_built_in(Flatten())
    True
    """
    return LAYERS.get(type(layer).__name__) is type(layer)


def _same(layer: Any, shape: Shape) -> Shape:
    return shape


def _dense(layer: Dense, shape: Shape) -> Shape:
    F, D = layer.W.shape
    if shape != (D,):
        raise ValueError(f"its W {layer.W.shape} takes vectors ({D},)")
    return (F,)


def _conv(layer: Conv, shape: Shape) -> Shape:
    F, C, _, _ = layer.W.shape
    _must_be_maps(shape)
    if shape[0] != C * layer.groups:
        split = "" if layer.groups == 1 else f" in {layer.groups} groups"
        raise ValueError(f"its W {layer.W.shape}{split} takes maps of {C * layer.groups} channels")
    return (F, *layer.window.output_shape(*shape[1:]))


def _pool(layer: MaxPool | AvgPool, shape: Shape) -> Shape:
    _must_be_maps(shape)
    return (shape[0], *layer.window.output_shape(*shape[1:]))


def _normalised(layer: LocalResponseNorm, shape: Shape) -> Shape:
    _must_be_maps(shape)
    return shape


def _flatten(layer: Flatten, shape: Shape) -> Shape:
    return (math.prod(shape),)


def _center(layer: Center, shape: Shape) -> Shape:
    mean = layer.mean.shape
    one_image = mean[1:] if len(mean) == len(shape) + 1 and mean[0] == 1 else mean
    ends = shape[len(shape) - len(one_image) :] if len(one_image) <= len(shape) else ()
    if len(one_image) > len(shape) or any(m not in (1, s) for m, s in zip(one_image, ends, strict=True)):
        raise ValueError(f"its mean {mean} is neither one number, nor one per channel, nor one per pixel")
    return shape


def _must_be_maps(shape: Shape) -> None:
    if len(shape) != 3:
        raise ValueError("it takes maps (C, H, W)")


_RULES: dict[type[Any], Callable[[Any, Shape], Shape]] = {
    Dense: _dense,
    Conv: _conv,
    MaxPool: _pool,
    AvgPool: _pool,
    LocalResponseNorm: _normalised,
    Flatten: _flatten,
    Center: _center,
}
