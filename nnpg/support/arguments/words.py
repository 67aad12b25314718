"""Choices, texts, names, paths."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnpg.support.arguments.messages import described


def as_choice(value: Any, name: str, choices: Iterable[str], *, also: str = "") -> str:
    """Return one of the words in `choices`.

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
    if not isinstance(value, Collection):  # a generator can be read only once
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
