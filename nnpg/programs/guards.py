"""Checks of arrays before kernels get their addresses. Kernels check no types, no order and no bounds.

An array is not copied if a kernel can read it: of the plan's type, in C order, in the machine's byte order, at an
aligned address. Otherwise it is copied once, if the result still equals that of the layers. All other arrays raise a
ValueError that names them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.support.arguments import is_on_device
from nnpg_kernels import Array

MOST = 1 << 46  # bytes that one array of a program may have: far above any memory, far below 64-bit addresses


def parameter(name: str, a: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return a layer's array as kernels read it.

    Parameters
    ----------
    name : str
        Name of the array, for the error message.
    a : array of real numbers
        Another type becomes `dtype`, which is the type that the network computes in.
    shape : tuple of int
        The shape that the plan expects.
    dtype : dtype

    Examples
    --------
    >>> parameter("dense1.b", np.zeros(2, "f8")[::-1], (2,), np.dtype("f4")).dtype
    dtype('float32')
    >>> parameter("dense1.b", np.zeros(2), (3,), np.dtype("f4"))
    Traceback (most recent call last):
    ValueError: dense1.b is (2,), not (3,)
    """
    real = type(a) is np.ndarray or is_on_device(a)
    if not real or a.dtype.kind not in "fiub":
        kind = f"an array of {a.dtype}" if real else f"a {type(a).__name__}"
        raise ValueError(f"{name} is {kind}, not a NumPy array of real numbers")
    if a.shape != shape:
        raise ValueError(f"{name} is {a.shape}, not {shape}")
    return ordered(a, dtype)


def ordered(a: Array, dtype: npt.DTypeLike) -> Array:
    """Return the array itself if it is of this type, in C order, native and aligned; else a copy that is."""
    if is_on_device(a):
        typed = a.astype(dtype, copy=False)
        return typed if typed.flags.c_contiguous else typed.copy()
    if a.dtype == dtype and a.flags.c_contiguous and a.flags.aligned:  # the usual case, at a tenth of the cost
        return a
    return np.require(a, np.dtype(dtype).newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"])


def images(x: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return images (N, *shape) as kernels read them."""
    if x.dtype.kind not in "fiub" or x.shape[1:] != shape:
        raise ValueError(f"images must be real numbers (N, {', '.join(map(str, shape))}), not {x.dtype} {x.shape}")
    return ordered(x, dtype)


def indices(what: str, a: Array, count: int, end: int) -> npt.NDArray[np.int64]:
    """Return `count` whole numbers 0 .. end - 1, such as labels, or raise an error: kernels use them as indices."""
    if a.shape != (count,) or a.dtype.kind not in "iu" or (count and not 0 <= a.min() <= a.max() < end):
        span = f" from {a.min()} to {a.max()}" if a.size and a.dtype.kind in "iuf" else ""
        raise ValueError(f"{what} must be {count} whole numbers 0 .. {end - 1}, not {a.dtype} {a.shape}{span}")
    return ordered(a, np.int64)


def like(what: str, a: Array, other: Array) -> Array:
    """Return an array, such as a velocity, that must have the shape and the type of another."""
    if a.shape != other.shape or a.dtype != other.dtype:
        raise ValueError(f"{what} is {a.dtype} {a.shape}, not {other.dtype} {other.shape}")
    return ordered(a, other.dtype)


def written(name: str, a: Array, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Return an array that a kernel writes to, or raise an error if it would have to be copied.

    Examples
    --------
    >>> written("x", np.zeros((2, 2))[:, 0], (2,), np.float64)
    Traceback (most recent call last):
    ValueError: x, which is written to, must be a float64 array (2,) in C order, not float64 (2,)
    """
    if a.shape != shape or a.dtype != dtype or not (a.flags.c_contiguous and a.flags.aligned and a.flags.writeable):
        expected = f"a {np.dtype(dtype)} array {shape} in C order"
        raise ValueError(f"{name}, which is written to, must be {expected}, not {a.dtype} {a.shape}")
    return a
