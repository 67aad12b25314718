"""The architecture in the header of a file: every field is checked before a layer is made from it.

{"name": "conv1", "layer": "Conv", "stride": [1, 1], ..., "arrays": ["W", "b"]}

Layers that are not nnpg's own have entries of another form: `user_layers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from nnpg.files.output_limits import Shape, check_outputs
from nnpg.files.text import shown
from nnpg.files.user_layers import check_user_entry, is_user_name, user_entry, user_layer
from nnpg.layers import (
    LAYERS,
    AvgPool,
    Center,
    Conv,
    Dense,
    Dropout,
    Layer,
    LocalResponseNorm,
    MaxPool,
    Step,
    arrays,
    hyper_parameters,
)
from nnpg.layers.shapes import is_built_in
from nnpg_kernels import Array

LARGEST_OUTPUT = 100_000_000  # numbers in one output for one image, such as 64 maps of 1,250 x 1,250 pixels
MOST_LAYERS = 10_000
MOST_AXES = 8
LONGEST_NAME = 100
LARGEST_NUMBER = 2**31 - 1  # pixels, maps or groups
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class ArrayKind(NamedTuple):
    """Shape and type of an array, known before it is read."""

    shape: Shape
    dtype: np.dtype[Any]


class Rule(NamedTuple):
    """The values that a field may have: in words, and as a condition."""

    words: str
    holds: Callable[[Any], bool]


def layers_as_json(layers: Mapping[str, Layer]) -> list[dict[str, Any]]:
    """Return one JSON object per layer.

    Raises
    ------
    ValueError
        If a file cannot hold a layer that is not nnpg's own; see `user_entry`.
    """
    return [_entry(name, layer) if is_built_in(layer) else user_entry(name, layer) for name, layer in layers.items()]


def _entry(name: str, layer: Layer) -> dict[str, Any]:
    return {"name": name, "layer": type(layer).__name__, **layer_settings(layer), "arrays": sorted(arrays(layer))}


def layer_settings(layer: Layer) -> dict[str, Any]:
    """Return the settings of a layer as Python's own numbers, which JSON can hold.

    Examples
    --------
    >>> layer_settings(Dropout(np.float64(0.5)))
    {'rate': 0.5, 'key': None}
    """
    settings = {name: v.item() if isinstance(v, np.generic) else v for name, v in hyper_parameters(layer).items()}
    return {name: int(value) if isinstance(value, bool) else value for name, value in settings.items()}


def check_architecture(
    about: Mapping[str, Any],
    kinds: Mapping[str, ArrayKind],
    largest_output: int = LARGEST_OUTPUT,
    user_classes: Mapping[str, type[Any]] | None = None,
) -> None:
    """Compare a header with the arrays that belong to it, by arithmetic alone.

    Parameters
    ----------
    about : mapping
        Has the keys input_shape and architecture.
    kinds : mapping
        Shape and dtype of every array by its name in the file, "conv1.W".
    largest_output : int
        Upper limit on the numbers in one output for one image.
    user_classes : mapping, optional
        Classes of layers that are not nnpg's own, by dotted name. None: such layers are not to be made, and only the
        form of their entries is checked. Outputs are checked up to the first of them.

    Raises
    ------
    ValueError
        If a field is missing, unknown or out of range, an array is missing or superfluous, or shapes do not fit.
    """
    input_shape: Any = about.get("input_shape")
    entries: Any = about.get("architecture")
    if not (_numbers(input_shape, 1) and 1 <= len(input_shape) <= MOST_AXES):
        raise ValueError(
            f"input_shape should be 1 to {MOST_AXES} whole numbers from 1 to {LARGEST_NUMBER}, not {shown(input_shape)}"
        )
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_LAYERS:
        words = f"{len(entries)} layers" if isinstance(entries, list) else shown(entries)
        raise ValueError(f"architecture should be a list of 1 to {MOST_LAYERS} layers, not {words}")
    _check_types(kinds)
    layers: dict[str, Layer | type[Any] | None] = {}  # of a layer that is not nnpg's own: its class, if it is known
    used: set[str] = set()
    for n, entry in enumerate(entries):
        name, user_class = _checked_entry(n, entry, kinds, user_classes)
        if name in layers:
            raise ValueError(f"two layers are named {name!r}")
        placeholders = {a: _placeholder(kinds[f"{name}.{a}"]) for a in entry["arrays"]}
        layers[name] = user_class if is_user_name(entry["layer"]) else _layer(entry, placeholders)
        used |= {f"{name}.{a}" for a in entry["arrays"]}
    if set(kinds) - used:
        raise ValueError(f"no layer of the architecture owns the array {shown(min(set(kinds) - used))}")
    _check_one_dtype(layers, kinds)
    check_outputs(layers, tuple(input_shape), largest_output)


def layers_from_json(
    about: Mapping[str, Any], tensors: Mapping[str, Array], user_classes: Mapping[str, type[Any]]
) -> dict[str, Layer]:
    """Return the layers of a header that `check_architecture` has accepted, with their arrays."""
    layers = {}
    for entry in about["architecture"]:
        name, kind = entry["name"], entry["layer"]
        held = {a: tensors[f"{name}.{a}"] for a in entry["arrays"]}
        layers[name] = user_layer(entry, user_classes[kind], held) if is_user_name(kind) else _layer(entry, held)
    return layers


# One layer


def _checked_entry(
    n: int, entry: Any, kinds: Mapping[str, ArrayKind], user_classes: Mapping[str, type[Any]] | None
) -> tuple[str, type[Any] | None]:
    """Check every field of a layer; return its name, and the class of a layer that is not nnpg's own."""
    if not isinstance(entry, dict):
        raise ValueError(f"layer {n + 1} should be an object, not {shown(entry)}")
    name, kind = entry.get("name"), entry.get("layer")
    if not _is_name(name):
        raise ValueError(
            f"layer {n + 1} should have a name of 1 to {LONGEST_NAME} printable characters other than 'input', "
            f"not {shown(name)}"
        )
    user_class = None
    if is_user_name(kind):
        user_class = check_user_entry(entry, user_classes)
    else:
        _check_settings(str(name), kind, entry)
    for a in entry["arrays"]:
        if f"{name}.{a}" not in kinds:
            raise ValueError(f"layer {name!r} should have the array {shown(a)}, which the file lacks")
    return str(name), user_class


def _check_settings(name: str, kind: Any, entry: Mapping[str, Any]) -> None:
    """Check the settings of one of nnpg's own layers, and which arrays it has."""
    if not isinstance(kind, str) or kind not in LAYERS:
        raise ValueError(f"layer {name!r} is a {shown(kind)}; this version knows {', '.join(LAYERS)}")
    rules = SETTINGS.get(LAYERS[kind], {})
    required, optional = ARRAYS.get(LAYERS[kind], ((), ()))
    expected = {"name", "layer", "arrays", *rules}
    if set(entry) != expected:
        field = min(set(entry) ^ expected)
        problem = f"lacks the field {field!r}" if field in expected else f"has no field {shown(field)}"
        raise ValueError(f"layer {name!r} cannot be rebuilt: a {kind} {problem}")
    for field, rule in rules.items():
        if not rule.holds(entry[field]):
            raise ValueError(
                f"layer {name!r} cannot be rebuilt as a {kind}: {field} should be {rule.words}, "
                f"not {shown(entry[field])}"
            )
    names = entry["arrays"]
    possible = [[*required], [*required, *optional]]
    if names not in possible:
        words = " or ".join(map(str, possible if optional else possible[:1]))
        raise ValueError(f"layer {name!r} should have the arrays {words}, not {shown(names)}")


def _layer(entry: Mapping[str, Any], tensors: Mapping[str, Array]) -> Layer:
    """Return the layer; its class checks its fields in combination."""
    kind = LAYERS[entry["layer"]]
    values = {f: tuple(v) if isinstance(v, list) else v for f, v in entry.items() if f in SETTINGS.get(kind, {})}
    try:
        layer: Layer = kind(**tensors, **values)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"layer {entry['name']!r} cannot be rebuilt as a {entry['layer']}: {shown(str(error), 300)}"
        ) from error
    return layer


def _placeholder(kind: ArrayKind) -> Array:
    """Return an array of this shape and dtype in which all elements share the memory of one number."""
    return np.broadcast_to(np.zeros((), kind.dtype), kind.shape)


# All layers together


def _check_types(kinds: Mapping[str, ArrayKind]) -> None:
    for full, kind in kinds.items():
        if kind.dtype not in FLOATS:
            raise ValueError(f"the array {shown(full)} should be float32 or float64, not {kind.dtype}")
        if not all(kind.shape):
            raise ValueError(f"the array {shown(full)} holds nothing: its shape is {shown(kind.shape)}")


def _check_one_dtype(layers: Mapping[str, Any], kinds: Mapping[str, ArrayKind]) -> None:
    parameters = [f"{name}.{p}" for name, layer in layers.items() if layer is not None for p in layer.parameters]
    learned = [full for full in parameters if full in kinds]
    for full in learned:
        first, dtype = kinds[learned[0]].dtype, kinds[full].dtype
        if dtype != first:
            raise ValueError(
                f"all weights should have one dtype, but {learned[0]!r} is {first} and {full!r} is {dtype}"
            )


# The values that fields may have


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_NAME and value.isprintable() and value != "input"


def _is_number(value: Any, low: int = 0, high: int = LARGEST_NUMBER) -> bool:
    return type(value) is int and low <= value <= high


def _numbers(value: Any, low: int) -> bool:
    return isinstance(value, list | tuple) and all(_is_number(v, low) for v in value)


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300


COUNT = Rule(f"a whole number from 1 to {LARGEST_NUMBER}", lambda v: _is_number(v, 1))
PAIR = Rule(f"two whole numbers from 1 to {LARGEST_NUMBER}", lambda v: _numbers(v, 1) and len(v) == 2)
SIDES = Rule(f"four whole numbers from 0 to {LARGEST_NUMBER}", lambda v: _numbers(v, 0) and len(v) == 4)
REAL = Rule("a finite number", _is_finite)
SHARE = Rule("a number from 0 to below 1", lambda v: _is_finite(v) and 0 <= v < 1)
KEY = Rule("null or a whole number from 0 to below 2^63", lambda v: v is None or _is_number(v, 0, 2**63 - 1))
BIT = Rule("0 or 1", lambda v: _is_number(v, 0, 1))

SETTINGS: dict[type[Any], dict[str, Rule]] = {
    Conv: {"stride": PAIR, "padding": SIDES, "dilation": PAIR, "groups": COUNT},
    MaxPool: {"size": PAIR, "stride": PAIR, "padding": SIDES},
    AvgPool: {"size": PAIR, "stride": PAIR, "padding": SIDES},
    Step: {"at_zero": BIT},
    Dropout: {"rate": SHARE, "key": KEY},
    LocalResponseNorm: {"size": COUNT, "alpha": REAL, "beta": REAL, "bias": REAL},
}
ARRAYS: dict[type[Any], tuple[tuple[str, ...], tuple[str, ...]]] = {  # required and optional arrays
    Dense: (("W",), ("b",)),
    Conv: (("W",), ("b",)),
    Center: (("mean",), ()),
}
