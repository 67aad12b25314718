"""What crosses between host and device, and what waits for the device, each with the line that asked for it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stand_in.streams import capturing

PASSED_OVER = (str(Path(__file__).parent), "/numpy/", "cupy_backend.py")
CHECKOUT = Path(__file__).parents[3]


@dataclass
class Counts:
    """How often data went up, came down, and how often a result was waited for without coming down."""

    lines: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, line that asked)
    operations: int = 0  # functions that make an array on the device, views included, and kernels

    def of(self, kind: str) -> int:
        return sum(times for (other, _), times in self.lines.items() if other == kind)

    @property
    def up(self) -> int:
        return self.of("up")

    @property
    def down(self) -> int:
        return self.of("down")

    @property
    def waits(self) -> int:
        return self.of("wait")

    def __str__(self) -> str:
        lines = (f"  {times} {kind}: {line}" for (kind, line), times in self.lines.most_common())
        return "\n".join([f"up {self.up}, down {self.down}, waits {self.waits}", *lines])


_open: list[Counts] = []


@contextmanager
def counted() -> Iterator[Counts]:
    """Count all that crosses inside, and all that waits."""
    counts = Counts()
    _open.append(counts)
    try:
        yield counts
    finally:
        _open.remove(counts)


def note(kind: str, what: str) -> None:
    """Enter one crossing or one wait; inside a capture neither is possible."""
    refuse_in_capture(what)
    if _open:
        line = asking_line()
        for counts in _open:
            counts.lines[kind, f"{line} {what}"] += 1


def operation() -> None:
    """Count one operation."""
    for counts in _open:
        counts.operations += 1


def asking_line() -> str:
    """Return the innermost line that is not of the stand-in, of NumPy or of the backend."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and any(part in frame.f_code.co_filename for part in PASSED_OVER):
        frame = frame.f_back
    path = Path(frame.f_code.co_filename)
    return f"{path.relative_to(CHECKOUT) if path.is_relative_to(CHECKOUT) else path.name}:{frame.f_lineno}"


def refuse_in_capture(what: str) -> None:
    if capturing():
        raise RuntimeError(f"{what} while a graph is captured: only launches can be part of a graph")
