"""What the engine asks of a layer beyond the right numbers: pairs, shapes, keys, purity, leading axes."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnpg.layers import Layer, parameters
from nnpg_kernels import Array, Backend

SEEDS = 2  # how many are stacked to try leading axes


class BrokenContractError(Exception):
    """A layer does something that no layer may; the message tells its author what to change."""


def check_contract(layer: Layer, k: Backend, x: Array, rng: np.random.Generator) -> None:
    """Call every method of a layer and look at what comes back, but not yet at whether the derivative is right.

    Raises
    ------
    BrokenContractError
        If forward does not return (y, saved), backward or gradients return other shapes or keys than they must,
        a method modifies what it was given or answers differently the second time, or stacked seeds (S, N, ...)
        give another answer than the loop over them.
    """
    out = _call(layer, "forward", k, x)
    if not isinstance(out, tuple) or len(out) != 2:
        raise BrokenContractError(
            f"forward must return the pair (y, saved), not {_what(out)}: end it with `return y, saved`, "
            "where saved is what backward needs, or None"
        )
    y, saved = out
    if not hasattr(y, "shape") or y.shape[:1] != x.shape[:1]:
        raise BrokenContractError(
            f"forward must return an array y with the {len(x)} images along axis 0, not {_what(y)}"
        )
    if y.dtype != x.dtype:
        raise BrokenContractError(f"forward turned {x.dtype} into {y.dtype}: keep the type of x")
    learned = {name: a.shape for name, a in parameters(layer).items()}
    for lead in [(), (SEEDS,)]:
        delta = k.asarray(rng.standard_normal((*lead, *y.shape)))
        dx = _call(layer, "backward", k, delta, saved)
        _check_shape(dx, (*lead, *x.shape), "backward must return dL/dx in the shape of x", lead)
        grads = _call(layer, "gradients", k, delta, saved)
        if not isinstance(grads, dict) or set(grads) != set(learned):
            keys = list(grads) if isinstance(grads, dict) else _what(grads)
            raise BrokenContractError(f"gradients must return a dict with the keys {list(learned)}, not {keys}")
        for name, shape in learned.items():
            _check_shape(grads[name], (*lead, *shape), f'gradients()["{name}"] must have the shape of {name}', lead)
    for s in range(SEEDS):  # the last pass above was the stacked one
        one = {"dL/dx": _call(layer, "backward", k, delta[s], saved), **_call(layer, "gradients", k, delta[s], saved)}
        for name, a in one.items():
            if not _equal(k.to_numpy(a), k.to_numpy((dx if name == "dL/dx" else grads[name])[s]), 1e-10):
                raise BrokenContractError(
                    f"{name} of {SEEDS} stacked seeds (S, N, ...) is not what the seeds give one by one: let the "
                    "leading axes of delta broadcast, counting axes from the end"
                )


def check_class(layer: Any) -> None:
    """Raise BrokenContractError unless a layer has the methods, and parameters that name its fields."""
    missing = [m for m in ("forward", "backward", "gradients", "parameters") if not hasattr(layer, m)]
    if missing:
        raise BrokenContractError(
            f"{type(layer).__name__} has no {', '.join(missing)}: a layer has the methods forward, backward and "
            'gradients, and `parameters: ClassVar[tuple[str, ...]] = ("W", "b")` or ()'
        )
    unknown = [p for p in layer.parameters if not hasattr(layer, p)]
    if isinstance(layer.parameters, str) or unknown:
        raise BrokenContractError(f"parameters must be a tuple of field names of the layer, not {layer.parameters!r}")
    if layer.parameters and not is_dataclass(layer):
        raise BrokenContractError(
            f"{type(layer).__name__} must be a frozen dataclass: its weights are replaced by name"
        )


def _call(layer: Layer, method: str, k: Backend, *given: Any) -> Any:
    """Call a method twice; complain if it fails, changes what it was given, or changes its mind."""
    before, own = _copies(given), _copies([getattr(layer, f.name) for f in _fields(layer)])
    call: Callable[..., Any] = getattr(layer, method)
    try:
        answer = call(k, *given)
        again = call(k, *given)
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        shape = getattr(given[0], "shape", None)
        raise BrokenContractError(
            f"{method} raised {type(error).__name__} for an array of shape {shape}: {error} "
            f"(line {at.lineno} in {at.name})"
        ) from error
    if not _same(before, _copies(given)):
        raise BrokenContractError(f"{method} modifies its input: never write into {_names(method)}; work on a copy")
    if not _same(own, _copies([getattr(layer, f.name) for f in _fields(layer)])):
        raise BrokenContractError(f"{method} modifies the layer's own arrays: a layer is a value and never changes")
    if not _same(_copies(answer), _copies(again)):
        raise BrokenContractError(
            f"{method} gives another answer the second time: a layer is a pure function; draw randomness from a key"
        )
    return answer


def _names(method: str) -> str:
    return "x" if method == "forward" else "delta or saved"


def _fields(layer: Any) -> tuple[Any, ...]:
    return fields(layer) if is_dataclass(layer) else ()


def _copies(thing: Any) -> list[NDArray[Any]]:
    """Copies of all arrays inside tuples, lists, dicts and dataclasses."""
    if hasattr(thing, "shape") and hasattr(thing, "dtype"):
        return [np.array(thing.get() if hasattr(thing, "get") else thing)]
    if isinstance(thing, dict):
        thing = list(thing.values())
    elif is_dataclass(thing):
        thing = [getattr(thing, f.name) for f in fields(thing)]
    return [a for t in thing for a in _copies(t)] if isinstance(thing, tuple | list) else []


def _same(a: list[NDArray[Any]], b: list[NDArray[Any]]) -> bool:
    return len(a) == len(b) and all(p.shape == q.shape and _equal(p, q, 0) for p, q in zip(a, b, strict=True))


def _equal(a: NDArray[Any], b: NDArray[Any], tolerance: float) -> bool:
    if not tolerance:
        return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    return np.allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b[np.isfinite(b)]).max(initial=0), equal_nan=True)


def _check_shape(a: Any, shape: tuple[int, ...], words: str, lead: tuple[int, ...]) -> None:
    if getattr(a, "shape", None) != shape:
        stacked = f" when {SEEDS} seeds are stacked in front of delta (its leading axes come through)" if lead else ""
        raise BrokenContractError(f"{words}, {shape}{stacked}, not {_what(a)}")


def _what(thing: Any) -> str:
    shape = getattr(thing, "shape", None)
    return f"an array of shape {shape}" if shape is not None else f"{type(thing).__name__}"
