"""Programs: what is done when, by whom, and that every number of a record is given."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

from nnpg_kernels import load
from nnpg_kernels.geometry import Window
from nnpg_kernels.numba.program import Op, Program, Task, op
from nnpg_kernels.numba.runtime.jit import kernel
from nnpg_kernels.numba.runtime.memory import address, array, record, record_type

NOTE = record_type("log what")


def _note() -> Any:
    def run(address: int, n: int, count: int, s: int, t: int) -> None:
        own = record(address, NOTE)
        log = array(own.log, np.int64)
        place = n * 8
        for i in range(8):
            if log[place + i] == 0:
                log[place + i] = own.what + 10 * s + 100 * t
                return

    return kernel(run)


def note(log: Any, what: int) -> Op:
    return op(f"note {what}", _NOTE, NOTE, (log,), log=address(log), what=what)


_NOTE = _note()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_tasks_of_a_chain_in_order_and_phases_one_after_the_other(threads: int) -> None:
    log = np.zeros((50, 8), np.int64)
    ops = [[note(log, 1), note(log, 2), note(log, 3)] for _ in range(threads)]
    first = [[Task(0, 2, n, 1, 0), Task(0, 1, n, 1, 1)] for n in range(50)]
    second = [np.array([Task(2, 3, n, 1, 2)], np.int64) for n in range(50)]
    Program(ops, [first, second])(times=2, first_time=0)
    expected = [1, 2, 11, 23, 101, 102, 111, 123]
    np.testing.assert_array_equal(log, np.tile(expected, (50, 1)))


def test_a_record_that_lacks_a_number_or_has_one_too_many_is_refused() -> None:
    log = np.zeros(8, np.int64)
    with pytest.raises(TypeError, match="the record takes"):
        op("note", _NOTE, NOTE, (log,), log=address(log))
    with pytest.raises(TypeError, match="the record takes"):
        op("note", _NOTE, NOTE, (log,), log=address(log), what=1, who=2)


def _slow_note() -> Any:
    def run(address: int, n: int, count: int, s: int, t: int) -> None:
        own = record(address, NOTE)
        log = array(own.log, np.int64)
        x = 1
        for i in range(5_000_000):  # some 50 ms; the result is used, so that no compiler leaves it out
            x = (x * 3 + i) % 1_000_003
        log[n] += 1 if x >= 0 else 2

    return kernel(run)


_SLOW = _slow_note()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
@pytest.mark.parametrize("threads", [1, 3])
def test_ctrl_c_stops_a_long_program_on_all_threads(threads: int) -> None:
    log = np.zeros(100_000, np.int64)
    own = [[op("slow", _SLOW, NOTE, (log,), log=address(log), what=1)] for _ in range(threads)]
    program = Program(own, [[[Task(0, 1, n, 1)] for n in range(len(log))]])
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(0.5, interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        program()
    assert time.monotonic() - sent[0] < 1
    time.sleep(0.5)  # the other threads end their task
    done = log.sum()
    assert done < len(log)
    time.sleep(0.3)
    assert log.sum() == done
    quick = np.zeros((50, 8), np.int64)  # and the same threads can be used again
    Program([[note(quick, 1)] for _ in range(threads)], [[[Task(0, 1, n, 1)] for n in range(50)]])()
    assert (quick[:, 0] == 1).all()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_ctrl_c_stops_a_kernel_on_many_images() -> None:
    numba = load("numba")
    x = np.zeros((20_000, 8, 40, 40), np.float32)
    W = np.zeros((64, 8, 5, 5), np.float32)
    numba.conv_forward(x[:1], W, None, Window(size=(5, 5)))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        numba.conv_forward(x, W, None, Window(size=(5, 5)))
    assert time.monotonic() - began < 0.3 + 1
