"""Arrays on their way down to the host, into memory that the driver knows, while the device goes on.

A copy into other memory waits for each page of it, and takes several times as long.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from functools import cache
from threading import Lock
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

LARGE = 1 << 16  # bytes from which the memory makes a difference
HELD_AT_MOST = 4 << 30  # bytes of it in all arrays together: the system cannot use this memory for anything else

_held = 0
_lock = Lock()


def host_array(xp: ModuleType, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return an array of the host for a copy; large ones are in memory that the driver knows, as long as there is any.

    CuPy keeps this memory when the array is gone, for the next one.
    """
    size = math.prod(shape)
    nbytes = size * np.dtype(dtype).itemsize
    if nbytes < LARGE or not _hold(nbytes):
        return np.empty(shape, dtype)
    try:
        flat = np.frombuffer(xp.cuda.alloc_pinned_memory(nbytes), dtype, size)
    except BaseException:
        _release(nbytes)
        raise
    weakref.finalize(flat, _release, nbytes)  # when no view of it is left
    return flat.reshape(shape)


def held() -> int:
    """Return how many bytes of memory that the driver knows arrays have."""
    return _held


def _hold(nbytes: int) -> bool:
    global _held
    with _lock:
        fits = _held + nbytes <= HELD_AT_MOST
        _held += nbytes * fits
    return fits


def _release(nbytes: int) -> None:
    global _held
    with _lock:
        _held -= nbytes


def coming_down(xp: ModuleType, a: Any) -> Callable[[], npt.NDArray[Any]]:
    """Begin to copy an array down; return the function that waits for it, and not for what is launched after it."""
    host = xp.cuda.alloc_pinned_memory(max(1, a.nbytes))
    numbers = np.frombuffer(host, a.dtype, a.size).reshape(a.shape)
    a.get(out=numbers, blocking=False)
    event = xp.cuda.Event(disable_timing=True)
    event.record()

    def wait() -> npt.NDArray[Any]:
        event.synchronize()
        return numbers

    return wait


class Down:
    """Copies beside the current stream: each begins when what was launched before it is done; leaving waits for all.

    Parameters
    ----------
    xp : module
        CuPy.
    a : array (n,) of the device
    host : array (n,)
        To which its parts are copied.
    """

    def __init__(self, xp: ModuleType, a: Any, host: npt.NDArray[Any]) -> None:
        self.xp, self.a, self.host = xp, a, host
        self.stream = _stream(xp, int(xp.cuda.runtime.getDevice()))

    def __enter__(self) -> Down:
        return self

    def bring(self, start: int, end: int) -> None:
        """Copy numbers `start` to `end`."""
        event = self.xp.cuda.Event(disable_timing=True)
        event.record()
        self.stream.wait_event(event)
        self.a[start:end].get(stream=self.stream, out=self.host[start:end], blocking=False)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stream.synchronize()


@cache
def _stream(xp: ModuleType, device: int) -> Any:
    """The stream of copies of a device."""
    return xp.cuda.Stream(non_blocking=True)
