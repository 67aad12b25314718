"""Which process compiles a kernel: one of them, while the others that need the same kernel wait for its file.

Without this, N processes that start at once with an empty cache would each compile every kernel. A turn is a lock on
one byte of a file in the cache's folder, at a place that depends on the kernel. The system ends it with its process.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from nnpg_kernels.numba.runtime.disk_cache import is_private

try:
    import fcntl
except ImportError:  # Windows: every process compiles for itself
    fcntl = None  # type: ignore[assignment]

LOCKS = "compiling.locks"
PATIENCE = 120.0  # seconds; the other process may have been suspended
STEP = 0.02

_handles: dict[Path, int] = {}  # by folder; open until the process ends, since closing a file ends its locks
_turns: list[tuple[int, int]] = []  # the handle and place of the turn of this process, at most one


def take_turn(path: Path) -> None:
    """Wait until no other process compiles the kernel of this file; the turn of this process lasts until `end_turn`.

    Where there are no locks, or after PATIENCE, it returns at once: the kernel is then compiled by several processes.
    Only one thread may compile at a time; Numba sees to that.
    """
    began = time.monotonic()
    while not try_turn(path) and time.monotonic() < began + PATIENCE:
        time.sleep(STEP)


def try_turn(path: Path) -> bool:
    """Take the turn for the kernel of this file, and return True, unless another process has it."""
    if fcntl is None:
        return True
    place = int.from_bytes(hashlib.sha256(path.name.encode()).digest()[:7], "little")
    try:
        turn = (_handle(path.parent), place)
    except OSError:
        return True
    if turn in _turns:
        return True
    end_turn()
    try:
        fcntl.lockf(turn[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    _turns.append(turn)
    return True


def end_turn() -> None:
    """Let other processes compile, or find the kernel."""
    while _turns:
        handle, place = _turns.pop()
        fcntl.lockf(handle, fcntl.LOCK_UN, 1, place)


def _handle(folder: Path) -> int:
    if not is_private(os.lstat(folder)):
        raise PermissionError(f"{folder} belongs to another user, or others may write to it")
    if folder not in _handles:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        _handles[folder] = os.open(folder / LOCKS, flags, 0o600)
    return _handles[folder]
