"""Fences round arrays, to find kernels that read or write where they must not: set NNPG_CHECK=1.

    | no access | 11111... | array | slack 11111... | no access |

A kernel is given addresses, so nothing stops it at the end of an array. With NNPG_CHECK=1, each array that it is given
the address of ends at a page of memory that nobody may touch: a read or write past its end, or past the slack that a
tile may read, ends the process at once. What lies before the array, and the slack, has every bit set: a NaN, or -1.
A kernel that uses it gives NaN, and after each run it must be as it was.

Arrays made by `memory.aligned` are fenced from the start. All others (weights, images, labels, results) get a twin in
fenced memory: the kernel is given the twin's address, and what it changed there is copied back after the run. Nothing
here is used, and nothing is slower, unless NNPG_CHECK is set when the kernels are imported.
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
NO_ADDRESS = 1 << 32  # no size or stride is as large

if ON and not faulthandler.is_enabled():
    faulthandler.enable()


class FenceBroken(RuntimeError):
    """A kernel wrote where it must not, or an op has an address that lies in none of its arrays."""


class Address(int):
    """A whole number that is an address, and stays one when an offset is added."""

    def __add__(self, offset: int) -> Address:
        """Return the address so many bytes further on."""
        return Address(int(self) + offset)


@dataclass(frozen=True)
class Fence:
    """Where an array lies in its memory; all in bytes.

    Parameters
    ----------
    low : int
        The address behind the page without access that is in front.
    start, size, slack : int
        The array's address, its size, and what a tile may read behind it.
    """

    low: int
    start: int
    size: int
    slack: int

    def broken(self) -> str:
        """Return where something was written beside the array, or ""."""
        if (bytes_at(self.low, self.start - self.low) != ONES).any():
            return "in front of it"
        return "behind it" if (bytes_at(self.start + self.size, self.slack) != ONES).any() else ""


_fences: WeakKeyDictionary[mmap.mmap, Fence] = WeakKeyDictionary()


def fenced(shape: int | tuple[int, ...], dtype: npt.DTypeLike, slack: int = 0) -> Array:
    """Return zeros between fences, with so many numbers of slack behind them."""
    kind = np.dtype(dtype)
    size, behind = int(np.prod(shape)) * kind.itemsize, slack * kind.itemsize
    pages = -(-(size + behind) // PAGE) + 3  # one for what lies in front of the array, two without access
    memory = mmap.mmap(-1, pages * PAGE)
    whole = np.frombuffer(memory, np.uint8)
    first, last = whole.ctypes.data, whole.ctypes.data + (pages - 1) * PAGE
    start = last - behind - size
    whole[PAGE:-PAGE] = ONES
    for page in (first, last):
        if ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect failed")
    _fences[memory] = Fence(first + PAGE, start, size, behind)
    own = whole[start - first : start - first + size]
    own[:] = 0
    return own.view(kind).reshape(shape)


def fence_of(a: Array) -> Fence | None:
    """Return the fence round the memory of an array, if there is one."""
    base: Any = a
    while isinstance(base, np.ndarray):
        base = base.base
    return _fences.get(base.obj) if isinstance(base, memoryview) and isinstance(base.obj, mmap.mmap) else None


def bytes_at(start: int, size: int) -> npt.NDArray[np.uint8]:
    """Return the bytes that lie there; they may be written to."""
    if not size:
        return np.empty(0, np.uint8)
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(start))


class Twin:
    """A fenced copy of an array, which a kernel is given in its place."""

    def __init__(self, original: Array) -> None:
        self.original = original
        low, high = np.lib.array_utils.byte_bounds(original)
        self.low, self.high = (low, high) if original.size else (low, low)
        self.bytes = bytes_at(self.low, self.high - self.low)
        self.copy = fenced(self.high - self.low, np.uint8)
        self.copy_in()

    def copy_in(self) -> None:
        """Let the copy be what the array is now."""
        self.copy[:] = self.bytes

    def copy_back(self, name: str) -> None:
        """Change in the array what was changed in the copy."""
        changed = self.copy != self.bytes
        if not changed.any():
            return
        if not self.original.flags.writeable:
            raise FenceBroken(f"{name}: a read-only array {_words(self.original)} was written to")
        self.bytes[changed] = self.copy[changed]


_twins: WeakValueDictionary[tuple[int, int, bool], Twin] = WeakValueDictionary()


def kept_for(a: Array) -> Array | Twin:
    """Return the array itself where it is fenced, or else its twin: one for all ops that are given the same array."""
    if fence_of(a) is not None:
        return a
    key = (address_of(a), a.nbytes, a.flags.writeable)
    twin = _twins.get(key)
    if twin is None or twin.original is not a:
        twin = _twins[key] = Twin(a)
    return twin


def address_of(a: Array) -> Address:
    """Return where an array starts."""
    return Address(a.ctypes.data)


def inside(name: str, field: str, value: int, kept: Sequence[Array | Twin]) -> int:
    """Return the number to write into a record: an address inside an array, or inside the copy of its twin.

    Raises
    ------
    FenceBroken
        If it is an address that lies in none of the arrays, or a number too large to be anything else.
    """
    if not isinstance(value, Address):
        if abs(int(value)) >= NO_ADDRESS:
            raise FenceBroken(f"{name}: {field} = {value} is no size, and no address that `memory.address` returned")
        return int(value)
    for a in kept:
        if isinstance(a, Twin) and a.low <= value <= a.high:
            return int(value) - a.low + a.copy.ctypes.data
        if isinstance(a, np.ndarray):
            fence = fence_of(a)
            assert fence is not None
            if fence.start <= value <= fence.start + fence.size:
                return int(value)
    if value == 0:
        return 0
    raise FenceBroken(f"{name}: the address {field} lies in none of the arrays that the op keeps")


@contextmanager
def around(name: str, kept: Iterable[Array | Twin]) -> Iterator[None]:
    """Copy arrays to their twins, let something run, see that every fence is whole, and copy back.

    Raises
    ------
    FenceBroken
        If a kernel wrote beside an array, or into one that is read-only.
    """
    each = list({id(a): a for a in kept}.values())
    twins = [a for a in each if isinstance(a, Twin)]
    for twin in twins:
        twin.copy_in()
    yield
    for a in each:
        own = a.copy if isinstance(a, Twin) else a
        fence = fence_of(own)
        assert fence is not None
        where = fence.broken()
        if where:
            raise FenceBroken(
                f"{name}: the array {_words(a.original if isinstance(a, Twin) else a)} was written {where}"
            )
    for twin in twins:
        twin.copy_back(name)


@contextmanager
def copies(name: str, args: Sequence[Any]) -> Iterator[list[Any]]:
    """Give fenced copies of the arrays among some arguments, and copy back what was changed."""
    twins = {id(a): Twin(a) for a in args if isinstance(a, np.ndarray)}
    given = []
    for a in args:
        if isinstance(a, np.ndarray):
            a = _like(a, twins[id(a)])
        given.append(a)
    with around(name, twins.values()):
        yield given


def _like(a: Array, twin: Twin) -> Array:
    """The copy, seen as the array is."""
    offset = address_of(a) - twin.low
    view = np.ndarray(a.shape, a.dtype, twin.copy.data, offset, a.strides)
    view.flags.writeable = a.flags.writeable
    return view


def _words(a: Array) -> str:
    return f"of {a.dtype}, {a.shape},"
