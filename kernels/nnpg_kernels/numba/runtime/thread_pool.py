"""Threads on which compiled kernels run, and how they share the work of one kernel."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import get_ident, local
from typing import Any

import numpy as np

from nnpg_kernels.numba.runtime import fences

BIG = 16 << 20  # bytes: a kernel on more may run so long that Ctrl-C must stop it
NONE_LEFT = 2**62  # a count of tasks taken that is higher than any number of tasks

_running: dict[int, Any] = {}  # by the thread that called `share`: the counter of its kernel
_per_thread = local()  # the pool of each calling thread


def share(kernel: Callable[..., Any], threads: int, *args: Any) -> None:
    """Run a kernel on several threads at once; each takes the next task from a common counter until none is left.

    `kernel(counter, thread, *args)` must release the GIL, and each output must be written by one task only: then the
    result is the same bits for any number of threads.
    """
    counter = np.zeros(1, np.int64)

    def work(thread: int, _: int, *arguments: Any) -> None:
        kernel(counter, thread, *arguments)

    big = sum(a.nbytes for a in args if isinstance(a, np.ndarray)) > BIG
    _running[get_ident()] = counter
    try:
        with fences.copies(kernel.__name__, args) if fences.ON else nullcontext(args) as arguments:
            on_threads(work, threads, *arguments, use_this_thread=not big)
    except BaseException:  # Ctrl-C: no further task is left for the other threads
        counter[0] = NONE_LEFT
        raise
    finally:
        _running.pop(get_ident(), None)


def stop_kernel(thread: int | None) -> None:
    """Stop the kernel that this thread started: it takes no further task, and its result is incomplete."""
    counter = None if thread is None else _running.get(thread)
    if counter is not None:
        counter[0] = NONE_LEFT


def on_threads(work: Callable[..., Any], threads: int, *args: Any, use_this_thread: bool = True) -> None:
    """Run `work(thread, threads, *args)` on several threads at once.

    `work` must release the GIL and keep a reference to the memory that it uses, because after Ctrl-C this thread does
    not wait for the others. Each calling thread has its own pool: threads that wait for each other at a barrier must
    all run at once, which a shared pool does not guarantee.

    Parameters
    ----------
    use_this_thread : bool
        Whether the calling thread is one of them. Otherwise it waits in Python, where it handles Ctrl-C.
    """
    others = [_pool(threads).submit(work, t, threads, *args) for t in range(int(use_this_thread), threads)]
    if use_this_thread:
        work(0, threads, *args)
    for other in others:
        other.result()


def _pool(threads: int) -> ThreadPoolExecutor:
    """Return the pool of the calling thread; after a fork, the child process makes a new one."""
    key = (os.getpid(), threads)
    if getattr(_per_thread, "key", None) != key:
        _per_thread.key = key
        _per_thread.pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="nnpg")
    pool: ThreadPoolExecutor = _per_thread.pool
    return pool
