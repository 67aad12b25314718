"""Programs: what is done when, by whom, and that every number of a record is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnpg_kernels.jit import kernel
from nnpg_kernels.memory import address, array, record, record_type
from nnpg_kernels.program import Op, Program, Task, op

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
