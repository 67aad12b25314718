"""Ctrl-C ends every command within a second.

Python handles a signal only between two of its own instructions. While one long call of compiled code runs (a matrix
product, a compiler, the start of a library), it handles none. A second thread receives the signal at once. It waits
briefly for Python to end the command, and otherwise ends the process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NOTICE = 0.4  # seconds in which Python must have handled the signal
ORDERLY = 5.0  # seconds that the command then has to say what was saved
STEP = 0.02

_seen: list[float] = []  # times at which Python handled Ctrl-C
_swallowed: list[bool] = []  # Ctrl-C that arrived where Python drops exceptions, as in `__del__`


def interrupted() -> bool:
    """Return whether this process has received Ctrl-C."""
    return bool(_seen)


def ignore_interrupts() -> None:
    """Ignore Ctrl-C from here on: the command is done, and Python is closing down."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def watch_for_interrupts() -> None:
    """Handle Ctrl-C within a second from here on. For the process of a command only, in its main thread.

    Nothing changes if Ctrl-C is ignored (`nohup`) or already handled by the calling program.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    signal.signal(signal.SIGINT, _notice)
    sys.unraisablehook = _not_dropped
    if os.name != "posix":  # elsewhere only sockets receive the number of a signal
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), name="interrupts", daemon=True).start()


@contextmanager
def interrupts_stay_here() -> Iterator[None]:
    """Start processes inside that never receive Ctrl-C: this process receives it, and ends them.

    A terminal sends Ctrl-C to all processes of a command. A process that is still starting would print a traceback.
    Wrap only the start: Ctrl-C waits until the block ends.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # its start unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _notice(number: int, frame: Any) -> None:
    _seen.append(time.monotonic())
    raise KeyboardInterrupt


def _not_dropped(unraisable: sys.UnraisableHookArgs) -> None:
    if unraisable.exc_type is KeyboardInterrupt:
        _swallowed.append(True)
    else:
        sys.__unraisablehook__(unraisable)


def _watch(reading: int) -> None:
    while signal.SIGINT not in os.read(reading, 64):
        continue
    received = time.monotonic()
    while time.monotonic() < received + (ORDERLY if _seen else NOTICE):
        time.sleep(STEP)
        if _swallowed:
            _swallowed.clear()
            os.kill(os.getpid(), signal.SIGINT)
    _end()


def show_cursor() -> bool:
    """Show the cursor of the terminal, which a progress bar may have hidden; return whether there is a terminal."""
    try:
        terminal = os.isatty(2) and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
        if terminal:
            os.write(2, b"\x1b[?25h")
    except OSError:
        return False
    return terminal


def end_progress_bars() -> None:
    """End the threads that draw progress bars, so that nothing is drawn after the last line.

    A bar ends its own thread, but not where Ctrl-C came while the bar was being started.
    """
    for thread in threading.enumerate():
        if type(thread).__module__ == "rich.live":
            drawing: Any = thread
            drawing.stop()
            drawing.join(1)


def _end() -> None:
    """End the process at once."""
    try:
        if (files := sys.modules.get("nnpg.files.atomic")) is not None:  # an import would take too long
            files.remove_temporaries()
        if show_cursor():
            os.write(2, b"\n")
        os.write(2, b"stopped\n")
    finally:
        os._exit(130)
