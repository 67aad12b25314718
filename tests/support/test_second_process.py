"""A second process: it does calls in order, its errors come back, and it is never left behind."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nnpg.support.second_process import Begin, another_process
from nnpg_kernels.threads import use_threads

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere the calls are done by this process")
PROGRAM = """
import os, time
from nnpg.support.second_process import another_process
from nnpg_kernels.threads import use_threads
with use_threads(2), another_process() as begin:
    print(begin(os.getpid)(), flush=True)
    begin(time.sleep, 60)()
"""


@pytest.fixture
def begin() -> Iterator[Begin]:
    with use_threads(2), another_process() as opened:
        yield opened


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


def test_calls_are_done_in_order_by_another_process_and_errors_come_back(begin: Begin, tmp_path: Path) -> None:
    path = tmp_path / "text"
    written, read = begin(path.write_text, "abc"), begin(path.read_text)
    failed = begin(math.sqrt, -1.0)
    assert (written(), read()) == (3, "abc")
    with pytest.raises(ValueError, match="math domain error"):
        failed()
    assert begin(os.getpid)() not in (os.getpid(), None)


def test_what_a_killed_process_has_not_done_is_done_here(begin: Begin) -> None:
    there: Callable[[], int] = os.getpid
    pid = begin(there)()
    assert pid != os.getpid()
    os.kill(pid, signal.SIGKILL)
    assert begin(there)() == os.getpid()


def test_no_process_is_left_after_an_error_and_what_was_not_done_is_not_done(tmp_path: Path) -> None:
    with pytest.raises(KeyError), use_threads(2), another_process() as begin:  # noqa: PT012
        pid = begin(os.getpid)()
        begin(time.sleep, 60)
        begin((tmp_path / "later").touch)
        raise KeyError
    assert gone(pid)
    assert not (tmp_path / "later").exists()


def test_with_one_thread_this_process_does_the_calls() -> None:
    with use_threads(1), another_process() as begin:
        assert begin(os.getpid)() == os.getpid()
        with pytest.raises(ValueError, match="math domain error"):
            begin(math.sqrt, -1.0)()


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
