"""NNPG_CHECK=1 finds each planted fault. In child processes, because some faults end the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from selection import slow_except

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import sys
import numpy as np
from nnpg_kernels.numba.runtime import fences
from nnpg_kernels.numba.runtime.compilation import entry, kernel
from nnpg_kernels.numba.runtime.memory import address, aligned, array, record, record_type
from nnpg_kernels.numba.program import Program, Task, op
from nnpg_kernels.numba.simd import splats, store
from nnpg_kernels.numba.runtime.thread_pool import share

RECORD = record_type("x y first last to")

def run(place, n, count, seed, t):  # y[to] = the sum of x[first : last]
    s = record(place, RECORD)
    x, y = array(s.x, np.float64), array(s.y, np.float64)
    total = 0.0
    for i in range(s.first, s.last):
        total += x[i]
    y[s.to] = total

SUM = kernel(run)

def run(place, n, count, seed, t):  # y[to] = x[first] by words for vectors, for which a negative place is one in front
    s = record(place, RECORD)
    store(splats(array(s.x, np.float64), s.first, 1, 1, 1, 1), array(s.y, np.float64), s.to, 0, 1, 1)

COPY = kernel(run)

@entry
def past(counter, thread, x, y):
    y[0] = x[len(x)]

def work(x, y, first, last, to, keeps=None, at=None, kernel=SUM):
    keeps = (x, y) if keeps is None else keeps
    numbers = {"x": address(x) if at is None else at, "y": address(y), "first": first, "last": last, "to": to}
    Program([[op("sum", kernel, RECORD, keeps, **numbers)]], [[[Task(0, 1, 0, 1)]]])()
    print(y[0])

def user(n):  # an array that is not made by `aligned`
    return np.arange(1.0, n + 1)

slack = aligned(4, "f8", 8)
slack[:] = 1
constant = user(4)
constant.flags.writeable = False
FAULTS = {
    "no fault": lambda: work(user(4), user(1), 0, 4, 0),
    "no fault, aligned": lambda: work(slack, aligned(1, "f8"), 0, 4, 0),
    "read one after": lambda: work(user(4), user(1), 0, 5, 0),
    "read one after, aligned": lambda: work(aligned(4, "f8"), user(1), 0, 5, 0),
    "read one after the slack": lambda: work(slack, user(1), 0, 13, 0),
    "write one after": lambda: work(user(4), user(1), 0, 4, 1),
    "write one after, aligned": lambda: work(user(4), aligned(1, "f8"), 0, 4, 1),
    "read far before": lambda: work(user(4), user(1), -1100, 4, 0, kernel=COPY),
    "read one before": lambda: work(user(4), user(1), -1, 4, 0, kernel=COPY),
    "slack used": lambda: work(slack, user(1), 0, 5, 0),
    "write one before": lambda: work(user(4), user(1), 0, 4, -1, kernel=COPY),
    "write into the slack": lambda: work(user(4), slack, 0, 4, 4),
    "write to a read-only array": lambda: work(user(4), constant, 0, 4, 0),
    "an array not kept": lambda: work(user(4), user(1), 0, 4, 0, keeps=(user(1),)),
    "an address from elsewhere": lambda: work(user(4), user(1), 0, 4, 0, at=slack.ctypes.data),
    "shared kernel reads one past": lambda: share(past, 1, user(4), user(1)),
}
for fault in sys.argv[1:]:
    try:
        FAULTS[fault]()
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""
ENDS_AT_ONCE = [
    "read one after",
    "read one after, aligned",
    "read one after the slack",
    "write one after",
    "write one after, aligned",
    "read far before",
    "shared kernel reads one past",
]
MESSAGES = {
    "write one before": "sum: the array of float64, (1,), was written before its start",
    "write into the slack": "sum: the array of float64, (4,), was written after its end",
    "write to a read-only array": "sum: a read-only array of float64, (4,), was written to",
    "an array not kept": "sum: the address x is in none of the arrays that the op keeps",
    "an address from elsewhere": "is no size, and no address that `memory.address` returned",
}


def child(*faults: str, check: str = "1") -> subprocess.CompletedProcess[str]:
    """Do these one after another in a process of their s, which prints a line for each."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "kernels"), "NNPG_CHECK": check}
    return subprocess.run([sys.executable, "-c", SCRIPT, *faults], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("check", ["0", "1"])
def test_a_correct_kernel_gives_the_same_with_and_without_fences(check: str) -> None:
    assert child("no fault", "no fault, aligned", check=check).stdout.split() == ["10.0", "4.0"]


@pytest.mark.parametrize("fault", slow_except({"read one after", "shared kernel reads one past"}, ENDS_AT_ONCE))
def test_a_read_or_write_after_the_end_ends_the_process(fault: str) -> None:
    ended = child(fault)
    assert ended.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in ended.stderr  # with the Python lines of the call


def test_memory_beside_an_array_is_nan() -> None:
    assert child("read one before", "slack used").stdout.split() == ["nan", "nan"]


def test_a_fault_that_does_not_end_the_process_is_an_error_that_names_it() -> None:
    ended = child(*MESSAGES)
    assert ended.returncode == 0
    for line, words in zip(ended.stdout.splitlines(), MESSAGES.values(), strict=True):
        assert line.startswith("FenceBroken: ")
        assert words in line
