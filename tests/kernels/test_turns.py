"""Turns to compile a kernel: other processes wait for it, until it ends in whichever way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnpg_kernels.numba.runtime import disk_cache, turns
from nnpg_kernels.numba.runtime.turns import end_turn, take_turn

pytest.importorskip("fcntl")
KERNELS = Path(__file__).parent.parent.parent / "kernels"
PROGRAM = """
import sys, time
from pathlib import Path
from nnpg_kernels.numba.runtime.turns import end_turn, take_turn
take_turn(Path(sys.argv[1]))
print("mine", flush=True)
sys.stdin.readline()
end_turn()
print("ended", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that has the turn of a kernel, and the kernel's file."""
    path = disk_cache.private_folder(tmp_path) / "a.kernel"
    command = [sys.executable, "-c", PROGRAM, str(path)]
    environment = os.environ | {"PYTHONPATH": str(KERNELS)}
    with subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout.readline() == "mine\n"
        yield process, path
        process.kill()
    end_turn()


def seconds_for(path: Path) -> float:
    began = time.monotonic()
    take_turn(path)
    return time.monotonic() - began


def test_the_turn_of_another_process_is_waited_for_until_its_end(other, monkeypatch):
    process, path = other
    monkeypatch.setattr(turns, "PATIENCE", 0.3)
    assert seconds_for(path) >= 0.3, "it is not there within the patience"
    assert seconds_for(path.with_name("b.kernel")) < 0.3, "that of another kernel is"
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ended\n"
    assert seconds_for(path) < 0.3


def test_a_process_that_is_killed_ends_its_turn(other, monkeypatch):
    process, path = other
    monkeypatch.setattr(turns, "PATIENCE", 60.0)
    process.kill()
    assert seconds_for(path) < 30


def test_nobody_waits_in_a_folder_that_others_may_write_to(other):
    _, path = other
    path.parent.chmod(0o777)
    assert seconds_for(path) < 1


def test_a_file_system_without_locks_is_no_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(turns.fcntl, "lockf", refuse)
    assert seconds_for(disk_cache.private_folder(tmp_path) / "a.kernel") < 1
    assert seconds_for(tmp_path / "no folder" / "a.kernel") < 1
