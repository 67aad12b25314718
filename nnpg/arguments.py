"""What callers give, brought into one form, or refused in one sentence: what was expected, and what was given.

Every public function asks here, once, before any work. What has to fit a network: `network_arguments`.
"""

from __future__ import annotations

import json
import math
import numbers
import operator
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np

from nnpg_kernels import Array

Padding: TypeAlias = int | tuple[int, int] | tuple[int, int, int, int]
T = TypeVar("T")
LONGEST = 80  # characters of a value that a message repeats


def described(value: Any) -> str:
    """Return in few words what a value is, for the end of a message.

    Examples
    --------
    >>> described("sgd"), described(np.zeros((2, 3))), described({1, 2}), described(int)
    ("'sgd'", 'an array float64 (2, 3)', '{1, 2}', 'the class int')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None:
        whole = f"{type(value).__name__} " if isinstance(value, np.ma.MaskedArray) else ""
        return f"{value!r}" if isinstance(value, np.generic) else f"an array {whole}{dtype} {tuple(shape)}"
    if value is None or isinstance(value, str | bytes | numbers.Number | list | tuple | set | dict):
        text = repr(value)
        if len(text) <= LONGEST:
            return text
        return f"a {type(value).__name__} of length {len(value)}" if isinstance(value, Collection) else text[:LONGEST]
    return f"an object of type {type(value).__name__}"


# Numbers, words and files


def as_count(value: Any, name: str, *, least: int = 1, most: int | None = None) -> int:
    """Return a whole number in a range.

    Examples
    --------
    >>> as_count(np.int64(3), "epochs")
    3
    >>> as_count("2", "epochs")
    Traceback (most recent call last):
    ...
    TypeError: epochs must be a whole number of at least 1, not '2'
    """
    span = f"of at least {least}" if most is None else f"from {least} to {most}"
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool | np.bool_) or getattr(value, "dtype", None) == np.bool_:
        raise TypeError(f"{name} must be a whole number {span}, not {described(value)}")
    if count < least or (most is not None and count > most):
        raise ValueError(f"{name} must be a whole number {span}, not {described(count)}")
    return count


def as_number(
    value: Any,
    name: str,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    finite: bool = True,
) -> float:
    """Return a real number in a range, of which `above` and `below` are no part; never NaN.

    Examples
    --------
    >>> as_number(0.5, "momentum", least=0, below=1)
    0.5
    >>> as_number(float("nan"), "lr", above=0)
    Traceback (most recent call last):
    ...
    ValueError: lr must be a finite number above 0, not nan
    """
    low = f" above {above:g}" if above > -math.inf else f" of at least {least:g}" if least > -math.inf else ""
    high = f" below {below:g}" if below < math.inf else f" of at most {most:g}" if most < math.inf else ""
    span = f"a {'finite ' * finite}number{low}{' and' * bool(low and high)}{high}"
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real and getattr(value, "shape", None) == () and getattr(value, "dtype", np.dtype(bool)).kind in "iuf":
        real = True  # an array of one number
    if not real:
        raise TypeError(f"{name} must be {span}, not {described(value)}")
    number = float(value)
    ends = (math.isfinite(number) or not finite) and not math.isnan(number)
    if not (
        ends
        and least <= number <= most
        and (above < number or above == -math.inf)
        and (number < below or below == math.inf)
    ):
        raise ValueError(f"{name} must be {span}, not {number:g}")
    return number


def as_ends(value: Any, name: str) -> tuple[float, float]:
    """Return the two ends of a range, the lower one first.

    Examples
    --------
    >>> as_ends((1, 0), "box")
    Traceback (most recent call last):
    ...
    ValueError: box must be two numbers, (low, high) with low below high, not (1, 0)
    """
    expected = f"{name} must be two numbers, (low, high) with low below high"
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{expected}, not {described(value)}")
    try:
        low, high = (as_number(end, name) for end in value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{expected}, not {described(value)}") from None
    if not low < high:
        raise ValueError(f"{expected}, not {described(value)}")
    return low, high


def as_flag(value: Any, name: str) -> bool:
    """Return True or False, and no other value that Python would take for one of them.

    Examples
    --------
    >>> as_flag("no", "resume")
    Traceback (most recent call last):
    ...
    TypeError: resume must be True or False, not 'no'
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {described(value)}")
    return bool(value)


def as_choice(value: Any, name: str, choices: Iterable[str], *, also: str = "") -> str:
    """Return one of the words that may be chosen.

    Examples
    --------
    >>> as_choice("sum", "norm", ["l1", "max"])
    Traceback (most recent call last):
    ...
    ValueError: norm must be 'l1' or 'max', not 'sum'
    """
    words = [repr(choice) for choice in choices] + ([also] if also else [])
    if not isinstance(value, str) or repr(value) not in words:
        expected = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
        kind = ValueError if isinstance(value, str) else TypeError
        raise kind(f"{name} must be {expected}, not {described(value)}")
    return value


def as_text(value: Any, name: str) -> str:
    """Return a string.

    Examples
    --------
    >>> as_text("pixels", "label")
    'pixels'
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {described(value)}")
    return value


def as_names(value: Any, name: str, count: int | None = None) -> tuple[str, ...]:
    """Return several strings, as many as `count` says.

    Examples
    --------
    >>> as_names(["cat", "dog"], "class_names", 2)
    ('cat', 'dog')
    >>> as_names("cat", "class_names", 2)
    Traceback (most recent call last):
    ...
    TypeError: class_names must be 2 strings, not 'cat'
    """
    expected = f"{'several' if count is None else count} strings"
    if isinstance(value, str | bytes | Mapping | set | frozenset) or not isinstance(value, Iterable | np.ndarray):
        raise TypeError(f"{name} must be {expected}, not {described(value)}")
    if not isinstance(value, Collection):  # a generator is empty after its first reading
        raise TypeError(f"{name} must be {expected} in a list, not {described(value)}")
    if getattr(value, "ndim", 1) != 1 or not all(isinstance(word, str) for word in value):
        raise TypeError(f"{name} must be {expected}, not {described(value)}")
    words = tuple(str(word) for word in value)
    if count is not None and len(words) != count:
        raise ValueError(f"{name} must be {expected}, not {len(words)}")
    return words


def as_class_names(value: Any, K: int, name: str = "class_names") -> tuple[str, ...]:
    """Return the names of K classes; "class 0", "class 1" and so on for None.

    Examples
    --------
    >>> as_class_names(None, 2)
    ('class 0', 'class 1')
    """
    return tuple(f"class {c}" for c in range(K)) if value is None else as_names(value, name, K)


def as_generator(rng: Any, name: str = "rng") -> np.random.Generator:
    """Return a generator of random numbers from a seed, or the one that is given.

    Examples
    --------
    >>> as_generator(None)
    Traceback (most recent call last):
    ...
    TypeError: rng must be a whole number of at least 0 (a seed) or a numpy.random.Generator, not None
    """
    if isinstance(rng, np.random.Generator):
        return rng
    try:
        return np.random.default_rng(as_count(rng, name, least=0))
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name} must be a whole number of at least 0 (a seed) or a numpy.random.Generator, not {described(rng)}"
        ) from None


def as_function(value: Any, name: str, call: str = "") -> Callable[..., Any]:
    """Return something that can be called; `call` says how.

    Examples
    --------
    >>> as_function(3, "watch", "watch(steps, net, units)")
    Traceback (most recent call last):
    ...
    TypeError: watch must be a function, watch(steps, net, units), not 3
    """
    if not callable(value) or isinstance(value, type):
        raise TypeError(f"{name} must be a function, {call}{', ' * bool(call)}not {described(value)}")
    return value


def as_path(value: Any, name: str) -> Path:
    """Return a path.

    Examples
    --------
    >>> as_path(3, "checkpoint")
    Traceback (most recent call last):
    ...
    TypeError: checkpoint must be a path (str or pathlib.Path), not 3
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise TypeError(f"{name} must be a path (str or pathlib.Path), not {described(value)}")
    if not os.fspath(value) or "\0" in os.fspath(value):
        raise ValueError(f"{name} must be the path of a file, not {described(value)}")
    return Path(value)


def as_instance(value: Any, kind: type[T], name: str) -> T:
    """Return an instance of a class of this library.

    Examples
    --------
    >>> from nnpg import SGD
    >>> as_instance("sgd", SGD, "optimiser")
    Traceback (most recent call last):
    ...
    TypeError: optimiser must be a SGD object, not 'sgd'
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__} object, not {described(value)}")
    return value


def as_instances(value: Any, kind: type[T], name: str) -> Sequence[T]:
    """Return a list or tuple of at least one instance of a class of this library.

    Examples
    --------
    >>> from nnpg import SGD
    >>> as_instances([3], SGD, "optimisers")
    Traceback (most recent call last):
    ...
    TypeError: optimisers must be a list of at least one SGD object, not [3]
    """
    of = f"at least one {kind.__name__} object"
    things = as_sequence(value, name, of)
    if not things or not all(isinstance(thing, kind) for thing in things):
        raise (TypeError if things else ValueError)(f"{name} must be a list of {of}, not {described(value)}")
    return things


def as_sequence(value: Any, name: str, of: str) -> Sequence[Any]:
    """Return a list or tuple of things, which are not looked at.

    Examples
    --------
    >>> as_sequence(3, "panels", "Panel objects")
    Traceback (most recent call last):
    ...
    TypeError: panels must be a list of Panel objects, not 3
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list of {of}, not {described(value)}")
    return value


def as_mapping(value: Any, name: str, of: str) -> Mapping[Any, Any]:
    """Return a dict, or another mapping, from strings.

    Examples
    --------
    >>> as_mapping([1], "maps", "name to array (N, H, W)")
    Traceback (most recent call last):
    ...
    TypeError: maps must be a dict from name to array (N, H, W), not [1]
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        what = described(value) if not isinstance(value, Mapping) else f"one with the keys {described(list(value))}"
        raise TypeError(f"{name} must be a dict from {of}, not {what}")
    return value


def as_json(value: T, name: str) -> T:
    """Return what JSON can hold.

    Examples
    --------
    >>> as_json({"seed": 1j}, "known")
    Traceback (most recent call last):
    ...
    ValueError: known must be what JSON can hold, not {'seed': 1j} (Object of type complex is not JSON serializable)
    """
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be what JSON can hold, not {described(value)} ({error})") from None
    return value


# Arrays


def as_array(value: Any, name: str, expected: str = "an array of numbers") -> Array:
    """Return a NumPy array of numbers (bool, whole, real or complex), and no object that only looks like one.

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


def as_numbers(value: Any, name: str, expected: str, *, ndim: int | None = None, finite: bool = False) -> Array:
    """Return an array of real numbers; `expected` says which, such as "an array (N, H, W)".

    Examples
    --------
    >>> as_numbers([1, 2], "scores", "an array (F,)", ndim=1)
    array([1, 2])
    >>> as_numbers([1j], "scores", "an array (F,)", ndim=1)
    Traceback (most recent call last):
    ...
    ValueError: scores must be an array (F,) of real numbers, not an array complex128 (1,)
    """
    if hasattr(value, "__array_namespace__") and not isinstance(value, np.ndarray | np.generic):
        return value  # on another device
    expected = f"{expected} of {'finite' if finite else 'real'} numbers"
    array = as_array(value, name, expected)
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
        found = f"{array.dtype} {array.shape} from {array.min()} to {array.max()}"
        raise ValueError(f"{name} must be {expected}, not {found}")
    return array


def as_units(value: Any, name: str) -> Array:
    """Return which units are meant, an array of True and False.

    Examples
    --------
    >>> as_units([True, False], "units")
    array([ True, False])
    """
    units = as_numbers(value, name, "an array of True and False")
    if units.dtype != bool:
        raise ValueError(f"{name} must be an array of True and False, not {described(value)}")
    return units


def all_finite(array: Array) -> bool:
    """Return whether no number is NaN or infinite; one pass over the array where that is so.

    Examples
    --------
    >>> all_finite(np.array([1.0, np.nan]))
    False
    """
    if array.dtype.kind not in "fc":
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()
    return bool(np.isfinite(total)) or bool(np.isfinite(array).all())  # a sum of large numbers may overflow


def as_parameter(value: Any, name: str, expected: str) -> Array:
    """Return the array of a layer, of any array module; what is no array becomes one of NumPy's.

    Whole numbers become floats, as weights have to be; complex ones are for the derivative by a complex step.

    Examples
    --------
    >>> as_parameter([1, 2], "b", "an array (F,)")
    array([1., 2.])
    """
    if hasattr(value, "__array_namespace__") and not isinstance(value, np.ndarray | np.generic):
        return value  # on another device
    array = as_array(value, name, f"{expected} of numbers")
    return array if array.dtype.kind in "fc" else array.astype(np.float64)


def as_labels(labels: Any, N: int, K: int, name: str = "labels") -> Array:
    """Return labels as an array (N,) of whole numbers.

    Examples
    --------
    >>> as_labels([0, 3], 2, 3)
    Traceback (most recent call last):
    ...
    ValueError: labels must be 2 whole numbers 0 .. 2, one for each image, not int64 (2,) from 0 to 3
    """
    expected = f"{N} whole numbers 0 .. {K - 1}, one for each image"
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


# Hyper-parameters of layers


def pair(layer: Any, field: str) -> None:
    """Turn a layer's field `2` into `(2, 2)`; refuse what is not one or two positive whole numbers."""
    object.__setattr__(layer, field, as_pair(getattr(layer, field), f"{type(layer).__name__}: {field}"))


def as_pair(given: Any, name: str) -> tuple[int, int]:
    """Return `2` as `(2, 2)`.

    Examples
    --------
    >>> as_pair(2, "size"), as_pair((1, 2), "size")
    ((2, 2), (1, 2))
    """
    value = tuple(given) if isinstance(given, tuple | list) else (given, given)
    if len(value) != 2 or not all(_whole(v) and v >= 1 for v in value):
        raise ValueError(f"{name} must be one or two positive whole numbers, not {described(given)}")
    return int(value[0]), int(value[1])


def sides(layer: Any, field: str) -> None:
    """Turn padding `2` or `(rows, columns)` into `(top, bottom, left, right)`."""
    object.__setattr__(layer, field, as_sides(getattr(layer, field), f"{type(layer).__name__}: {field}"))


def as_sides(given: Any, name: str) -> tuple[int, int, int, int]:
    """Return padding `2` or `(rows, columns)` as `(top, bottom, left, right)`.

    Examples
    --------
    >>> as_sides((1, 2), "padding")
    (1, 1, 2, 2)
    """
    value = tuple(given) if isinstance(given, tuple | list) else (given, given)
    if len(value) == 2:
        value = (value[0], value[0], value[1], value[1])
    if len(value) != 4 or not all(_whole(v) and v >= 0 for v in value):
        raise ValueError(
            f"{name} must be a whole number, (rows, columns) or (top, bottom, left, right), none negative, not "
            f"{described(given)}"
        )
    top, bottom, left, right = map(int, value)
    return top, bottom, left, right


def _whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
