"""Arrays with the manners of CuPy 14: NumPy cannot touch them by accident, and whoever asks for a number is counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from emulator import unwritten

from stand_in.counts import note, operation, refuse_in_capture
from stand_in.streams import get_current_stream, in_order

NO_CONVERSION = (
    "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly."
)
QUIET = {"over": "ignore", "divide": "ignore", "invalid": "ignore", "under": "ignore"}  # a device raises none of these


LARGEST: int | None = None  # bytes of the largest array for which there is memory


class OutOfMemoryError(MemoryError):
    """What CuPy raises where the memory of the device is full."""


class Flags(NamedTuple):
    """There is no `writeable`: every array of a device can be written to."""

    c_contiguous: bool
    f_contiguous: bool
    owndata: bool


class Device(NamedTuple):
    id: int = 0


class ndarray:
    """An array of the device; `raw` has its numbers, and only the stand-in may read it."""

    __slots__ = ("__weakref__", "raw")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __new__(cls, shape: Any, dtype: Any = float) -> ndarray:
        return on(unwritten(shape, dtype))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(NO_CONVERSION)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from stand_in.functions import UFUNCS

        if any(isinstance(value, list | tuple | str) for value in inputs):
            return NotImplemented
        function = UFUNCS[ufunc.__name__]
        return (function if method == "__call__" else getattr(function, method))(*inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from stand_in.functions import function_named

        return function_named(func)(*args, **kwargs)

    # What is known without the device

    shape = property(lambda self: self.raw.shape, lambda self, shape: setattr(self.raw, "shape", shape))
    dtype = property(lambda self: self.raw.dtype)
    ndim = property(lambda self: self.raw.ndim)
    size = property(lambda self: self.raw.size)
    itemsize = property(lambda self: self.raw.itemsize)
    nbytes = property(lambda self: self.raw.nbytes)
    strides = property(lambda self: self.raw.strides)
    device = property(lambda self: Device())
    base = property(lambda self: None if self.raw.base is None else on(self.raw.base))
    __cuda_array_interface__ = property(lambda self: {"shape": self.shape, "typestr": self.dtype.str, "version": 3})
    T = property(lambda self: on(self.raw.T))
    real = property(lambda self: on(self.raw.real))
    imag = property(lambda self: on(self.raw.imag))

    @property
    def flags(self) -> Flags:
        flags = self.raw.flags
        return Flags(flags.c_contiguous, flags.f_contiguous, flags.owndata)

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[ndarray]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # What comes down

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> Any:
        note("down", "get")
        if blocking or out is None:
            in_order(stream)
        host = np.empty(self.shape, self.dtype, order=order) if out is None else out
        if (host.shape, host.dtype) != (self.shape, self.dtype) or not host.flags.c_contiguous:
            raise ValueError("out must have the shape and the type of the array, in C order")
        (stream or get_current_stream()).take(lambda: host.__setitem__(..., self.raw))
        if blocking or out is None:
            in_order(stream)
        return host

    def item(self, *args: int) -> Any:
        note("down", "item")
        return self.raw.item(*args)

    def tolist(self) -> Any:
        note("down", "tolist")
        return self.raw.tolist()

    def tobytes(self, order: str = "C") -> bytes:
        note("down", "tobytes")
        return self.raw.tobytes(order)

    def __float__(self) -> float:
        note("down", "float")
        return float(self.raw)

    def __int__(self) -> int:
        note("down", "int")
        return int(self.raw)

    def __complex__(self) -> complex:
        note("down", "complex")
        return complex(self.raw)

    def __bool__(self) -> bool:
        note("down", "bool")
        return bool(self.raw) if self.size else False

    def __format__(self, spec: str) -> str:
        note("down", "format")
        return format(self.raw.item() if not self.ndim else self.raw, spec)

    def __repr__(self) -> str:
        note("down", "repr")
        return repr(self.raw)

    def __str__(self) -> str:
        note("down", "str")
        return str(self.raw)

    def __dlpack__(self, **_: Any) -> Any:
        raise BufferError("an array of a device is no memory of the host")

    def __reduce__(self) -> Any:
        return asarray, (self.get(),)

    def __deepcopy__(self, memo: Any) -> ndarray:
        return self.copy()  # type: ignore[attr-defined]

    # Indices

    def __getitem__(self, key: Any) -> ndarray:
        keys, masked = self.keys_of(key)
        if masked:
            note("wait", "a mask of which the True are counted")
        operation()
        return on(self.raw[keys])

    def __setitem__(self, key: Any, value: Any) -> None:
        keys, masked = self.keys_of(key)
        if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        value = off(value)
        if masked and np.ndim(value):
            note("wait", "a mask of which the True are counted")
        refuse_in_capture("an array is written to")
        in_order()
        operation()
        with np.errstate(**QUIET):  # type: ignore[arg-type]
            self.raw[keys] = value

    def keys_of(self, key: Any) -> tuple[Any, bool]:
        """Return the index as NumPy takes it, with the wrapped indices of a device, and whether it has a mask."""
        keys = key if isinstance(key, tuple) else (key,)
        taken = [_axes(k) for k in keys if k is not Ellipsis]
        raw, axis, masked = [], 0, False
        for k in keys:
            if k is Ellipsis:
                axis += self.ndim - sum(taken)
            elif isinstance(k, ndarray):
                masked |= k.dtype == bool
                wraps = k.dtype != bool and axis < self.ndim and self.shape[axis] > 0
                raw.append(k.raw % self.shape[axis] if wraps else k.raw)
                axis += _axes(k)
                continue
            elif isinstance(k, np.ndarray | list):
                note("up", "an index of the host")
                masked |= np.asarray(k).dtype == bool
                axis += _axes(k)
            elif isinstance(k, slice):
                k = slice(*(int(end) if isinstance(end, ndarray) else end for end in (k.start, k.stop, k.step)))
                axis += 1
            else:
                axis += _axes(k)
            raw.append(k)
        return (tuple(raw) if isinstance(key, tuple) else raw[0]), masked

    def nonzero(self) -> Any:
        note("wait", "nonzero")
        return on(self.raw.nonzero())

    def set(self, a: Any, stream: Any = None) -> None:
        if not isinstance(a, np.ndarray) or a.dtype != self.dtype or a.shape != self.shape:
            raise ValueError("an array is set to an array of the host of its shape and type")
        note("up", "set")
        in_order(stream)
        self.raw[...] = a

    def fill(self, value: Any) -> None:
        refuse_in_capture("an array is written to")
        in_order()
        self.raw.fill(off(value))


def _axes(key: Any) -> int:
    """How many axes a part of an index takes."""
    if key is None or key is Ellipsis or isinstance(key, bool):
        return 0
    if isinstance(key, ndarray | np.ndarray | list):
        a = key if not isinstance(key, list) else np.asarray(key)
        return a.ndim if a.dtype == bool else 1
    return 1


def off(value: Any) -> Any:
    """What NumPy computes with: the numbers of a device's array, or a scalar; an array of the host is refused."""
    if isinstance(value, ndarray):
        return value.raw
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, tuple | list):
        return type(value)(off(v) for v in value)
    return value


def on(value: Any) -> Any:
    """The same on the device."""
    if isinstance(value, np.ndarray | np.generic):
        refuse_in_capture("an array is made")
        if LARGEST is not None and value.nbytes > LARGEST:
            raise OutOfMemoryError(f"Out of memory allocating {value.nbytes} bytes (allocated so far: 0 bytes).")
        made = object.__new__(ndarray)
        made.raw = np.asarray(value)
        return made
    if isinstance(value, tuple | list):
        return tuple(map(on, value)) if isinstance(value, tuple) else list(map(on, value))
    return value


def asarray(a: Any, dtype: Any = None, order: Any = None, *, blocking: bool = False) -> ndarray:
    """Return an array of the device, copied up where it is not there."""
    if isinstance(a, ndarray):
        return a if dtype is None or a.dtype == dtype else on(a.raw.astype(dtype))
    if isinstance(a, list | tuple) and any(isinstance(v, ndarray) for v in a):
        return on(np.array([off(v) for v in a], dtype))
    host = np.array(a, dtype, order=order or "K")
    if host.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {host.dtype}")
    note("up", "asarray")
    return on(host.astype(host.dtype.newbyteorder("="), copy=False))


def array(a: Any, dtype: Any = None, copy: bool = True, order: Any = None, ndmin: int = 0) -> ndarray:
    made = asarray(a, dtype, order)
    made = on(made.raw.copy()) if copy and made is a else made
    return on(made.raw.reshape((1,) * (ndmin - made.ndim) + made.shape)) if made.ndim < ndmin else made


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> Any:
    return a.get() if isinstance(a, ndarray) else np.asarray(a)
