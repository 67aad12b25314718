"""Imported first by the package `nnpg`: `python -m nnpg` and `python -m nnpg.data.download` import it on their way.

Ctrl-C during that import would otherwise end in a traceback, because no line of the command has run yet.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

from nnpg_command.errors import INTERRUPTED
from nnpg_command.interrupts import interrupted, watch_for_interrupts


def _stopped(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt) and not interrupted():  # NumPy makes an ImportError of it
        sys.__excepthook__(kind, error, trace)
        return
    print("stopped", file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)


if sys.argv[:1] == ["-m"]:  # so Python calls the program while it looks for the module to run, and at no other time
    watch_for_interrupts()
    sys.excepthook = _stopped
