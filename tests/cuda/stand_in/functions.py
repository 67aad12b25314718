"""The functions of CuPy 14 by name: what NumPy computes, with CuPy's refusals; what waits for the device is counted."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from stand_in.arrays import QUIET, array, asarray, asnumpy, ndarray, off, on
from stand_in.counts import note, operation

Function = Callable[..., Any]

# What has to know how many there are before its result has a shape.
WAIT = {"argwhere", "bincount", "compress", "extract", "flatnonzero", "intersect1d", "nonzero", "setdiff1d", "unique"}
ABSENT = {"errstate", "frompyfunc", "fromregex", "geterr", "ma", "nditer", "object_", "rec", "seterr", "str_", "void"}
OF_HOST_TOO = {"allclose", "zeros_like", "ones_like", "empty_like", "full_like", "result_type", "shape", "ndim", "size"}
NOT_TAKEN = {"where", "initial"}  # by any function or ufunc
NOT_TAKEN_BY = {"take": {"mode"}}
REDUCED = {"add", "multiply"}  # the ufuncs whose `reduce` and `accumulate` exist


def called(function: Function, args: Any, kwargs: Any) -> Any:
    """Call a function of NumPy on the numbers of device arrays."""
    operation()
    with np.errstate(**QUIET):  # type: ignore[arg-type]
        return on(function(*map(off, args), **{name: off(value) for name, value in kwargs.items()}))


class ufunc:
    """A ufunc of CuPy: no `where`, no lists, and few methods."""

    def __init__(self, function: np.ufunc) -> None:
        self.function, self.__name__ = function, function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        wrong = {name: value for name, value in kwargs.items() if name not in ("out", "dtype", "casting")}
        if wrong:
            raise TypeError(f"Wrong arguments {wrong}")
        if any(isinstance(value, list | tuple) for value in args):
            raise TypeError(f"Unsupported type {list}")
        out = kwargs.pop("out", None)
        out = out[0] if isinstance(out, tuple) else out
        if out is None:
            return called(self.function, args, kwargs)
        called(self.function, args, {**kwargs, "out": out})
        return out

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        a.__setitem__(indices, a[indices])  # its checks of the index
        keys, _ = a.keys_of(indices)
        self.function.at(a.raw, keys, *([] if b is None else [off(b)]))

    def reduce(self, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        if self.__name__ not in REDUCED:
            raise NotImplementedError(f"`cupy_{self.__name__}.reduce` is not supported yet")
        return called(self.function.reduce, (a,), {"axis": axis, "dtype": dtype, "keepdims": keepdims})

    def accumulate(self, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        if self.__name__ not in REDUCED:
            raise NotImplementedError(f"`cupy_{self.__name__}.accumulate` is not supported yet")
        return called(self.function.accumulate, (a,), {"axis": axis, "dtype": dtype})


UFUNCS = {name: ufunc(f) for name, f in vars(np).items() if isinstance(f, np.ufunc)}
UFUNCS |= {f.function.__name__: f for f in list(UFUNCS.values())}  # np.abs is named absolute


def function(name: str, of_numpy: Function) -> Function:
    """A function of CuPy that computes what NumPy's computes."""
    refused = NOT_TAKEN | NOT_TAKEN_BY.get(name, set())

    def run(*args: Any, **kwargs: Any) -> Any:
        for word in refused & set(kwargs):
            raise TypeError(f"{name}() got an unexpected keyword argument {word!r}")
        if name in WAIT:
            note("wait", name)
        if name in OF_HOST_TOO:
            args = tuple(on(a) if isinstance(a, np.ndarray) else a for a in args)
        return called(of_numpy, args, kwargs)

    run.__name__ = name
    return run


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None:
        note("wait", "where")
        return called(np.where, (condition,), {})
    if not isinstance(condition, ndarray):
        raise AttributeError(f"{type(condition).__name__!r} object has no attribute 'astype'")
    return called(np.where, (condition, x, y), {})


def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    note("wait", "compress")
    condition = condition if isinstance(condition, ndarray) else asarray(condition)
    return called(np.compress, (condition, a, axis), {})


def take(a: Any, indices: Any, axis: Any = None, out: Any = None) -> Any:
    whole = a if axis is not None else a.ravel()
    if not isinstance(indices, ndarray):
        note("up", "an index of the host")
    places = (slice(None),) * (whole.ndim + axis if axis is not None and axis < 0 else axis or 0)
    return whole[(*places, indices)]


def take_along_axis(a: Any, indices: Any, axis: Any) -> Any:
    size = a.size if axis is None else a.shape[axis]
    return called(np.take_along_axis, (a, indices % size, axis), {})


def put_along_axis(a: Any, indices: Any, values: Any, axis: Any) -> None:
    called(np.put_along_axis, (a, indices % a.shape[axis], values, axis), {})


def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    if isinstance(repeats, ndarray):
        note("wait", "repeat")
    return called(np.repeat, (a, repeats, axis), {})


def lexsort(keys: Any) -> Any:
    if not isinstance(keys, ndarray):
        raise AttributeError(f"{type(keys).__name__!r} object has no attribute 'ndim'")
    return called(np.lexsort, (keys,), {})


def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    if not isinstance(choices, ndarray):
        raise AttributeError(f"{type(choices).__name__!r} object has no attribute 'shape'")
    return called(np.choose, (a, choices), {})


def sort(a: Any, axis: int = -1, kind: Any = None) -> Any:
    if kind not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")
    return called(np.sort, (a, axis), {})


def argsort(a: Any, axis: int = -1, kind: Any = None) -> Any:
    if kind not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")
    return called(np.argsort, (a, axis), {"kind": "stable"})


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = None) -> None:
    if isinstance(src, np.ndarray) and src.ndim:
        raise ValueError("non-scalar numpy.ndarray cannot be used for copyto")
    called(np.copyto, (dst, src), {} if where is None else {"where": where})


def broadcast_to(a: Any, shape: Any) -> Any:
    return on(np.lib.stride_tricks.as_strided(off(a), shape, np.broadcast_to(off(a), shape).strides))


def array_equal(a: Any, b: Any, equal_nan: bool = False) -> Any:
    return on(np.asarray(np.array_equal(off(a), off(b), equal_nan)))


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    a, b = (v.raw if isinstance(v, ndarray) else v for v in (a, b))
    return on(np.asarray(np.allclose(a, b, rtol, atol, equal_nan)))


def ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    return on(np.ascontiguousarray(asarray(a).raw, dtype))


def empty(shape: Any, dtype: Any = float, order: str = "C") -> Any:
    return ndarray(shape, dtype)


def empty_like(a: Any, dtype: Any = None, order: str = "K", subok: Any = None, shape: Any = None) -> Any:
    return ndarray(a.shape if shape is None else shape, a.dtype if dtype is None else dtype)


def zeros(shape: Any, dtype: Any = float, order: str = "C") -> Any:
    if isinstance(shape, ndarray):
        raise TypeError("'ndarray' object cannot be interpreted as an integer")
    return on(np.zeros(shape, dtype))


def get_array_module(*args: Any) -> Any:
    import sys

    return sys.modules["cupy"] if any(isinstance(a, ndarray) for a in args) else np


# Linear algebra: nothing is raised for a singular matrix; its solution is not finite


def solve(a: Any, b: Any) -> Any:
    if a.ndim > 2 and b.ndim != a.ndim:
        raise ValueError("a must have (..., M, M) shape and b must have (..., M, K) for multidimensional b")
    A, B = off(a), off(b)
    vectors = B if B.ndim == A.ndim else B[..., None]
    x = np.empty(vectors.shape, np.result_type(A, B))
    for place in np.ndindex(A.shape[:-2]):
        try:
            x[place] = np.linalg.solve(A[place], vectors[place])
        except np.linalg.LinAlgError:
            x[place] = np.inf
            x[place][0] = np.nan
    return on(x.reshape(B.shape))


def inv(a: Any) -> Any:
    return solve(a, on(np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape).copy()))


def cholesky(a: Any) -> Any:
    try:
        return called(np.linalg.cholesky, (a,), {})
    except np.linalg.LinAlgError:
        return on(np.full(a.shape, np.nan, a.dtype))


def slogdet(a: Any) -> Any:
    return tuple(called(lambda m: tuple(np.linalg.slogdet(m)), (a,), {}))


def namespace(numpys: Any, **replaced: Any) -> SimpleNamespace:
    """A part of CuPy: NumPy's functions of that name, and those that differ."""
    names = {
        name: f
        for name, f in vars(numpys).items()
        if inspect.isfunction(f) or type(f).__name__ == "_ArrayFunctionDispatcher"
    }
    return SimpleNamespace(
        **{n: function(n, f) for n, f in names.items()} | {"LinAlgError": np.linalg.LinAlgError} | replaced
    )


linalg = namespace(np.linalg, solve=solve, inv=inv, cholesky=cholesky, slogdet=slogdet)
lib = SimpleNamespace(stride_tricks=namespace(np.lib.stride_tricks))

OWN: dict[str, Any] = {
    f.__name__: f
    for f in (
        *(allclose, argsort, array, array_equal, asarray, ascontiguousarray, asnumpy, broadcast_to, choose, compress),
        *(copyto, empty, empty_like, get_array_module, lexsort, put_along_axis, repeat, sort, take, take_along_axis),
        *(ufunc, where, zeros),
    )
} | {
    "get_default_memory_pool": lambda: SimpleNamespace(free_bytes=lambda: 0, free_all_blocks=lambda: None),
    "ndarray": ndarray,
    "linalg": linalg,
    "lib": lib,
}


def function_named(of_numpy: Function) -> Function:
    """What NumPy's function becomes that is given an array of the device."""
    name, module = of_numpy.__name__, getattr(of_numpy, "__module__", "") or ""
    if module.startswith("numpy.linalg"):
        return getattr(linalg, name)
    return getattr(lib.stride_tricks, name) if hasattr(lib.stride_tricks, name) and name not in OWN else attribute(name)


def attribute(name: str) -> Any:
    """Return what the module has under a name."""
    if name in OWN:
        return OWN[name]
    if name in UFUNCS:
        return UFUNCS[name]
    if name in ABSENT or not hasattr(np, name) or name.startswith("_"):
        raise AttributeError(f"module 'cupy' has no attribute {name!r}")
    value = getattr(np, name)
    if isinstance(value, type) or not callable(value):
        return value
    return OWN.setdefault(name, function(name, value))
