"""Programs: the order of tasks, their threads, Ctrl-C, and the fields of records."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest

from nnpg_kernels import load
from nnpg_kernels.geometry import Window
from nnpg_kernels.numba import program
from nnpg_kernels.numba.program import Op, Program, Task, op
from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import address, array, record, record_type

NOTE = record_type("log number")


def noting_kernel() -> Any:
    def run(address: int, n: int, count: int, s: int, t: int) -> None:
        fields = record(address, NOTE)
        log = array(fields.log, np.int64)
        place = n * 8
        for i in range(8):
            if log[place + i] == 0:
                log[place + i] = fields.number + 10 * s + 100 * t
                return

    return kernel(run)


def note(log: Any, number: int) -> Op:
    return op(f"note {number}", NOTING, NOTE, (log,), log=address(log), number=number)


NOTING = noting_kernel()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_tasks_of_a_chain_and_the_phases_run_in_order(threads: int) -> None:
    log = np.zeros((50, 8), np.int64)
    ops = [[note(log, 1), note(log, 2), note(log, 3)] for _ in range(threads)]
    first = [[Task(0, 2, n, 1, 0), Task(0, 1, n, 1, 1)] for n in range(50)]
    second = [np.array([Task(2, 3, n, 1, 2)], np.int64) for n in range(50)]
    Program(ops, [first, second])(times=2, first_time=0)
    expected = [1, 2, 11, 23, 101, 102, 111, 123]
    np.testing.assert_array_equal(log, np.tile(expected, (50, 1)))


def test_what_a_thread_runs_keeps_the_memory_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C the calling thread does not wait: the program may be gone before another thread ends its task."""
    kept: list[Any] = []
    monkeypatch.setattr(program, "on_threads", lambda work, threads: kept.append(work))
    log = np.zeros((1, 8), np.int64)
    short = Program([[note(log, 1)]], [[[Task(0, 1, 0, 1)]]])
    short()
    memory = weakref.ref(short.ops[0][0])
    del short
    gc.collect()
    assert memory() is not None
    kept.clear()
    gc.collect()
    assert memory() is None


def test_a_record_with_a_missing_or_an_additional_field_is_an_error() -> None:
    log = np.zeros(8, np.int64)
    with pytest.raises(TypeError, match="the record takes"):
        op("note", NOTING, NOTE, (log,), log=address(log))
    with pytest.raises(TypeError, match="the record takes"):
        op("note", NOTING, NOTE, (log,), log=address(log), number=1, other=2)


def slow_noting_kernel() -> Any:
    def run(address: int, n: int, count: int, s: int, t: int) -> None:
        fields = record(address, NOTE)
        log = array(fields.log, np.int64)
        x = 1
        for i in range(5_000_000):  # about 50 ms; the result is used, so that the compiler keeps the loop
            x = (x * 3 + i) % 1_000_003
        log[n] += 1 if x >= 0 else 2

    return kernel(run)


SLOW = slow_noting_kernel()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
@pytest.mark.parametrize("threads", [1, 3])
def test_ctrl_c_stops_a_long_program_on_all_threads(threads: int) -> None:
    log = np.zeros(100_000, np.int64)
    ops = [[op("slow", SLOW, NOTE, (log,), log=address(log), number=1)] for _ in range(threads)]
    Program(ops, [[[Task(0, 1, 0, 1)]]])()  # compiles the kernel, which may take longer than the timer
    log[:] = 0
    program = Program(ops, [[[Task(0, 1, n, 1)] for n in range(len(log))]])
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(0.5, interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        program()
    assert time.monotonic() - sent[0] < 1
    time.sleep(0.5)  # in which the other threads end their task
    done = log.sum()
    assert done < len(log)
    time.sleep(0.3)
    assert log.sum() == done
    quick = np.zeros((50, 8), np.int64)  # the same threads work again
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
