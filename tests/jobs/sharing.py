"""What the processes of one run of the tests share: folders, and turns, so that one does what the others read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

try:
    import fcntl
except ImportError:  # Windows: each process has a folder of its own
    fcntl = None  # type: ignore[assignment]


def folder_of_all(factory: pytest.TempPathFactory, name: str) -> Path:
    """Return the folder of this name that every process of pytest-xdist shares."""
    base = factory.getbasetemp()  # that of one process lies in the one of all
    folder = (base.parent if fcntl and "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def turn(folder: Path, name: str) -> Iterator[None]:
    """Wait until no other process has the turn of this name; the end of a process ends its turn."""
    if fcntl is None:
        yield
        return
    with (folder / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
