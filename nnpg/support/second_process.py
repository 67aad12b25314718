"""A second process that does calls in their order, while this one goes on: for work of seconds on a second core.

    with another_process() as other:
        drawn = other.begin(draw, numbers, path)
        ...
        drawn.result()

Ctrl-C comes to this process alone. The other one ends with the block, and with this process however that ends.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from nnpg_kernels.threads import thread_count

Call = tuple[Callable[..., Any], tuple[Any, ...]]
Answer = tuple[bool, Any, Exception | None]  # whether the call was done there; its result; its error


class Begun:
    """A call that another process does; where there is none, or it has ended, `result` does it."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call: Call = (function, arguments)
        self.answer: Answer = (False, None, None)
        self.answered = threading.Event()

    def result(self) -> Any:
        """Wait for the call; return its result, or raise its error."""
        self.answered.wait()
        done, result, error = self.answer
        if not done:
            function, arguments = self.call
            return function(*arguments)
        if error is not None:
            raise error
        return result


class Second:
    """Hands calls to another process, if there is one.

    A function is passed by its name in a module, so it must be in one, and its arguments and its result are copied.
    """

    def __init__(self, process: subprocess.Popen[bytes] | None) -> None:
        self.process = process
        self.calls: queue.SimpleQueue[Begun | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._hand_over, name="second process", daemon=True)
        if process is not None:
            self.thread.start()

    def begin(self, function: Callable[..., Any], *arguments: Any) -> Begun:
        """Have a call done behind those that were begun before."""
        begun = Begun(function, *arguments)
        if self.process is None:
            begun.answered.set()
        else:
            self.calls.put(begun)
        return begun

    def end(self) -> None:
        """End the process; what it has not done is not done."""
        if self.process is None:
            return
        self.process.kill()
        self.calls.put(None)
        self.thread.join()
        self.process.communicate()

    def _hand_over(self) -> None:
        """Send calls and receive answers, one after the other."""
        while (begun := self.calls.get()) is not None:
            with suppress(Exception):  # the process was killed, or something cannot be copied
                begun.answer = self._asked(begun.call)
            begun.answered.set()

    def _asked(self, call: Call) -> Answer:
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(pickle.dumps(call))
        self.process.stdin.flush()
        answer: Answer = pickle.load(self.process.stdout)
        return answer


@contextmanager
def another_process() -> Iterator[Second]:
    """Open a second process where there are cores for it; what it has not done when the block ends is not done.

    Examples
    --------
    >>> with another_process() as other:
    ...     print(other.begin(divmod, 7, 3).result())
    (2, 1)
    """
    second = Second(_started() if thread_count() > 1 else None)
    try:
        yield second
    finally:
        second.end()


def _started() -> subprocess.Popen[bytes] | None:
    if os.name != "posix" or not sys.executable:
        return None
    command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:  # a session of its own: Ctrl-C of a terminal comes to this process alone
        return subprocess.Popen(
            command, env=environment, start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    except OSError:
        return None


def serve() -> None:
    """Do the calls that come through the standard input, until its other end is closed."""
    calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # what a call prints is no answer
    threading.Thread(target=_receive, args=(calls,), daemon=True).start()
    while True:
        function, arguments = calls.get()
        answers.write(_answered(function, arguments))
        answers.flush()


def _answered(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """Do a call; return its answer as bytes, or that it is to be done again, where that cannot be copied."""
    try:
        answer: Answer = (True, function(*arguments), None)
    except Exception as error:
        answer = (True, None, error)
    try:
        return pickle.dumps(answer)
    except Exception:
        return pickle.dumps((False, None, None))


def _receive(calls: queue.SimpleQueue[Call]) -> None:
    """Take calls at once, so that the end of the other process is seen while a call is done."""
    try:
        while True:
            calls.put(pickle.load(sys.stdin.buffer))
    finally:  # also where a function is not found here
        os._exit(0)
