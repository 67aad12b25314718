"""A second process that does calls in their order, while this one goes on: for work of seconds on a second core.

    with another_process() as begin:
        drawn = begin(draw, numbers, path)
        ...
        drawn()

Ctrl-C comes to this process alone. The other one ends with the block, and with this process however that ends.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from typing import Any

from nnpg_command.interrupts import interrupts_stay_here
from nnpg_kernels.threads import thread_count

Begin = Callable[..., Callable[[], Any]]


@contextmanager
def another_process() -> Iterator[Begin]:
    """Open a second process where there are cores for it; what it has not done when the block ends is not done.

    `begin(function, *arguments)` has a call done behind those that were begun before, and returns a function that waits
    for its result, or raises its error. The function is passed by its name in a module, so it must be in one; its
    arguments and its result are copied. Where there is no second process, or it was killed, the call is done here, when
    its result is asked for.

    Examples
    --------
    >>> with another_process() as begin:
    ...     print(begin(divmod, 7, 3)())
    (2, 1)
    """
    if thread_count() == 1:
        yield partial
        return
    others = active_children()
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_end_with_parent)
    with interrupts_stay_here():
        pool.submit(int)  # starts the process
    try:
        yield partial(_begin, pool)
    finally:
        for process in active_children():
            if process not in others:
                process.kill()
                process.join()
        pool.shutdown(wait=False)  # before 3.11.5, Python may wait for ever for a process that was killed


def _begin(pool: ProcessPoolExecutor, function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    try:
        return partial(_result, pool.submit(function, *arguments), function, *arguments)
    except BrokenProcessPool:
        return partial(function, *arguments)


def _result(begun: Future[Any], function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return begun.result()
    except BrokenProcessPool:
        return function(*arguments)


def _end_with_parent() -> None:
    """Ignore Ctrl-C, and end this process when the one that started it has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
    os._exit(0)
