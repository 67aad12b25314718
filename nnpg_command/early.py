"""The package `nnpg` imports this module first, so that Ctrl-C is handled while the command `nnpg` is imported.

`nnpg`, `python -m nnpg` and `python -m nnpg.data.download` import the package before a line of the command has run.
Ctrl-C during that import would otherwise end in a traceback.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from nnpg_command.errors import INTERRUPTED
from nnpg_command.interrupts import interrupted, watch_for_interrupts


def _stopped(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt) and not interrupted():  # NumPy turns it into an ImportError
        sys.__excepthook__(kind, error, trace)
        return
    print("stopped", file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)


def _is_a_command(program: str) -> bool:
    """Whether Python starts a command: it calls the program "-m" while it looks for the module to run."""
    return program == "-m" or Path(program).name in ("nnpg", "nnpg.exe")


if any(map(_is_a_command, sys.argv[:1])):
    watch_for_interrupts()
    sys.excepthook = _stopped
