"""Layers of a user's classes in files: the dotted name of the class, and its fields.

{"name": "leaky1", "layer": "my_layers.LeakyReLU", "settings": {"slope": 0.1}, "arrays": []}

No name from a file is imported. A class is looked up among those that the caller passes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from inspect import getattr_static
from typing import Any

import numpy as np

from nnpg.files.text import shown
from nnpg.layers import LAYERS, Layer, arrays
from nnpg.support.arguments import as_sequence, described, is_on_device
from nnpg_kernels import Array

LONGEST_DOTTED_NAME = 300
LARGEST_WHOLE = 2**63
DEEPEST_TUPLE = 8
METHODS = ("forward", "backward", "gradients")
ENTRY = ("name", "layer", "settings", "arrays")
VALUES = "numbers, text, None, tuples of these, and arrays"


def dotted_name(kind: type[Any]) -> str:
    """Return the name of a class in a file, module.QualifiedName.

    Examples
    --------
    >>> from nnpg import Conv
    >>> dotted_name(Conv)
    'nnpg.layers.linear.Conv'
    """
    return f"{kind.__module__}.{kind.__qualname__}"


def as_user_classes(layers: Any, name: str = "layers") -> dict[str, type[Any]]:
    """Return classes of layers by dotted name; those of nnpg's own layers are left out, since they are always known.

    Raises
    ------
    TypeError
        If it is no list of classes.
    ValueError
        If a class is no dataclass, lacks a method, or has the name of one of nnpg's own layers, or two classes have
        the same dotted name.

    Examples
    --------
    >>> as_user_classes([int])
    Traceback (most recent call last):
    ...
    ValueError: layers must be classes of layers, but builtins.int lacks forward, backward, gradients
    """
    known: dict[str, type[Any]] = {}
    for kind in as_sequence(layers, name, "classes of layers"):
        if not isinstance(kind, type):
            raise TypeError(f"{name} must be a list of classes of layers, not of {described(kind)}: pass its class")
        if LAYERS.get(kind.__name__) is kind:
            continue
        problem, full = class_problem(kind), dotted_name(kind)
        if problem:
            raise ValueError(f"{name} must be classes of layers, but {full} {problem}")
        if known.setdefault(full, kind) is not kind:
            raise ValueError(f"two classes in {name} are named {full}, which is all that a file says: take one of them")
    return known


def class_problem(kind: type[Any]) -> str:
    """Say why no layer of a class can be rebuilt from a file; "" where it can.

    Examples
    --------
    >>> class_problem(int)
    'lacks forward, backward, gradients'
    """
    missing = [method for method in METHODS if not callable(getattr(kind, method, None))]
    if kind.__name__ in LAYERS:
        return f"has the name of nnpg's own layer {kind.__name__}: give the class another name"
    if missing:
        return f"lacks {', '.join(missing)}"
    if not is_dataclass(kind):
        return "is no dataclass: write @dataclass(frozen=True) above it, so that its fields are known"
    names, learned = [f.name for f in fields(kind)], getattr(kind, "parameters", None)
    if not isinstance(learned, tuple) or any(p not in names for p in learned):
        return f"should have parameters, a tuple of the fields that are learned, out of {', '.join(names) or 'none'}"
    return ""


def is_user_name(kind: Any) -> bool:
    """Whether this is how a file names the class of a user's layer: with a dot.

    Examples
    --------
    >>> is_user_name("my_layers.LeakyReLU"), is_user_name("ReLU")
    (True, False)
    """
    return isinstance(kind, str) and "." in kind and kind.isprintable() and len(kind) <= LONGEST_DOTTED_NAME


def user_entry(name: str, layer: Layer) -> dict[str, Any]:
    """Return a user's layer as a JSON object; refuse a layer that it could not hold.

    Raises
    ------
    ValueError
        If the layer holds what is no field, or a field is not a number, a text, None, a tuple of these or an array.
        The message names it.
    """
    words = f"layer {name!r} cannot be saved: "
    kind: type[Any] = type(layer)
    if problem := class_problem(kind):
        raise ValueError(f"{words}{dotted_name(kind)} {problem}")
    known: dict[str, Any] = {f.name: f for f in fields(kind)}
    held = arrays(layer)
    for attribute in getattr(layer, "__dict__", {}):
        if attribute not in known and not isinstance(getattr_static(kind, attribute, None), cached_property):
            raise ValueError(f"{words}it holds {attribute!r}, which is no field of {dotted_name(kind)}")
    for field, a in held.items():
        if not known[field].init:
            raise ValueError(f"{words}its array {field!r} is no argument of {dotted_name(kind)}")
        if type(a) is not np.ndarray and not is_on_device(a):
            raise ValueError(f"{words}its field {field!r} is a {type(a).__name__}, and no plain array")
    settings = {field: getattr(layer, field) for field, rule in known.items() if rule.init and field not in held}
    for field, value in settings.items():
        if not _is_value(value, tuple):
            raise ValueError(f"{words}its field {field!r} is {described(value)}, and a file can hold only {VALUES}")
    return {"name": name, "layer": dotted_name(kind), "settings": settings, "arrays": sorted(held)}


def check_user_entry(entry: Mapping[str, Any], user_classes: Mapping[str, type[Any]] | None) -> type[Any] | None:
    """Check the fields of a user's layer in a header; return its class.

    Parameters
    ----------
    entry : mapping
        With a valid name, and a dotted name as its layer.
    user_classes : mapping, or None
        The classes that the caller passed, by dotted name. None: only the form of the entry is checked.

    Raises
    ------
    ValueError
        If the entry is not of the form, its class was not passed, or the class has other fields.
    """
    name, full = entry["name"], entry["layer"]
    words = f"layer {name!r} cannot be rebuilt: "
    if set(entry) != set(ENTRY):
        field = min(set(entry) ^ set(ENTRY))
        raise ValueError(f"{words}its entry {'lacks' if field in ENTRY else 'has no'} field {shown(field)}")
    settings, names = entry["settings"], entry["arrays"]
    if not isinstance(settings, dict) or not all(_is_value(value, list) for value in settings.values()):
        raise ValueError(f"{words}its settings should be an object of {VALUES}, not {shown(settings)}")
    if not isinstance(names, list) or not all(isinstance(a, str) and a not in settings for a in names):
        raise ValueError(f"{words}its arrays should be a list of names that are no settings, not {shown(names)}")
    if names != sorted(set(names)):
        raise ValueError(f"{words}its arrays should be in order and named once, not {shown(names)}")
    if user_classes is None:
        return None
    if full not in user_classes:
        raise ValueError(
            f"layer {name!r} is of the class {shown(full, 200)}, which is not nnpg's own; passed: "
            f"{shown(', '.join(user_classes), 200) if user_classes else 'no such class'}. In Python, "
            "nnpg.load_network(path, layers=[...]) takes the class; a command cannot take one"
        )
    kind = user_classes[full]
    known = sorted(f.name for f in fields(kind) if f.init)
    if sorted([*settings, *names]) != known:
        raise ValueError(
            f"{words}the file has the fields {shown(sorted([*settings, *names]), 150)}, and {shown(full, 150)} as it "
            f"was passed has {shown(known, 150)}: pass the class as it was when the network was saved"
        )
    for p in kind.parameters:
        if settings.get(p) is not None:
            raise ValueError(f"{words}{p!r} is learned and should be an array or None, not {shown(settings[p])}")
    return kind


def user_layer(entry: Mapping[str, Any], kind: type[Any], tensors: Mapping[str, Array]) -> Layer:
    """Return the layer of an entry that `check_user_entry` has accepted."""
    try:
        layer: Layer = kind(**tensors, **{field: _value(v) for field, v in entry["settings"].items()})
    except Exception as error:  # whatever the user's class raises
        raise ValueError(
            f"layer {entry['name']!r} cannot be rebuilt as a {shown(entry['layer'], 200)}: {shown(str(error), 300)}"
        ) from error
    return layer


def check_restored(entry: Mapping[str, Any], layer: Layer, tensors: Mapping[str, Array]) -> None:
    """Rebuild a user's layer from its entry and arrays; refuse one that comes back with another value in a field."""
    restored = user_layer(entry, type(layer), tensors)
    held = arrays(restored)
    if type(restored) is not type(layer):
        raise ValueError(f"layer {entry['name']!r} cannot be saved: its class makes a {type(restored).__name__} of it")
    for f in fields(layer):  # type: ignore[arg-type]
        if f.name in tensors:
            same = f.name in held and _same_array(held[f.name], tensors[f.name])
        else:
            same = _same_value(getattr(layer, f.name), getattr(restored, f.name))
        if not same:
            raise ValueError(
                f"layer {entry['name']!r} cannot be saved: its field {f.name!r} would come back as another value, "
                f"{described(getattr(restored, f.name))}"
            )


def _same_array(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and np.asarray(a).tobytes() == np.asarray(b).tobytes()


def _same_value(a: Any, b: Any) -> bool:
    try:
        return type(a) is type(b) and bool(a == b)
    except ValueError:  # a tuple of arrays, which have no truth
        return False


def _is_value(value: Any, of_several: type[Any], depth: int = 0) -> bool:
    """Whether a file can hold a setting: `of_several` is tuple in Python, list in JSON."""
    if type(value) is of_several:
        return depth < DEEPEST_TUPLE and all(_is_value(v, of_several, depth + 1) for v in value)
    if type(value) is int:
        return abs(value) <= LARGEST_WHOLE
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) is bool or (type(value) is str and _is_unicode(value))


def _is_unicode(text: str) -> bool:
    """Whether a text can be written; half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _value(value: Any) -> Any:
    """Return a setting from JSON, in which a list stands for a tuple."""
    return tuple(map(_value, value)) if isinstance(value, list) else value
