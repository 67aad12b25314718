"""How many threads BLAS may take.

A small network makes thousands of small matrix products. A second BLAS thread gains nothing there, and where the cores
are busy each product waits for it: training can become a hundred times slower. One thread also gives the same bits
whatever number of threads BLAS was set to.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

_lock = Lock()
_inside = 0  # how many are inside `one_blas_thread` now, in all Python threads: the setting belongs to the process
_limiter: Any = None


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
