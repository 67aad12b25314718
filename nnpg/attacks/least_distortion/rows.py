"""Rows of a dataclass of arrays (N, ...), dataclasses inside it included: one row for each image or subproblem.

`Rows` are numbers that the host knows. `Chosen` are the rows where a mask is set, and the host does not wait to learn
which these are: with NumPy they are taken out and computed alone; on a device all rows are computed, and only those of
the mask are written. Arrays of NumPy in a dataclass of device arrays stay on the host, and are chosen by `Rows` alone.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from nnpg_kernels import Array, Backend

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Rows:
    """Numbers of rows, on the host and in the memory of the backend."""

    host: npt.NDArray[np.int64]
    placed: Array

    def of(self, a: Array) -> Array:
        """Return these rows of an array."""
        return a[self.host] if isinstance(a, np.ndarray) else a[self.placed]

    def put(self, a: Array, values: Any) -> None:
        """Overwrite these rows of an array."""
        a[self.host if isinstance(a, np.ndarray) else self.placed] = values


@dataclass(eq=False, slots=True)
class Chosen:
    """The rows where a mask is set: their numbers with NumPy, the mask (N,) on a device."""

    xp: ModuleType
    rows: Array | None
    mask: Array | None

    @property
    def numbers(self) -> Array:
        """The numbers of the rows that `of` returns."""
        return self.xp.arange(len(self.mask)) if self.mask is not None else self.rows  # type: ignore[return-value]

    @property
    def none(self) -> bool:
        """Whether it is known that there are none."""
        return self.rows is not None and len(self.rows) == 0

    def of(self, a: Array) -> Array:
        """Return these rows of an array, on a device the array itself."""
        return a if self.rows is None else a[self.rows]

    def put(self, a: Array, values: Array) -> None:
        """Overwrite these rows of an array by values that were computed from `of`."""
        if self.mask is None:
            a[self.rows] = values
        else:
            self.xp.copyto(a, values, where=self._along(values))

    def put_at(self, a: Array, key: tuple[Any, ...], values: Array) -> None:
        """Overwrite `a[key]`, one place for each of `numbers`."""
        a[key] = values if self.mask is None else self.xp.where(self._along(values), values, a[key])

    def _along(self, values: Array) -> Array:
        assert self.mask is not None
        return self.mask if values.ndim == 1 else self.mask.reshape(-1, *[1] * (values.ndim - 1))


Selection: TypeAlias = Rows | Chosen


def rows_at(k: Backend, numbers: npt.NDArray[Any]) -> Rows:
    """Return rows by their numbers."""
    return Rows(numbers, k.asarray(numbers))


def choose(xp: ModuleType, mask: Array) -> Chosen:
    """Return the rows where a mask (N,) is set."""
    if xp is np:
        return Chosen(xp, np.flatnonzero(mask), None)
    return Chosen(xp, None, mask)


def take(state: T, rows: Selection | slice) -> T:
    """Return these rows; those of a slice are views, and those of a mask on a device are the arrays themselves."""
    if isinstance(rows, Chosen) and rows.rows is None:
        return copy(state)
    host: Any = rows.host if isinstance(rows, Rows) else rows if isinstance(rows, slice) else rows.rows
    placed = rows.placed if isinstance(rows, Rows) else host
    parts = {
        n: take(a, rows) if _nested(a) else a[host if isinstance(a, np.ndarray) else placed]
        for n, a in vars(state).items()
    }
    return type(state)(**parts)


def put(state: Any, rows: Selection, new: Any) -> None:
    """Overwrite these rows with those of `new`."""
    for name, value in vars(new).items():
        old = getattr(state, name)
        if _nested(old):
            put(old, rows, value)
        else:
            rows.put(old, value)


def join(xp: ModuleType, states: list[T]) -> T:
    """Return the rows of several dataclasses as one."""
    joined = {}
    for name, first in vars(states[0]).items():
        parts = [getattr(state, name) for state in states]
        where = np if isinstance(first, np.ndarray) else xp
        joined[name] = join(xp, parts) if _nested(first) else where.concatenate(parts)
    return type(states[0])(**joined)


def _nested(a: Any) -> bool:
    return hasattr(a, "__dataclass_fields__")
