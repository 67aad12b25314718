"""Fences around arrays, to find kernels that read or write outside them: set NNPG_CHECK=1.

    | no access | 11111... | array | slack 11111... | no access |

A kernel works on addresses, so nothing stops it at the end of an array. With NNPG_CHECK=1, each of its arrays ends at a
page of memory without access: a read or write after its end, or after the slack that a tile may read, ends the process
at once. The memory before the array, and the slack, has every bit set, which is NaN, or -1. A kernel that uses it gives
NaN, and after each run it must be unchanged.

Arrays made by `memory.aligned` are fenced from the start. All others (weights, images, labels, results) get a copy in
fenced memory: the kernel gets the address of the copy, and its changes are copied back after the run. Nothing here is
used, and nothing is slower, unless NNPG_CHECK is set when the kernels are imported.
"""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
import numpy.typing as npt

ON = os.environ.get("NNPG_CHECK", "0") not in ("", "0")
Array = npt.NDArray[Any]
PAGE = mmap.PAGESIZE
ONES = 0xFF
ADDRESSES = 1 << 32  # from here on a number is an address: no size or stride is as large

if ON and not faulthandler.is_enabled():
    faulthandler.enable()


class FenceBroken(RuntimeError):
    """A kernel wrote outside its arrays, or an op has an address that is in none of its arrays."""


class Address(int):
    """A whole number that is an address, and remains one when an offset is added."""

    def __add__(self, offset: int) -> Address:
        """Return the address `offset` bytes further on."""
        return Address(int(self) + offset)


@dataclass(frozen=True)
class Fence:
    """Where an array is in its memory; all in bytes.

    Parameters
    ----------
    low : int
        The address after the first page without access.
    start, size, slack : int
        The array's address, its size, and the bytes after it that a tile may read.
    """

    low: int
    start: int
    size: int
    slack: int

    def broken(self) -> str:
        """Return where something was written outside the array, or ""."""
        if (bytes_at(self.low, self.start - self.low) != ONES).any():
            return "before its start"
        return "after its end" if (bytes_at(self.start + self.size, self.slack) != ONES).any() else ""


_fences: WeakKeyDictionary[mmap.mmap, Fence] = WeakKeyDictionary()


def fenced(shape: int | tuple[int, ...], dtype: npt.DTypeLike, slack: int = 0) -> Array:
    """Return zeros between fences, with `slack` numbers after them."""
    kind = np.dtype(dtype)
    size, slack_size = int(np.prod(shape)) * kind.itemsize, slack * kind.itemsize
    pages = -(-(size + slack_size) // PAGE) + 3  # one before the array, two without access
    memory = mmap.mmap(-1, pages * PAGE)
    whole = np.frombuffer(memory, np.uint8)
    first, last = whole.ctypes.data, whole.ctypes.data + (pages - 1) * PAGE
    start = last - slack_size - size
    whole[PAGE:-PAGE] = ONES
    for page in (first, last):
        if ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect failed")
    _fences[memory] = Fence(first + PAGE, start, size, slack_size)
    array = whole[start - first : start - first + size]
    array[:] = 0
    return array.view(kind).reshape(shape)


def fence_of(a: Array) -> Fence | None:
    """Return the fence around the memory of an array, if there is one."""
    base: Any = a
    while isinstance(base, np.ndarray):
        base = base.base
    return _fences.get(base.obj) if isinstance(base, memoryview) and isinstance(base.obj, mmap.mmap) else None


def bytes_at(start: int, size: int) -> npt.NDArray[np.uint8]:
    """Return the bytes at an address; they may be written to."""
    if not size:
        return np.empty(0, np.uint8)
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(start))


class FencedCopy:
    """A fenced copy of an array, which the kernel gets in its place."""

    def __init__(self, original: Array) -> None:
        self.original = original
        low, high = np.lib.array_utils.byte_bounds(original)
        self.low, self.high = (low, high) if original.size else (low, low)
        self.bytes = bytes_at(self.low, self.high - self.low)
        self.copy = fenced(self.high - self.low, np.uint8)
        self.copy_in()

    def copy_in(self) -> None:
        """Copy the array."""
        self.copy[:] = self.bytes

    def copy_back(self, name: str) -> None:
        """Change in the array all that was changed in the copy."""
        changed = self.copy != self.bytes
        if not changed.any():
            return
        if not self.original.flags.writeable:
            raise FenceBroken(f"{name}: a read-only array {_description(self.original)} was written to")
        self.bytes[changed] = self.copy[changed]


_copies: WeakValueDictionary[tuple[int, int, bool], FencedCopy] = WeakValueDictionary()


def fenced_form(a: Array) -> Array | FencedCopy:
    """Return the array itself where it is fenced, or its fenced copy: one for all ops on the same array."""
    if fence_of(a) is not None:
        return a
    key = (address_of(a), a.nbytes, a.flags.writeable)
    fenced_copy = _copies.get(key)
    if fenced_copy is None or fenced_copy.original is not a:
        fenced_copy = _copies[key] = FencedCopy(a)
    return fenced_copy


def address_of(a: Array) -> Address:
    """Return where an array starts."""
    return Address(a.ctypes.data)


def inside(name: str, field: str, value: int, arrays: Sequence[Array | FencedCopy]) -> int:
    """Return the number to write into a record: an address inside an array, or inside its fenced copy.

    Raises
    ------
    FenceBroken
        If it is an address in none of the arrays, or another number that is as large as an address.
    """
    if not isinstance(value, Address):
        if abs(int(value)) >= ADDRESSES:
            raise FenceBroken(f"{name}: {field} = {value} is no size, and no address that `memory.address` returned")
        return int(value)
    for a in arrays:
        if isinstance(a, FencedCopy) and a.low <= value <= a.high:
            return int(value) - a.low + a.copy.ctypes.data
        if isinstance(a, np.ndarray):
            fence = fence_of(a)
            assert fence is not None
            if fence.start <= value <= fence.start + fence.size:
                return int(value)
    if value == 0:
        return 0
    raise FenceBroken(f"{name}: the address {field} is in none of the arrays that the op keeps")


@contextmanager
def around(name: str, arrays: Iterable[Array | FencedCopy]) -> Iterator[None]:
    """Copy arrays to their fenced copies; after the block has run, check every fence, and copy back.

    Raises
    ------
    FenceBroken
        If a kernel wrote outside an array, or to one that is read-only.
    """
    distinct = list({id(a): a for a in arrays}.values())
    fenced_copies = [a for a in distinct if isinstance(a, FencedCopy)]
    for fenced_copy in fenced_copies:
        fenced_copy.copy_in()
    yield
    for a in distinct:
        fence = fence_of(a.copy if isinstance(a, FencedCopy) else a)
        assert fence is not None
        where = fence.broken()
        if where:
            raise FenceBroken(
                f"{name}: the array {_description(a.original if isinstance(a, FencedCopy) else a)} was written {where}"
            )
    for fenced_copy in fenced_copies:
        fenced_copy.copy_back(name)


@contextmanager
def copies(name: str, args: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield the arguments with fenced copies of the arrays, and copy back the changes."""
    fenced_copies = {id(a): FencedCopy(a) for a in args if isinstance(a, np.ndarray)}
    arguments = []
    for a in args:
        if isinstance(a, np.ndarray):
            a = _like(a, fenced_copies[id(a)])
        arguments.append(a)
    with around(name, fenced_copies.values()):
        yield arguments


def _like(a: Array, fenced_copy: FencedCopy) -> Array:
    """The copy with the shape and strides of the array."""
    offset = address_of(a) - fenced_copy.low
    view = np.ndarray(a.shape, a.dtype, fenced_copy.copy.data, offset, a.strides)
    view.flags.writeable = a.flags.writeable
    return view


def _description(a: Array) -> str:
    return f"of {a.dtype}, {a.shape},"
