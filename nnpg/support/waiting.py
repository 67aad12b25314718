"""Long calls during which Ctrl-C still works.

Python sees Ctrl-C only between two of its own instructions, so not while NumPy goes through a gigabyte. A call on so
many numbers is made by a thread of its own, and this one waits for it: waiting can be interrupted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

import numpy as np

from nnpg_kernels.numba.runtime.thread_pool import stop_kernel

T = TypeVar("T")

BIG = 16 << 20  # bytes: a call on fewer of them takes less than a person waits, and a thread would cost more


def waited_for(work: Callable[..., T], *args: Any, size: Any) -> T:
    """Return work(*args); if `size` is a large NumPy array, Ctrl-C ends the wait for it.

    A kernel that was begun is then stopped; a call into NumPy is finished by the other thread, and thrown away.

    Examples
    --------
    >>> waited_for(np.tanh, np.zeros(3), size=np.zeros(3))
    array([0., 0., 0.])
    """
    if not isinstance(size, np.ndarray) or size.nbytes < BIG:
        return work(*args)
    if threading.current_thread() is not threading.main_thread():  # no other thread is told of Ctrl-C
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
