"""Threads: how many BLAS may take, and how our own kernels share work.

A small network makes thousands of small matrix products. A second BLAS thread gains nothing there, and where the cores
are busy each product waits for it: training can become a hundred times slower. One thread also gives the same bits
whatever number of threads BLAS was set to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from threading import Lock, get_ident, local
from typing import Any

import numpy as np

from nnpg_kernels import fences

BIG = 16 << 20  # bytes: with so many, a kernel may run for longer than a person waits for Ctrl-C
NONE_LEFT = 2**62  # tasks taken: more than there can be

_lock = Lock()
_inside = 0  # how many are inside `one_blas_thread` now, in all Python threads: the setting belongs to the process
_limiter: Any = None
_wanted: ContextVar[int | None] = ContextVar("threads", default=None)
_running: dict[int, Any] = {}  # by the thread that called `share`: the counter of its kernel
_own = local()  # each calling thread's helpers


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread inside; the first one in sets it, the last one out puts it back.

    Examples
    --------
    >>> with one_blas_thread():
    ...     pass
    """
    global _inside, _limiter
    with _lock:
        if _inside == 0:
            _limiter = _controller().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limiter.restore_original_limits()


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Let our kernels use so many threads inside, whatever NNPG_NUM_THREADS says; results are the same bits.

    Raises
    ------
    ValueError
        If count is not a whole number above 0.

    Examples
    --------
    >>> with use_threads(3):
    ...     thread_count()
    3
    """
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise ValueError(f"the number of threads must be a whole number above 0, not {count!r}")
    before = _wanted.set(int(count))
    try:
        yield
    finally:
        _wanted.reset(before)


def thread_count() -> int:
    """Return how many threads our kernels use.

    That of `use_threads`, or NNPG_NUM_THREADS, or else the processors this process may run on.

    Raises
    ------
    ValueError
        If NNPG_NUM_THREADS is not a whole number above 0.

    Examples
    --------
    >>> thread_count() >= 1
    True
    """
    chosen = _wanted.get()
    if chosen is not None:
        return chosen
    wanted = os.environ.get("NNPG_NUM_THREADS", "")
    if not wanted:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not wanted.isdigit() or int(wanted) < 1:
        raise ValueError(f"NNPG_NUM_THREADS must be a whole number above 0, not {wanted!r}")
    return int(wanted)


def threads_for(tasks: int) -> int:
    """Return how many threads are worth waking for so many tasks.

    Examples
    --------
    >>> threads_for(1)
    1
    """
    return max(1, min(thread_count(), tasks))


def share(kernel: Callable[..., Any], threads: int, *args: Any) -> None:
    """Run a kernel on several threads at once; each takes the next task off a common counter until none is left.

    `kernel(counter, thread, *args)` must release the GIL, and give every output to one task: then the result is the
    same bits whatever `threads` is.
    """
    counter = np.zeros(1, np.int64)

    def work(thread: int, _: int, *own: Any) -> None:
        kernel(counter, thread, *own)

    big = sum(a.nbytes for a in args if isinstance(a, np.ndarray)) > BIG
    _running[get_ident()] = counter
    try:
        with fences.copies(kernel.__name__, args) if fences.ON else nullcontext(args) as own:
            on_threads(work, threads, *own, stay_here=not big)
    except BaseException:  # Ctrl-C: no further task is left for the other threads
        counter[0] = NONE_LEFT
        raise
    finally:
        _running.pop(get_ident(), None)


def stop_kernel(thread: int | None) -> None:
    """Leave no further task to the kernel that the thread of this identity shares out; its result is then of no use."""
    counter = None if thread is None else _running.get(thread)
    if counter is not None:
        counter[0] = NONE_LEFT


def on_threads(work: Callable[..., Any], threads: int, *args: Any, stay_here: bool = True) -> None:
    """Run `work(thread, threads, *args)` on so many threads at once.

    `work` must release the GIL, and hold the memory that it uses: after Ctrl-C this thread does not wait for the
    others. Every calling thread has helpers of its own, so that those of one cannot keep another waiting while all of
    its own team must be there.

    Parameters
    ----------
    stay_here : bool
        This thread is one of them. Otherwise it waits in Python, where it sees Ctrl-C.
    """
    others = [_team(threads).submit(work, t, threads, *args) for t in range(int(stay_here), threads)]
    if stay_here:
        work(0, threads, *args)
    for other in others:
        other.result()


def _team(threads: int) -> ThreadPoolExecutor:
    """The helpers of the calling thread; a fork has none of its parent's."""
    key = (os.getpid(), threads)
    if getattr(_own, "key", None) != key:
        _own.key, _own.team = key, ThreadPoolExecutor(max_workers=threads, thread_name_prefix="nnpg")
    team: ThreadPoolExecutor = _own.team
    return team
