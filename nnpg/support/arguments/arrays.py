"""Arrays of numbers, labels, shapes and types."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnpg.support.arguments.messages import described
from nnpg.support.arguments.scalars import as_count
from nnpg_kernels import Array


def is_on_device(value: Any) -> bool:
    """Return whether a value is an array in the memory of a GPU, of any library.

    Examples
    --------
    >>> is_on_device(np.zeros(3))
    False
    """
    return not isinstance(value, np.ndarray | np.generic) and hasattr(value, "__cuda_array_interface__")


def on_host(value: Any, name: str) -> Any:
    """Return an array of CuPy as a NumPy array, copied from its device; any other value as it is.

    Raises
    ------
    TypeError
        If it is an array of another library on a device.

    Examples
    --------
    >>> on_host([1, 2], "x")
    [1, 2]
    """
    return refuse_another_library(value, name).get() if is_on_device(value) else value


def refuse_another_library(value: Any, name: str) -> Any:
    """Return an array of a device, or raise a TypeError if it is not one of CuPy.

    Examples
    --------
    >>> refuse_another_library(np.zeros(1), "x")
    Traceback (most recent call last):
    ...
    TypeError: x must be an array of NumPy or CuPy, not one of numpy on a device: copy it to the host, or give
    cupy.asarray of it to a network on the backend 'cupy'
    """
    if not hasattr(value, "get"):
        library = type(value).__module__.split(".")[0]
        raise TypeError(
            f"{name} must be an array of NumPy or CuPy, not one of {library} on a device: copy it to the host, or "
            "give cupy.asarray of it to a network on the backend 'cupy'"
        )
    return value


def as_array(value: Any, name: str, expected: str = "an array of numbers") -> Array:
    """Return a NumPy array of numbers (bool, whole, real or complex); an array of CuPy is copied to the host.

    Examples
    --------
    >>> as_array(None, "x")
    Traceback (most recent call last):
    ...
    TypeError: x must be an array of numbers, not None
    >>> as_array([[1, 2], [3]], "x")
    Traceback (most recent call last):
    ...
    ValueError: x must be an array of numbers, not [[1, 2], [3]]
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):  # NumPy would drop the mask
        raise ValueError(f"{name} must be {expected}, not an array with masked values: fill or leave them out")
    value = on_host(value, name)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        why = "" if isinstance(value, list | tuple) else f" ({error})"
        raise ValueError(f"{name} must be {expected}, not {described(value)}{why}") from None
    if array.dtype.kind not in "biufc":
        kind = TypeError if array.ndim == 0 else ValueError
        same = isinstance(value, np.ndarray | np.generic) or array.ndim == 0
        raise kind(f"{name} must be {expected}, not {described(value if same else array)}")
    return array


def as_numbers(
    value: Any, name: str, expected: str, *, ndim: int | None = None, finite: bool = False, stays: bool = False
) -> Array:
    """Return an array of real numbers; `expected` says which, such as "an array (N, H, W)".

    An array of a device is copied to the host, or stays there if it `stays`.

    Examples
    --------
    >>> as_numbers([1, 2], "scores", "an array (F,)", ndim=1)
    array([1, 2])
    >>> as_numbers([1j], "scores", "an array (F,)", ndim=1)
    Traceback (most recent call last):
    ...
    ValueError: scores must be an array (F,) of real numbers, not an array complex128 (1,)
    """
    expected = f"{expected} of {'finite' if finite else 'real'} numbers"
    there = stays and is_on_device(value)
    array = refuse_another_library(value, name) if there else as_array(value, name, expected)
    if array.dtype.kind == "c" or (ndim is not None and array.ndim != ndim):
        raise ValueError(f"{name} must be {expected}, not {described(array)}")
    if finite and not all_finite(array):
        raise ValueError(f"{name} must be {expected}, not {described(array)} with NaN or infinity")
    return array


def as_whole(
    value: Any, name: str, expected: str, *, ndim: int | None = None, least: int | None = None, most: int | None = None
) -> Array:
    """Return an array of whole numbers, at least one, in a range.

    Examples
    --------
    >>> as_whole([0, 9], "images", "an array (n,)", least=0, most=3)
    Traceback (most recent call last):
    ...
    ValueError: images must be an array (n,) of whole numbers 0 .. 3, not int64 (2,) from 0 to 9
    """
    low, high = ("" if end is None else end for end in (least, most))
    span = "" if least is None and most is None else f" {low} .. {high}"
    expected = f"{expected} of whole numbers{span}"
    array = as_array(value, name, expected)
    if array.dtype.kind not in "iu" or array.size == 0 or (ndim is not None and array.ndim != ndim):
        raise ValueError(f"{name} must be {expected}, not {described(array)}")
    if (least is not None and array.min() < least) or (most is not None and array.max() > most):
        actual = f"{array.dtype} {array.shape} from {array.min()} to {array.max()}"
        raise ValueError(f"{name} must be {expected}, not {actual}")
    return array


def as_units(value: Any, name: str, *, stays: bool = False) -> Array:
    """Return a mask of units, an array of True and False; one of a device is copied to the host, unless it `stays`.

    Examples
    --------
    >>> as_units([True, False], "units")
    array([ True, False])
    """
    units = as_numbers(value, name, "an array of True and False", stays=stays)
    if units.dtype != bool:
        raise ValueError(f"{name} must be an array of True and False, not {described(value)}")
    return units


def all_finite(array: Array) -> bool:
    """Return whether no number is NaN or infinite.

    Examples
    --------
    >>> all_finite(np.array([1.0, np.nan]))
    False
    """
    if array.dtype.kind not in "fc":
        return True
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        with np.errstate(all="ignore"):  # squares of large numbers may overflow
            if np.isfinite(np.vdot(flat, flat)):  # one pass, and nothing is allocated
                return True
    return bool(np.isfinite(array).all())


def as_parameter(value: Any, name: str, expected: str) -> Array:
    """Return the array of a layer, of any array module; other values become a NumPy array.

    Whole numbers become floats, as weights must be; complex numbers are for derivatives by a complex step.

    Examples
    --------
    >>> as_parameter([1, 2], "b", "an array (F,)")
    array([1., 2.])
    """
    if is_on_device(value):
        return refuse_another_library(value, name)
    array = as_array(value, name, f"{expected} of numbers")
    return array if array.dtype.kind in "fc" else array.astype(np.float64)


def as_labels(labels: Any, N: int, K: int, name: str = "labels", *, stays: bool = False) -> Array:
    """Return labels as an array (N,) of whole numbers.

    Those of a device are copied to the host and checked. If they `stay`, the host does not wait for them, and does not
    see whether each is a class.

    Examples
    --------
    >>> as_labels([0, 3], 2, 3)
    Traceback (most recent call last):
    ...
    ValueError: labels must be 2 whole numbers 0 .. 2, one for each image, not int64 (2,) from 0 to 3
    """
    expected = f"{N} whole numbers 0 .. {K - 1}, one for each image"
    if stays and is_on_device(labels) and labels.shape == (N,) and labels.dtype.kind in "iu":
        return refuse_another_library(labels, name)
    t = as_array(labels, name, expected)
    whole = t.dtype.kind in "iu"
    if t.shape != (N,) or not (whole or t.size == 0) or (N and (t.min() < 0 or t.max() >= K)):
        span = f" from {t.min()} to {t.max()}" if t.size and t.dtype.kind in "iuf" else ""
        raise ValueError(f"{name} must be {expected}, not {t.dtype} {t.shape}{span}")
    return t if whole else t.astype(np.int64)  # an empty list is float64 to NumPy


def as_class(value: Any, K: int, name: str) -> int:
    """Return one class.

    Examples
    --------
    >>> as_class(3, 3, "target")
    Traceback (most recent call last):
    ...
    ValueError: target must be a whole number from 0 to 2, not 3
    """
    return as_count(value, name, least=0, most=K - 1)


def as_shape(value: Any, name: str, ndim: int | None = None) -> tuple[int, ...]:
    """Return the shape of one image, without N; `ndim` says how many numbers it must have.

    Examples
    --------
    >>> as_shape([1, 28, 28], "input_shape")
    (1, 28, 28)
    >>> as_shape(784, "input_shape")
    Traceback (most recent call last):
    ...
    TypeError: input_shape must be (C, H, W) or (D,), whole numbers of at least 1, not 784
    """
    axes = "(C, H, W)" if ndim == 3 else "(C, H, W) or (D,)"
    expected = f"{axes}, whole numbers of at least 1"
    if not isinstance(value, tuple | list | np.ndarray) or len(value) == 0 or len(value) != (ndim or len(value)):
        raise TypeError(f"{name} must be {expected}, not {described(value)}")
    try:
        return tuple(as_count(side, name) for side in value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must be {expected}, not {described(value)}") from None


def as_dtype(value: Any, name: str = "dtype") -> np.dtype[Any]:
    """Return float32 or float64, the types that networks have.

    Examples
    --------
    >>> as_dtype("int8")
    Traceback (most recent call last):
    ...
    ValueError: dtype must be float32 or float64, not 'int8'
    """
    try:
        dtype = np.dtype(value) if value is not None else None
    except TypeError:
        dtype = None
    if dtype is None or dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        kind = TypeError if value is None else ValueError
        raise kind(f"{name} must be float32 or float64, not {described(value)}")
    return dtype
