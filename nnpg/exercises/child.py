"""The process in which a student's file runs: `python -m nnpg.exercises.child EXERCISE FILE RESULT SECONDS`.

It judges the file and writes the judgement as JSON. After the time limit a thread of `faulthandler` ends it wherever
it is, and prints the lines that were running.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path

from nnpg.exercises.catalogue import EXERCISES
from nnpg.exercises.judging import judge

PRINTED = 2000  # characters of the student's own prints that are passed on


class Printed(io.TextIOBase):
    """What the student prints: the beginning is written at once, and the rest is dropped."""

    def __init__(self, out: io.TextIOBase) -> None:
        self.out, self.left = out, PRINTED

    def write(self, text: str) -> int:
        """Write what there is room for."""
        part = text[: self.left]
        self.left -= len(part)
        if part:
            self.out.write(part + ("\n..." if not self.left else ""))
            self.out.flush()
        return len(text)


def run(exercise: str, file: str, result: str, seconds: float) -> None:
    """Judge a file, and write the judgement."""
    source = Path(file).read_text(encoding="utf-8")
    printed = Printed(sys.stdout)  # type: ignore[arg-type]
    faulthandler.dump_traceback_later(seconds, exit=True)
    with redirect_stdout(printed):
        judgement = judge(EXERCISES[exercise], source)
    faulthandler.cancel_dump_traceback_later()
    Path(result).write_text(json.dumps(asdict(judgement)), encoding="utf-8")


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
    sys.stdout.flush()
    os._exit(0)  # Python would wait for threads that the file has started
