"""A second process: it does calls in order, its errors come back, and it is never left behind."""

from __future__ import annotations

import importlib
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nnpg.support.second_process import Second, another_process
from nnpg_kernels.threads import use_threads

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere the calls are done by this process")
PROGRAM = """
import os, time
from nnpg.support.second_process import another_process
from nnpg_kernels.threads import use_threads
with use_threads(2), another_process() as other:
    print(other.begin(os.getpid).result(), flush=True)
    other.begin(time.sleep, 60).result()
"""


@pytest.fixture
def other() -> Iterator[Second]:
    with use_threads(2), another_process() as second:
        yield second


def gone(pid: int) -> bool:
    """Whether there is no such process, at the latest after some seconds."""
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_calls_are_done_in_order_by_another_process_and_errors_come_back(other: Second, tmp_path: Path) -> None:
    path = tmp_path / "text"
    written, read = other.begin(path.write_text, "abc"), other.begin(path.read_text)
    failed = other.begin(math.sqrt, -1.0)
    assert (written.result(), read.result()) == (3, "abc")
    with pytest.raises(ValueError, match="math domain error"):
        failed.result()
    assert other.begin(os.getpid).result() not in (os.getpid(), None)


def test_what_cannot_be_copied_and_what_a_killed_process_has_not_done_is_done_here(other: Second) -> None:
    def here() -> int:
        return os.getpid()

    there: Callable[[], int] = os.getpid
    assert other.begin(here).result() == os.getpid(), "a function that is in no module"
    assert other.begin(importlib.import_module, "math").result() is math, "a result that cannot be copied"
    pid = other.begin(there).result()
    assert pid != os.getpid()
    os.kill(pid, signal.SIGKILL)
    assert other.begin(there).result() == os.getpid()


def test_no_process_is_left_after_an_error_and_what_was_not_done_is_not_done(tmp_path: Path) -> None:
    with pytest.raises(KeyError), use_threads(2), another_process() as other:  # noqa: PT012
        pid = other.begin(os.getpid).result()
        other.begin(time.sleep, 60)
        other.begin((tmp_path / "later").touch)
        raise KeyError
    assert gone(pid)
    assert not (tmp_path / "later").exists()


def test_with_one_thread_this_process_does_the_calls() -> None:
    with use_threads(1), another_process() as other:
        assert other.begin(os.getpid).result() == os.getpid()
        with pytest.raises(ValueError, match="math domain error"):
            other.begin(math.sqrt, -1.0).result()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_the_process_that_started_it(number: int) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, env=environment, stdout=-1, stderr=subprocess.DEVNULL, text=True) as process:
        pid = int(process.stdout.readline())
        process.send_signal(number)
        assert process.wait(20) != 0
    assert gone(pid)
