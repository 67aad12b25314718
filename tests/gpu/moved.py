"""Arguments and results on the device: what moves there, and whether two results are the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from fuzz.calls.call import Call

import nnpg
from nnpg.layers import arrays
from nnpg.network import Network
from nnpg.support.arguments import is_on_device
from nnpg.trace import Trace


def moved(value: Any, *, data: bool) -> Any:
    """Return an argument whose networks and traces are on the device, and its arrays too if `data`."""
    k = nnpg.load_backend("cupy")
    if isinstance(value, Network):
        return value.to(k)
    if isinstance(value, Trace):
        return Trace(*(deep(part) for part in (value.outputs, value.saved, value.intervened)))
    if isinstance(value, np.ndarray) and data and value.dtype.kind in "biuf":
        return k.asarray(value)
    if type(value) in (tuple, list):
        return type(value)(moved(part, data=data) for part in value)
    return {n: moved(part, data=data) for n, part in value.items()} if type(value) is dict else value


def of_network(call: Call) -> bool:
    """Whether a call computes with a network."""
    return isinstance(owner(call), Network) or has((Network, Trace), dict(call.plain))


def owner(call: Call) -> Any:
    return getattr(call.function, "__self__", None)


def on_device(call: Call, *, data: bool) -> Callable[[], Any]:
    """Return the call with its networks on the device, and its arrays too if `data`."""
    arguments, net = moved(dict(call.plain), data=data), owner(call)
    function = getattr(net.to("cupy"), call.function.__name__) if isinstance(net, Network) else call.function
    return partial(function, **arguments)


def on_numpy(call: Call) -> Callable[[], Any]:
    """Return the call with its networks on NumPy."""
    arguments = {n: value.to("numpy") if isinstance(value, Network) else value for n, value in call.plain.items()}
    net = owner(call)
    function = getattr(net.to("numpy"), call.function.__name__) if isinstance(net, Network) else call.function
    return partial(function, **arguments)


def deep(value: Any) -> Any:
    """Return what a trace holds, with all its arrays on the device."""
    if isinstance(value, np.ndarray):
        return nnpg.load_backend("cupy").asarray(value)
    if isinstance(value, Mapping):
        return {n: deep(part) for n, part in value.items()}
    return tuple(map(deep, value)) if isinstance(value, tuple) else value


def has(kinds: type | tuple[type, ...], value: Any) -> bool:
    """Whether an argument is of a kind, or holds one that is."""
    if isinstance(value, kinds):
        return True
    parts = value.values() if type(value) is dict else value if type(value) in (tuple, list) else ()
    return any(has(kinds, part) for part in parts)


def differences(result: Any, expected: Any, place: str = "") -> list[str]:
    """Return where a result is not what NumPy computes, to the rounding of float32; arrays may be on either side."""
    result = result.get() if is_on_device(result) else result
    if isinstance(expected, Network):
        layers = zip(result.layers.values(), expected.layers.values(), strict=True)
        pairs = [(arrays(a), arrays(b)) for a, b in layers]
        return [line for n, (a, b) in enumerate(pairs) for line in differences(a, b, f"{place}.layers[{n}]")]
    if isinstance(expected, np.ndarray | np.generic | float) and not isinstance(expected, np.bool_):
        return different_numbers(np.asarray(result), np.asarray(expected), place)
    if type(result) is not type(expected):
        return [f"{place}: {type(result).__name__} for {type(expected).__name__}"]
    if dataclasses.is_dataclass(expected):
        return [
            line
            for field in dataclasses.fields(expected)
            if field.name not in ("seconds", "computed", "path")
            for line in differences(getattr(result, field.name), getattr(expected, field.name), f"{place}.{field.name}")
        ]
    if isinstance(expected, Mapping):
        return [line for name in expected for line in differences(result[name], expected[name], f"{place}[{name!r}]")]
    if isinstance(expected, tuple | list):
        if len(result) != len(expected):
            return [f"{place}: {len(result)} for {len(expected)}"]
        named = getattr(expected, "_fields", range(len(expected)))
        triples = zip(named, result, expected, strict=True)
        return [line for n, a, b in triples if n != "seconds" for line in differences(a, b, f"{place}.{n}")]
    plain = isinstance(expected, str | int | bool | Path | type(None))
    return [f"{place}: {result!r} for {expected!r}"] if plain and result != expected else []


def different_numbers(a: Any, b: Any, place: str) -> list[str]:
    if a.dtype != b.dtype or a.shape != b.shape:
        return [f"{place}: {a.dtype} {a.shape} for {b.dtype} {b.shape}"]
    if b.dtype.kind not in "fc":
        return [] if np.array_equal(a, b) else [f"{place}: {a} for {b}"]
    finite = np.isfinite(b)
    scale = float(np.abs(b[finite]).max(initial=1e-3))
    same = np.allclose(a, b, rtol=0, atol=1e-4 * scale, equal_nan=True)
    return [] if same else [f"{place}: {a} for {b}"]


def of_device(result: Any) -> list[str]:
    """Return the names of the arrays of a result that are on the device, outside networks."""
    if is_on_device(result):
        return ["itself"]
    if isinstance(result, Network | type):
        return []
    if dataclasses.is_dataclass(result):
        parts: Any = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    elif isinstance(result, tuple | list):
        parts = dict(enumerate(result))
    else:
        parts = result if isinstance(result, Mapping) else {}
    return [str(name) for name, part in parts.items() if of_device(part)]
