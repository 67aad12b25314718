"""A program is a table: each row a kernel's address and the numbers that it needs. Running it costs no Python.

    op      one kernel with its record: addresses, sizes and strides
    task    a row of ops from `first` to `last`, for images n .. n + count (and a seed, slot or step number s)
    chain   tasks that one thread does in turn, because they write to the same place
    phase   chains that may be done in any order, by any thread; all end before the next phase begins

Kernels are compiled one by one, for a type of number and a tile, and never for sizes: a network of another shape, or
more images, is another table. Every number has one writer, and what is summed is summed in the same order, so a result
is the same bits on any number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nnpg_kernels.atomics import next_task, wait_for_all
from nnpg_kernels.jit import entry
from nnpg_kernels.memory import address
from nnpg_kernels.threads import on_threads


@dataclass(frozen=True, eq=False)
class Op:
    """A kernel and its numbers.

    Parameters
    ----------
    name : str
        What it does, for people.
    kernel : compiled kernel
    record : array (1,) of the kernel's record type
    keeps : arrays whose addresses are in the record
    """

    name: str
    kernel: Any
    record: npt.NDArray[Any]
    keeps: tuple[Any, ...] = ()


def op(name: str, kernel: Any, kind: np.dtype[Any], keeps: Sequence[Any], **numbers: int) -> Op:
    """Make an op; every field of the record must be given."""
    if numbers.keys() != set(kind.names or ()):
        raise TypeError(f"{name}: the record takes {kind.names}, not {tuple(numbers)}")
    record = np.array([numbers[field] for field in kind.names or ()], np.int64).view(kind)
    return Op(name, kernel, record, tuple(keeps))


class Task(NamedTuple):
    """Ops `first` to `last` (excluded) for images n to n + images."""

    first: int
    last: int
    n: int
    images: int
    s: int = 0


@dataclass(frozen=True, eq=False)
class Program:
    """Ops for each thread, on that thread's own memory, and what is to be done with them.

    Parameters
    ----------
    ops : for each thread, the same ops
    phases : phases of chains of tasks; a chain may be an array (tasks, 5) of them
    """

    ops: Sequence[Sequence[Op]]
    phases: Sequence[Sequence[Sequence[Task] | npt.NDArray[np.int64]]]

    def __call__(self, times: int = 1, first_time: int = 0) -> None:
        """Do all phases, `times` over; kernels are told the time t = first_time, first_time + 1 ..."""
        kernels, records, tasks, starts, bounds = self._table
        counters = np.zeros(2 * times * len(self.phases), np.int64)
        threads = len(self.ops)
        on_threads(_run, threads, kernels, records, tasks, starts, bounds, counters, times, first_time)

    @cached_property
    def _table(self) -> tuple[npt.NDArray[Any], ...]:
        kernels = np.array([[o.kernel.address for o in own] for own in self.ops])
        records = np.array([[address(o.record) for o in own] for own in self.ops])
        chains = [chain for phase in self.phases for chain in phase]
        tasks = np.concatenate([np.asarray(chain, np.int64).reshape(-1, 5) for chain in chains])
        starts = np.cumsum([0, *(len(chain) for chain in chains)])
        bounds = np.cumsum([0, *(len(phase) for phase in self.phases)])
        return kernels, records, tasks, starts, bounds


@intrinsic  # type: ignore[untyped-decorator]
def _call(typing: Any, kernel: Any, record: Any, n: Any, count: Any, s: Any, t: Any) -> Any:
    """Call a kernel by its address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        five = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * 5)
        builder.call(builder.inttoptr(args[0], five.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), emit


@entry
def _run(
    thread: int,
    threads: int,
    kernels: Any,
    records: Any,
    tasks: Any,
    starts: Any,
    bounds: Any,
    counters: Any,
    times: int,
    first_time: int,
) -> None:
    """What each thread does: take the next chain of the phase until none is left, then wait for the others."""
    phases = len(bounds) - 1
    for time in range(times):
        for phase in range(phases):
            counter = 2 * (time * phases + phase)
            chain = bounds[phase] + next_task(counters, counter)
            while chain < bounds[phase + 1]:
                for task in range(starts[chain], starts[chain + 1]):
                    for o in range(tasks[task, 0], tasks[task, 1]):
                        _call(
                            kernels[thread, o],
                            records[thread, o],
                            tasks[task, 2],
                            tasks[task, 3],
                            tasks[task, 4],
                            first_time + time,
                        )
                chain = bounds[phase] + next_task(counters, counter)
            wait_for_all(counters, counter + 1, threads)
