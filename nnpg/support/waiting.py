"""Long calls during which Ctrl-C still works.

Python handles Ctrl-C only between two of its own instructions, so not during a long call of NumPy. Such a call runs in
another thread, and this thread waits for it, because a wait can be interrupted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

import numpy as np

from nnpg_kernels.numba.runtime.thread_pool import stop_kernel

T = TypeVar("T")

BIG = 16 << 20  # bytes: a call on fewer is too short to be worth a thread


def waited_for(work: Callable[..., T], *args: Any, size: Any) -> T:
    """Return work(*args); if `size` is a large NumPy array, Ctrl-C ends the wait for it.

    A running kernel is then stopped; the other thread finishes a call of NumPy, whose result is dropped.

    Examples
    --------
    >>> waited_for(np.tanh, np.zeros(3), size=np.zeros(3))
    array([0., 0., 0.])
    """
    if not isinstance(size, np.ndarray) or size.nbytes < BIG:
        return work(*args)
    if threading.current_thread() is not threading.main_thread():  # only the main thread receives Ctrl-C
        return work(*args)
    results: list[T] = []
    errors: list[BaseException] = []
    settings = np.geterr()

    def run() -> None:
        try:
            with np.errstate(**settings):
                results.append(work(*args))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=copy_context().run, args=(run,), name="nnpg call", daemon=True)
    try:
        thread.start()
        thread.join()
    except BaseException:
        stop_kernel(thread.ident)
        raise
    if errors:
        raise errors[0]
    return results[0]
