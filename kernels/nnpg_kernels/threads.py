"""How many threads BLAS may use, and how many the compiled kernels use.

A small network makes thousands of small matrix products. A second BLAS thread does not speed them up, and if the cores
are busy, each product waits for it: training can become a hundred times slower. With one thread, results also have the
same bits for every number of threads that BLAS was set to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from threading import Lock
from typing import Any

import numpy as np

_lock = Lock()
_inside = 0  # callers inside `one_blas_thread` now, in all Python threads: the setting is one for the process
_limiter: Any = None
_count: ContextVar[int | None] = ContextVar("threads", default=None)


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread inside; the first caller sets it, and the last one restores the previous number.

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
    """Let the compiled kernels use `count` threads inside, in place of NNPG_NUM_THREADS; results have the same bits.

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
    before = _count.set(int(count))
    try:
        yield
    finally:
        _count.reset(before)


def thread_count() -> int:
    """Return how many threads the compiled kernels use.

    It is the number of `use_threads`, or NNPG_NUM_THREADS, or the number of processors that this process may use.

    Raises
    ------
    ValueError
        If NNPG_NUM_THREADS is not a whole number above 0.

    Examples
    --------
    >>> thread_count() >= 1
    True
    """
    count = _count.get()
    if count is not None:
        return count
    setting = os.environ.get("NNPG_NUM_THREADS", "")
    if not setting:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not setting.isdigit() or int(setting) < 1:
        raise ValueError(f"NNPG_NUM_THREADS must be a whole number above 0, not {setting!r}")
    return int(setting)


def threads_for(tasks: int) -> int:
    """Return how many threads to use for a number of tasks.

    Examples
    --------
    >>> threads_for(1)
    1
    """
    return max(1, min(thread_count(), tasks))
