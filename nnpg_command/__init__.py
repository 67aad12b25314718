"""Every command of this project ends after an error or Ctrl-C with one line on stderr and an exit code.

    0 done    1 failed (training diverged, a disk is full)    2 bad input or usage    130 interrupted

`nnpg`, `python -m experiments`, `python -m benchmarks` and `python -m nnpg.data.download` all run through `main`.
This package imports only small modules of Python's own, so that Ctrl-C is handled while large modules are imported.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TextIO

from nnpg_command.errors import (
    BAD_INPUT,
    DONE,
    FAILED,
    INTERRUPTED,
    Failures,
    Interrupted,
    UsageError,
    line_of,
    listed,
    verdict,
)
from nnpg_command.interrupts import (
    end_progress_bars,
    ignore_interrupts,
    interrupted,
    show_cursor,
    watch_for_interrupts,
)
from nnpg_command.text import printable

Command = Callable[[list[str]], Any]


def run(command: Command, arguments: Sequence[str]) -> int:
    """Call a command; print its error, if any, as one line on stderr; return the exit code.

    Parameters
    ----------
    command : function of the arguments
        Returns an exit code, or anything else for 0.
    arguments : strings
        With ``--debug`` among them, an error's traceback is printed before its line.

    Examples
    --------
    >>> run(lambda arguments: None, [])
    0
    """
    arguments, stderr = list(arguments), sys.stderr  # while a progress bar runs, sys.stderr is another object
    try:
        code = command(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # a full disk or a closed pipe shows here
        if code == INTERRUPTED:
            _say("stopped", stderr)
        return code if isinstance(code, int) else DONE
    except SystemExit as leaving:
        return _code_of(leaving, stderr)
    except BrokenPipeError:  # `nnpg rank ... | head`
        _discard_output()
        return FAILED
    except BaseException as error:
        if "--debug" in arguments:
            _print_traceback()
        line, code = ("stopped", INTERRUPTED) if _stopped(error) else verdict(error)
        _discard_output_if_broken()
        end_progress_bars()
        _say(line, stderr)
        return code


def main(command: Command, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command as this process, and leave with its exit code.

    After Ctrl-C the process ends at once. Otherwise Python would first wait for threads that run kernels, and would
    change the exit code if the signal came during one of its own `exec` calls.
    """
    watch_for_interrupts()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a character that the encoding lacks is not an error
    code = run(command, sys.argv[1:] if arguments is None else arguments)
    ignore_interrupts()
    if code == INTERRUPTED:
        show_cursor()  # the signal may have come while a progress bar was being started
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)
    gc.freeze()  # otherwise Python searches all objects for reference cycles before it ends: 0.3 s after a demo
    sys.exit(code)


def _stopped(error: BaseException) -> bool:
    """Return whether this is Ctrl-C, or an error that a library raised because of it."""
    return isinstance(error, KeyboardInterrupt) or (interrupted() and not isinstance(error, Interrupted))


def _code_of(leaving: SystemExit, stderr: TextIO | None) -> int:
    if isinstance(leaving.code, int):
        return leaving.code
    if leaving.code is not None:
        _say(f"error: {leaving.code}", stderr)
        return FAILED
    return DONE


def _say(line: str, stderr: TextIO | None) -> None:
    if stderr is None:  # closed: only the exit code reports it
        return
    with contextlib.suppress(OSError, ValueError):  # a full disk
        print(line, file=stderr, flush=True)


def _print_traceback() -> None:
    import traceback

    with contextlib.suppress(OSError, ValueError):
        traceback.print_exc()


def _discard_output_if_broken() -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        _discard_output()


def _discard_output() -> None:
    """Discard unwritten output of stdout, so that Python reports no error about it at the end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


__all__ = [
    "BAD_INPUT",
    "DONE",
    "FAILED",
    "Failures",
    "INTERRUPTED",
    "Interrupted",
    "UsageError",
    "ignore_interrupts",
    "interrupted",
    "line_of",
    "listed",
    "main",
    "printable",
    "run",
    "verdict",
]
