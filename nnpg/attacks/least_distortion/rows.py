"""Rows of a dataclass of arrays (N, ...), dataclasses inside it included: one row for each image or subproblem."""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypeVar

from nnpg_kernels import Array

T = TypeVar("T")


def take(state: T, rows: Array) -> T:
    """Return these rows."""
    parts = {n: take(a, rows) if _nested(a) else a[rows] for n, a in vars(state).items()}
    return type(state)(**parts)


def put(state: Any, rows: Array, new: Any) -> None:
    """Overwrite these rows with those of `new`."""
    for name, value in vars(new).items():
        old = getattr(state, name)
        if _nested(old):
            put(old, rows, value)
        else:
            old[rows] = value


def join(xp: ModuleType, states: list[T]) -> T:
    """Return the rows of several dataclasses as one."""
    joined = {}
    for name, first in vars(states[0]).items():
        parts = [getattr(state, name) for state in states]
        joined[name] = join(xp, parts) if _nested(first) else xp.concatenate(parts)
    return type(states[0])(**joined)


def _nested(a: Any) -> bool:
    return hasattr(a, "__dataclass_fields__")
