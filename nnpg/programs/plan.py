"""A plan: which layers of a network run as one, and the weights they read. The layers do not change.

A *block* is a convolution or a dense layer with the activation and the pooling after it. Only its last output is in
memory; the outputs before it are computed when they are needed. A last Softmax or Sigmoid is the *head* and belongs to
no block, because losses and seeds are simplest before it. A Dropout without a mask does nothing. Layers that the plan
does not cover (see `Plan.why_not`) run layer by layer. A plan is the same for all backends; the limits of a backend's
kernels are stated with its programs.

Layers are recognised by their exact type, because a subclass may have other passes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnpg.layers import Center, Conv, Dense, Dropout, Flatten, Layer, MaxPool, ReLU, Sigmoid, Softmax, Tanh
from nnpg.network import Network, as_network
from nnpg.programs import guards
from nnpg.programs.planned_blocks import WHOLE, Block, Place
from nnpg_kernels import Array, Window

ACTIVATIONS: dict[type[Any], str] = {Tanh: "tanh", ReLU: "relu", Sigmoid: "sigmoid"}
HEADS: dict[type[Any], str] = {Softmax: "softmax", Sigmoid: "sigmoid"}


@dataclass(frozen=True, eq=False)
class Plan:
    """Blocks from the input on, and the layers after them.

    Parameters
    ----------
    blocks : tuple of Block
    mean : array or None
        Subtracted from each image first, (C, H, W).
    rest : names of the layers after the last block
    why_not : str
        Why the network, or the rest of it, runs layer by layer; "" if all of it except the head is planned.
    weights : dict
        weights["conv1"]["W"], for each block: the layer's own array, or a copy of the plan's type (see `guards`).
    places : dict
        places["tanh1"], for "input" and each planned output.
    head : "", "softmax" or "sigmoid"
        The last layer, after the blocks.
    work_of_rest : int
        Multiply-adds per image of the convolutions and dense layers after the last block.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
    ...                  input_shape=(1, 8, 8), rng=0)
    >>> print(plan_of(net))
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
    weights: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    head: str = ""
    work_of_rest: int = 0

    @property
    def work(self) -> int:
        """Multiply-adds per image of the blocks."""
        return sum(math.prod(b.z_shape[1:]) * self.weights[b.weights]["W"].size for b in self.blocks)

    @property
    def cost(self) -> str:
        """What it costs that a layer is in no block, in words; "" where all of the network is planned."""
        total = self.work + self.work_of_rest
        if not self.why_not or not self.blocks:
            return self.why_not
        return (
            f"{self.why_not}: no program runs this network. Its {total:,} multiply-adds per image are computed layer "
            f"by layer, {self.work_of_rest / total:.0%} of them after the last block"
        )

    def __str__(self) -> str:
        rows = [(" + ".join(b.names), f"{_numbers(b.x_shape)} -> {_numbers(b.y_shape)}", b.does) for b in self.blocks]
        rows += [(name, "", "layer by layer") for name in self.rest]
        wide = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
        lines = [f"{a:{wide[0]}}   {b:{wide[1]}}   {c}".rstrip() for a, b, c in rows]
        return "\n".join([*lines, self.cost] if self.cost else lines)

    @property
    def last(self) -> str:
        """Name of the last planned output."""
        return self.blocks[-1].name

    def index(self, name: str) -> int:
        """Return the index of the block with that output, if the output has the block's shape; -1 otherwise."""
        place = self.places.get(name)
        if place is None or place.inner or place.block < 0 or place.shape != self.blocks[place.block].y_shape:
            return -1
        return place.block

    def at_once(self, N: int, lanes: int) -> int:
        """Return how many of N images a block holds: a vector's lanes, or 1 if half of the lanes or more were empty.

        The lanes of a single image are pixels of a row, which needs filters with a column stride of 1.
        """
        convolutions = [block for block in self.blocks if block.kind == "conv"]
        single = convolutions and all(b.window.stride[1] == 1 for b in convolutions) and lanes >= 2 * N
        return 1 if single else lanes


def plan_of(net: Network) -> Plan:
    """Return the plan of a network: which layers run as one, and how. Print it to read it.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Tanh()], input_shape=(2,), rng=0)
    >>> print(plan_of(net))
    dense1 + tanh1   (2,) -> (3,)   dense, tanh
    """
    key = _reads(as_network(net).layers, net.input_shape)
    cached = net.__dict__.get("_plan")  # a plan is valid for the arrays that it has read
    if cached is None or len(cached[0]) != len(key) or not all(map(operator.is_, cached[0], key)):
        cached = net.__dict__["_plan"] = key, make_plan(net.layers, net.input_shape, net.dtype, net.shapes)
    return cached[1]


def make_plan(
    layers: Mapping[str, Layer],
    input_shape: tuple[int, ...],
    dtype: np.dtype[Any],
    shapes: Mapping[str, tuple[int, ...]],
) -> Plan:
    """Group layers into blocks, up to the first layer that fits in none; `shapes` are those of their outputs."""
    names, weights = list(layers), {}
    blocks: list[Block] = []
    shape, mean, taken, why = input_shape, None, 0, ""
    places = {"input": Place(-1, shape)}
    try:
        if names and type(layers[names[0]]) is Center:
            mean, taken = _mean(names[0], layers[names[0]], input_shape, dtype), 1
            places[names[0]] = Place(-1, shape)
        while taken < len(names):
            name, layer = names[taken], layers[names[taken]]
            if type(layer) is Flatten or _does_nothing(layer):
                shape = (math.prod(shape),) if type(layer) is Flatten else shape
                places[name], taken = Place(len(blocks) - 1, shape), taken + 1
                continue
            weights[name] = _weights(name, layer, shape, dtype)
            block = _block(names[taken:], layers, shape)
            places |= _places(block, layers, len(blocks))
            blocks.append(block)
            shape, taken = block.y_shape, taken + len(block.names)
    except ValueError as error:
        why = str(error)
    rest = tuple(names[taken:])
    head = HEADS.get(type(layers[rest[0]]), "") if len(rest) == 1 else ""
    why = "" if head else why
    why = why or ("" if blocks else "it has no weights")
    of_blocks = {block.weights: weights[block.weights] for block in blocks}
    work = sum(_work(layers[name], shapes[name]) for name in rest)
    return Plan(tuple(blocks), mean, input_shape, dtype, rest, why, of_blocks, places, head, work)


def _work(layer: Any, shape: tuple[int, ...]) -> int:
    """Return the multiply-adds per image of a layer with weights, from the shape of its output."""
    return math.prod(shape[1:]) * int(layer.W.size) if type(layer) in (Conv, Dense) else 0


def _does_nothing(layer: Any) -> bool:
    return type(layer) is Dropout and layer.key is None


def _places(block: Block, layers: Mapping[str, Layer], i: int) -> dict[str, Place]:
    """Return the places of the outputs of a block's layers."""
    places, activation, pool = {}, False, False
    for name in reversed(block.names):
        places[name] = Place(i, block.z_shape if pool else block.y_shape, activation, pool)
        activation |= type(layers[name]) in ACTIVATIONS
        pool |= type(layers[name]) is MaxPool
    return dict(reversed(places.items()))


def _reads(layers: Mapping[str, Layer], input_shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return all that `make_plan` reads of a network; a plan is valid while all of it is identical."""
    return (input_shape, *(part for name, layer in layers.items() for part in (name, layer, *_arrays(layer))))


def _arrays(layer: Any) -> tuple[Any, ...]:
    if type(layer) in (Conv, Dense):
        return layer.W, layer.b
    return (layer.mean,) if type(layer) is Center else ()


def _mean(name: str, layer: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return the mean that is subtracted from every image."""
    mean = guards.parameter(f"{name}.mean", layer.mean, np.shape(layer.mean), dtype)
    return guards.ordered(np.broadcast_to(mean, shape), dtype)


def _weights(name: str, layer: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> dict[str, Array]:
    """Return the arrays of the first layer of a block; a ValueError says why no block can begin here."""
    if type(layer) is Conv:
        if len(shape) != 3:
            raise ValueError(f"{name} does not take images")
        layer.window.output_shape(*shape[1:])
        expected: tuple[int, ...] = (len(layer.W), shape[0] // layer.groups, *layer.window.size)
        if shape[0] % layer.groups or len(layer.W) % layer.groups:
            raise ValueError(f"{name} cannot split {shape[0]} channels into {layer.groups} groups")
    elif type(layer) is Dense:
        if len(shape) != 1:
            raise ValueError(f"{name} does not take one row per image")
        expected = (len(layer.W), *shape)
    else:
        raise ValueError(f"{name} ({type(layer).__name__}) begins no block")
    read = {"W": (layer.W, expected)} | ({} if layer.b is None else {"b": (layer.b, expected[:1])})
    return {p: guards.parameter(f"{name}.{p}", a, a_shape, dtype) for p, (a, a_shape) in read.items()}


def _block(names: Sequence[str], layers: Mapping[str, Layer], shape: tuple[int, ...]) -> Block:
    """Return the block that begins with the first of these layers."""
    first: Any = layers[names[0]]
    convolves = type(first) is Conv
    z = (len(first.W), *(first.window.output_shape(*shape[1:]) if convolves else ()))
    members, activation, pool = [names[0]], "", None
    for name in names[1:]:
        layer: Any = layers[name]
        if type(layer) in HEADS and name == names[-1]:
            break
        if type(layer) in ACTIVATIONS and not activation:
            activation = ACTIVATIONS[type(layer)]
        elif type(layer) is MaxPool and convolves and pool is None and _fits(layer.window, z):
            pool = layer.window
        elif not _does_nothing(layer):
            break
        members.append(name)
    if not convolves:
        return Block(tuple(members), "dense", shape, z, z, activation)
    window = pool or WHOLE
    y = (z[0], *window.output_shape(*z[1:]))
    return Block(tuple(members), "conv", shape, z, y, activation, first.window, window, first.groups)


def _fits(window: Window, maps: tuple[int, ...]) -> bool:
    try:
        window.output_shape(*maps[1:])
    except ValueError:
        return False
    return True


def _numbers(shape: tuple[int, ...]) -> str:
    return str(tuple(int(n) for n in shape))
