"""A plan: which layers of a network run as one, and how their images lie in memory. The layers do not change.

A *block* is a convolution or a dense layer with the activation and the pooling behind it. It has one output that is
ever in memory, its last: `trace[name]` of any other name is computed when it is asked for. What the plan does not
cover (see `Plan.why_not`) runs layer by layer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnpg.layers import Center, Conv, Dense, Flatten, Layer, MaxPool, ReLU, Sigmoid, Softmax, Tanh
from nnpg_kernels import Array, Window

ACTIVATIONS: dict[type[Any], str] = {Tanh: "tanh", ReLU: "relu", Sigmoid: "sigmoid"}
WHOLE = Window((1, 1))  # the pooling of a block that has none


@dataclass(frozen=True)
class Block:
    """Layers that run as one.

    Parameters
    ----------
    names : tuple of str
        Its layers; the first one has the weights, the last one's output is the block's.
    kind : "conv" or "dense"
    x_shape, z_shape, y_shape : tuple of int
        One image going in, behind the weights, and coming out.
    activation : "", "tanh", "relu" or "sigmoid"
    window, pool : Window
        Of a convolution.
    """

    names: tuple[str, ...]
    kind: str
    x_shape: tuple[int, ...]
    z_shape: tuple[int, ...]
    y_shape: tuple[int, ...]
    activation: str = ""
    window: Window = WHOLE
    pool: Window = WHOLE

    @property
    def weights(self) -> str:
        """Name of the layer with the weights."""
        return self.names[0]

    @property
    def name(self) -> str:
        """Name of the output."""
        return self.names[-1]

    @property
    def does(self) -> str:
        """In words."""
        words = ["dense"] if self.kind == "dense" else [f"convolution {self.window.size[0]} x {self.window.size[1]}"]
        words += [self.activation] if self.activation else []
        return ", ".join(words + ([f"pooling {self.pool.size[0]} x {self.pool.size[1]}"] if self.pool != WHOLE else []))


@dataclass(frozen=True, eq=False)
class Plan:
    """Blocks from the input on, and what comes after them.

    Parameters
    ----------
    blocks : tuple of Block
    mean : array or None
        What is taken off each image first, (C, H, W).
    rest : names of the layers behind the last block
    why_not : str
        Why the network, or the rest of it, runs layer by layer; "" where all of it is planned but a last Softmax.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
    ...                  input_shape=(1, 8, 8), rng=0)
    >>> print(net.plan())
    conv1 + tanh1 + pool1   (1, 8, 8) -> (5, 3, 3)   convolution 3 x 3, tanh, pooling 2 x 2
    dense1                  (45,) -> (3,)            dense
    softmax1                                         layer by layer
    """

    blocks: tuple[Block, ...]
    mean: Array | None
    input_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    rest: tuple[str, ...]
    why_not: str = ""

    def __str__(self) -> str:
        rows = [(" + ".join(b.names), f"{_numbers(b.x_shape)} -> {_numbers(b.y_shape)}", b.does) for b in self.blocks]
        rows += [(name, "", "layer by layer") for name in self.rest]
        if self.why_not:
            rows.append(("", "", f"({self.why_not})"))
        wide = [max(len(row[i]) for row in rows) for i in (0, 1)]
        return "\n".join(f"{a:{wide[0]}}   {b:{wide[1]}}   {c}".rstrip() for a, b, c in rows)

    @property
    def last(self) -> str:
        """Name of the last planned output."""
        return self.blocks[-1].name

    def index(self, name: str) -> int:
        """Return which block has that output, -1 for none."""
        return next((i for i, block in enumerate(self.blocks) if block.name == name), -1)

    def at_once(self, N: int, lanes: int) -> int:
        """Return how many of N images make a block: a vector's lanes, or 1 where they would mostly be empty.

        A single image has its lanes along the rows, which needs filters that do not step over columns.
        """
        convolutions = [block for block in self.blocks if block.kind == "conv"]
        alone = convolutions and all(b.window.stride[1] == 1 for b in convolutions) and lanes >= 2 * N
        return 1 if alone else lanes


def make_plan(layers: Mapping[str, Layer], input_shape: tuple[int, ...], dtype: np.dtype[Any]) -> Plan:
    """Group layers into blocks, as far as there are kernels for them."""
    shape, blocks, mean, why = input_shape, [], None, ""
    names = list(layers)
    taken = 0
    if dtype not in (np.float32, np.float64):
        return Plan((), None, input_shape, dtype, tuple(names), f"the weights are {dtype}, not float32 or float64")
    if names and isinstance(layers[names[0]], Center):
        mean = np.ascontiguousarray(np.broadcast_to(layers[names[0]].mean, input_shape), dtype)  # type: ignore[attr-defined]
        taken = 1
    while taken < len(names):
        name, layer = names[taken], layers[names[taken]]
        if isinstance(layer, Flatten) and len(shape) > 1:
            shape, taken = (math.prod(shape),), taken + 1
            continue
        why = _obstacle(name, layer, shape)
        if why:
            break
        block = _block(names[taken:], layers, shape)
        blocks.append(block)
        shape, taken = block.y_shape, taken + len(block.names)
    rest = tuple(names[taken:])
    if len(rest) == 1 and isinstance(layers[rest[0]], Softmax):
        why = ""
    return Plan(tuple(blocks), mean, input_shape, dtype, rest, why or ("" if blocks else "it has no weights"))


def _obstacle(name: str, layer: Layer, shape: tuple[int, ...]) -> str:
    """Why no block can begin here."""
    if isinstance(layer, Conv):
        if layer.groups != 1:
            return f"{name} has groups"
        if layer.window.size[1] > 7:
            return f"{name} has filters more than 7 columns wide"
        return "" if len(shape) == 3 else f"{name} does not take images"
    if isinstance(layer, Dense):
        return "" if len(shape) == 1 else f"{name} does not take one row an image"
    return f"{name} ({type(layer).__name__}) begins no block"


def _block(names: Sequence[str], layers: Mapping[str, Layer], shape: tuple[int, ...]) -> Block:
    """The block that begins with the first of these layers."""
    first = layers[names[0]]
    own, act, pool = [names[0]], "", None
    for name in names[1:]:
        layer = layers[name]
        if type(layer) in ACTIVATIONS and not act:
            act = ACTIVATIONS[type(layer)]
        elif (
            isinstance(layer, MaxPool)
            and isinstance(first, Conv)
            and pool is None
            and math.prod(layer.window.size) < 128
        ):
            pool = layer.window
        else:
            break
        own.append(name)
    if isinstance(first, Conv):
        z = (len(first.W), *first.window.output_shape(*shape[1:]))
        window = pool or WHOLE
        y = (z[0], *window.output_shape(*z[1:]))
        return Block(tuple(own), "conv", shape, z, y, act, first.window, window)
    assert isinstance(first, Dense)
    y_dense = (len(first.W),)
    return Block(tuple(own), "dense", shape, y_dense, y_dense, act)


def _numbers(shape: tuple[int, ...]) -> str:
    return str(tuple(int(n) for n in shape))
