"""The contract of a layer, apart from the right numbers: pairs, shapes, keys, purity, leading axes."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from sysconfig import get_path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nnpg_kernels
from nnpg.layers import Layer, parameters
from nnpg.support.numpy_errors import in_plain_words
from nnpg_kernels import Array, Backend

SEEDS = 2  # seeds that are stacked to test leading axes
_LIBRARIES = (Path(get_path("stdlib")), Path(__file__).parents[1], Path(nnpg_kernels.__file__).parent)


class BrokenContractError(Exception):
    """A layer does not do what the engine relies on; the message says what to change."""


def check_contract(layer: Layer, k: Backend, x: Array, rng: np.random.Generator) -> None:
    """Call every method of a layer and check the form of the results, but not the values of the derivatives.

    Raises
    ------
    BrokenContractError
        If forward does not return (y, saved), backward or gradients return wrong shapes or keys, a method modifies its
        arguments or returns another result the second time, or the result for stacked seeds (S, N, ...) differs from
        a loop over them.
    """
    out = _call(layer, "forward", k, x)
    if not isinstance(out, tuple) or len(out) != 2:
        raise BrokenContractError(
            f"forward must return the pair (y, saved), not {_described(out)}: end it with `return y, saved`, "
            "where saved is what backward needs, or None"
        )
    y, saved = out
    if not hasattr(y, "shape") or y.shape[:1] != x.shape[:1]:
        raise BrokenContractError(
            f"forward must return an array y with the {len(x)} images along axis 0, not {_described(y)}"
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
            keys = list(grads) if isinstance(grads, dict) else _described(grads)
            raise BrokenContractError(f"gradients must return a dict with the keys {list(learned)}, not {keys}")
        for name, shape in learned.items():
            _check_shape(grads[name], (*lead, *shape), f'gradients()["{name}"] must have the shape of {name}', lead)
    for s in range(SEEDS):  # dx and grads are now those of the stacked seeds
        single = {
            "dL/dx": _call(layer, "backward", k, delta[s], saved),
            **_call(layer, "gradients", k, delta[s], saved),
        }
        for name, a in single.items():
            if not _equal(k.to_numpy(a), k.to_numpy((dx if name == "dL/dx" else grads[name])[s]), 1e-10):
                raise BrokenContractError(
                    f"{name} of {SEEDS} stacked seeds (S, N, ...) differs from that of the seeds one by one: let the "
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


def _call(layer: Layer, method: str, k: Backend, *args: Any) -> Any:
    """Call a method twice; refuse it if it fails, modifies its arguments or the layer, or returns two results."""
    args_before, fields_before = _copies(args), _copies([getattr(layer, f.name) for f in _fields(layer)])
    call: Callable[..., Any] = getattr(layer, method)
    try:
        result = call(k, *args)
        second = call(k, *args)
    except Exception as error:
        frame = _written_by_the_user(traceback.extract_tb(error.__traceback__)[1:])
        place = f" (line {frame.lineno} of {Path(frame.filename).name}, in {frame.name})" if frame is not None else ""
        shape = getattr(args[0], "shape", None)
        plain, called = in_plain_words(str(error)), f"for an array of shape {shape}"
        words = f"{plain}, {called}" if plain else f"raised {type(error).__name__} {called}: {error}"
        raise BrokenContractError(f"{method} {words}{place}") from error
    if not _same(args_before, _copies(args)):
        raise BrokenContractError(f"{method} modifies its input: never write into {_names(method)}; work on a copy")
    if not _same(fields_before, _copies([getattr(layer, f.name) for f in _fields(layer)])):
        raise BrokenContractError(f"{method} modifies the layer's own arrays: a layer is a value and never changes")
    if not _same(_copies(result), _copies(second)):
        raise BrokenContractError(
            f"{method} returns another result the second time: a layer is a pure function; draw randomness from a key"
        )
    return result


def _written_by_the_user(frames: Sequence[traceback.FrameSummary]) -> traceback.FrameSummary | None:
    """Return the last frame that is in no library, else the first: the layer itself is then a library's."""
    outside = [frame for frame in frames if not _is_in_a_library(frame.filename)]
    return outside[-1] if outside else next(iter(frames), None)


def _is_in_a_library(file: str) -> bool:
    path = Path(file)
    return bool({"site-packages", "dist-packages"} & set(path.parts)) or any(map(path.is_relative_to, _LIBRARIES))


def _names(method: str) -> str:
    return "x" if method == "forward" else "delta or saved"


def _fields(layer: Any) -> tuple[Any, ...]:
    return fields(layer) if is_dataclass(layer) else ()


def _copies(value: Any) -> list[NDArray[Any]]:
    """Return copies of all arrays inside tuples, lists, dicts and dataclasses."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return [np.array(value.get() if hasattr(value, "get") else value)]
    if isinstance(value, dict):
        value = list(value.values())
    elif is_dataclass(value):
        value = [getattr(value, f.name) for f in fields(value)]
    return [a for part in value for a in _copies(part)] if isinstance(value, tuple | list) else []


def _same(a: list[NDArray[Any]], b: list[NDArray[Any]]) -> bool:
    return len(a) == len(b) and all(p.shape == q.shape and _equal(p, q, 0) for p, q in zip(a, b, strict=True))


def _equal(a: NDArray[Any], b: NDArray[Any], tolerance: float) -> bool:
    if not tolerance:
        return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    return np.allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b[np.isfinite(b)]).max(initial=0), equal_nan=True)


def _check_shape(a: Any, shape: tuple[int, ...], words: str, lead: tuple[int, ...]) -> None:
    if getattr(a, "shape", None) != shape:
        stacked = f" when {SEEDS} seeds are stacked in front of delta (its leading axes come through)" if lead else ""
        raise BrokenContractError(f"{words}, {shape}{stacked}, not {_described(a)}")


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"an array of shape {shape}" if shape is not None else f"{type(value).__name__}"
