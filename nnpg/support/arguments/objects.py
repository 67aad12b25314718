"""Functions, objects of a class, lists and dicts of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from nnpg.support.arguments.messages import described

T = TypeVar("T")


def as_function(value: Any, name: str, call: str = "") -> Callable[..., Any]:
    """Return a function; `call` says in the message how it is called.

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
    """Return a list or tuple; its items are not checked.

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
        actual = described(value) if not isinstance(value, Mapping) else f"one with the keys {described(list(value))}"
        raise TypeError(f"{name} must be a dict from {of}, not {actual}")
    return value


def as_json(value: T, name: str) -> T:
    """Return a value that JSON can hold.

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
