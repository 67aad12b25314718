"""Units and weights by name: "conv2:3,4,5" is a unit of the output conv2, "conv2.W:3,1,0,2" a weight of its layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from nnpg.network import Network
from nnpg.support.arguments import as_text, described

Index: TypeAlias = tuple[int, ...]


def as_unit(net: Network, unit: str) -> tuple[str, Index]:
    """Return the output of a unit, and its index there.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 3)], input_shape=(1, 8, 8), rng=0)
    >>> as_unit(net, "conv1:4,0,5")
    ('conv1', (4, 0, 5))
    >>> as_unit(net, "conv1:4,0")
    Traceback (most recent call last):
    ...
    ValueError: unit must be one of conv1:0,0,0 .. conv1:4,5,5, as conv1 is (5, 6, 6) for one image, not 'conv1:4,0'
    """
    name, index = _parts(unit, "unit", "the name of an output and an index, such as 'input:0,0,0'")
    if name not in net.names:
        raise KeyError(f"unit: no output named {name!r}; this network has {', '.join(net.names)}")
    return name, _as_index(index, net.shapes[name], name, "unit", unit, f"{name} is {net.shapes[name]} for one image")


def as_weight(net: Network, weight: str) -> tuple[str, str, Index]:
    """Return the layer of a weight, its parameter, and its index there.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 3)], input_shape=(1, 8, 8), rng=0)
    >>> as_weight(net, "conv1.W:4,0,2,1")
    ('conv1', 'W', (4, 0, 2, 1))
    >>> as_weight(net, "conv1.V:4,0,2,1")
    Traceback (most recent call last):
    ...
    KeyError: "weight: no parameter named 'conv1.V'; this network has conv1.W, conv1.b"
    """
    arrays = {f"{layer}.{p}": (layer, p, a.shape) for layer, of in net.parameters.items() for p, a in of.items()}
    if not arrays:
        raise ValueError(f"weight: this network has no parameters, and {described(weight)} was given: explain a unit")
    name, index = _parts(weight, "weight", f"the name of a parameter and an index, such as '{next(iter(arrays))}:0,0'")
    if name not in arrays:
        raise KeyError(f"weight: no parameter named {name!r}; this network has {', '.join(arrays)}")
    layer, p, shape = arrays[name]
    return layer, p, _as_index(index, shape, name, "weight", weight, f"{name} is {shape}")


def address(name: str, index: Iterable[int]) -> str:
    """Return the name of a unit or a weight.

    Examples
    --------
    >>> address("conv2", (3, 4, 5))
    'conv2:3,4,5'
    """
    return f"{name}:{','.join(str(int(i)) for i in index)}"


def _parts(text: str, argument: str, expected: str) -> tuple[str, str]:
    name, colon, index = as_text(text, argument).rpartition(":")
    if not colon:
        raise ValueError(f"{argument} must be {expected}, not {described(text)}: put a colon between the two")
    return name.strip(), index


def _as_index(index: str, shape: Index, name: str, argument: str, text: str, sizes: str) -> Index:
    words = [word.strip() for word in index.split(",")]
    if len(words) == len(shape) and all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        numbers = tuple(int(word) for word in words)
        if all(i < size for i, size in zip(numbers, shape, strict=True)):
            return numbers
    first, last = address(name, [0] * len(shape)), address(name, [size - 1 for size in shape])
    raise ValueError(f"{argument} must be one of {first} .. {last}, as {sizes}, not {described(text)}")
