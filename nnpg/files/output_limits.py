"""Limits on the outputs of the network in a file: each layer must take its input, and no output may be too large."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.files.text import shown
from nnpg.layers import Layer
from nnpg.layers.shapes import is_built_in, output_shapes, working_size
from nnpg_kernels import Backend, load

Shape = tuple[int, ...]


def check_outputs(layers: Mapping[str, Any], input_shape: Shape, largest_output: int) -> None:
    """Compute the shape of each output by arithmetic, up to the first layer that is not nnpg's own.

    Raises
    ------
    ValueError
        At the first layer that cannot take its input, or whose output is too large.
    """
    _check_size("input", math.prod(input_shape), largest_output)
    shape = input_shape
    for name, layer in layers.items():
        if not is_built_in(layer):
            return
        shape = _checked_output(name, layer, shape, largest_output)


def check_user_outputs(
    layers: Mapping[str, Layer], input_shape: Shape, largest_output: int, dtype: npt.DTypeLike, k: Backend
) -> None:
    """Check the outputs of a network with layers that are not nnpg's own: a forward pass of zeros shows their shapes.

    Raises
    ------
    ValueError
        As `check_outputs`, or if the forward pass of a layer fails.
    """
    k = load("numpy") if k.xp is np else k  # compile nothing
    shape = input_shape
    for name, layer in layers.items():
        if is_built_in(layer):
            shape = _checked_output(name, layer, shape, largest_output)
            continue
        try:
            with np.errstate(all="ignore"):
                y, _ = layer.forward(k, k.xp.zeros((1, *shape), dtype))
            one, *output = y.shape
        except Exception as error:  # whatever the user's class raises
            kind = type(layer).__name__
            raise ValueError(
                f"layer {name!r} ({kind}) cannot take an input of shape {shape}: {shown(str(error), 300)}"
            ) from error
        if one != 1:
            raise ValueError(f"layer {name!r} ({type(layer).__name__}) makes {one} outputs of one image")
        shape = tuple(map(int, output))
        _check_size(name, math.prod(shape), largest_output)


def _checked_output(name: str, layer: Layer, shape: Shape, largest_output: int) -> Shape:
    """Return the shape of the output of one of nnpg's own layers."""
    try:
        output, size = output_shapes({name: layer}, shape)[name], working_size(layer, shape)
    except ValueError as error:
        raise ValueError(f"the arrays do not fit the architecture: {error}") from error
    _check_size(name, size, largest_output)
    return output


def _check_size(name: str, size: int, largest_output: int) -> None:
    if size > largest_output:
        raise ValueError(
            f"{name!r} would hold {shown(size)} numbers for one image; the limit is {largest_output} "
            "(load_network(path, largest_output=...) raises it)"
        )
