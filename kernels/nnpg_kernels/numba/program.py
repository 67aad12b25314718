"""A program is a table: each row is the address of a kernel and of its numbers. It runs without Python.

    op      one kernel with its record: addresses, sizes and strides
    task    the ops `first` to `last` for images n to n + count, and s: a seed, a slot or a step
    chain   tasks that one thread does in their order, because they write to the same memory
    phase   chains that any thread may do in any order; all end before the next phase begins

Kernels are compiled for a type of number and a tile, and not for sizes: a network of another shape, or another number
of images, is another table. Every number has one writer, and sums have a fixed order, so the result has the same bits
on any number of threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nnpg_kernels.numba.runtime import fences
from nnpg_kernels.numba.runtime.atomics import atomic_load, next_task, wait_for
from nnpg_kernels.numba.runtime.compilation import entry
from nnpg_kernels.numba.runtime.memory import address
from nnpg_kernels.numba.runtime.thread_pool import on_threads
from nnpg_kernels.numba.runtime.together import compile_all

NEXT = -1  # in place of a chain: the thread has to take the next one
ALL = 2**62  # more than any number of tasks
PAUSE_AFTER = 0.2  # seconds in which the calling thread returns to Python, unless one task takes longer
GROWTH = 8  # factor by which it increases its number of tasks between two returns


@dataclass(frozen=True, eq=False)
class Op:
    """A kernel and its numbers.

    Parameters
    ----------
    name : str
        What it does, for messages and tests.
    kernel : compiled kernel
    record : array (1,) of the kernel's record type
    keeps : arrays whose addresses are in the record, so that they live as long as the op
    fenced : with NNPG_CHECK=1, these arrays between fences, or their fenced copies
    """

    name: str
    kernel: Any
    record: npt.NDArray[Any]
    keeps: tuple[Any, ...] = ()
    fenced: tuple[Any, ...] = ()


def op(name: str, kernel: Any, kind: np.dtype[Any], keeps: Sequence[Any], **numbers: int) -> Op:
    """Return an op; every field of the record must have a number."""
    if numbers.keys() != set(kind.names or ()):
        raise TypeError(f"{name}: the record takes {kind.names}, not {tuple(numbers)}")
    if fences.ON:
        return _fenced(name, kernel, kind, keeps, numbers)
    record = np.array([numbers[field] for field in kind.names or ()], np.int64).view(kind)
    return Op(name, kernel, record, tuple(keeps))


def _fenced(name: str, kernel: Any, kind: np.dtype[Any], keeps: Sequence[Any], numbers: Mapping[str, int]) -> Op:
    """The same with NNPG_CHECK=1: each address must be inside an array that the op keeps, and the array is fenced."""
    arrays = [getattr(a, "memory", getattr(a, "record", a)) for a in keeps if a is not None]
    fenced = [fences.fenced_form(a) for a in arrays]
    record = fences.fenced(1, kind)
    record[0] = tuple(fences.inside(name, field, numbers[field], fenced) for field in kind.names or ())
    return Op(name, kernel, record, tuple(keeps), (*fenced, record))


class Task(NamedTuple):
    """Ops `first` to `last` (excluded) for images n to n + images."""

    first: int
    last: int
    n: int
    images: int
    s: int = 0


@dataclass(frozen=True, eq=False)
class Program:
    """The ops of each thread, which work on memory of that thread, and the tasks.

    Parameters
    ----------
    ops : per thread, the same ops
    phases : phases of chains of tasks; a chain may be an array (tasks, 5) of them
    """

    ops: Sequence[Sequence[Op]]
    phases: Sequence[Sequence[Sequence[Task] | npt.NDArray[np.int64]]]

    def __call__(self, times: int = 1, first_time: int = 0) -> None:
        """Do all phases `times` times; kernels get the time t = first_time, first_time + 1 ..."""
        counters = np.zeros(2 * times * len(self.phases), np.int64)
        stop = np.zeros(1, np.int64)
        table, ops = self.table, self.ops

        def work(thread: int, _: int) -> None:
            position, _memory = np.array([0, NEXT, 0, 0]), ops  # after Ctrl-C, a task may outlive the program

            def finished(most: int) -> bool:
                _run(thread, *table, counters, times, first_time, position, stop, most)
                return bool(position[3])

            if thread == 0:
                _with_pauses(finished)
            else:
                finished(ALL)

        try:
            with self._fences() if fences.ON else nullcontext():
                on_threads(work, len(self.ops))
        except BaseException:  # Ctrl-C: the other threads stop after their task and wait for none
            stop[0] = 1
            raise

    def _fences(self) -> AbstractContextManager[None]:
        ops = [o for of_thread in self.ops for o in of_thread]
        return fences.around(" + ".join(dict.fromkeys(o.name for o in ops)), [a for o in ops for a in o.fenced])

    @cached_property
    def table(self) -> tuple[npt.NDArray[Any], ...]:
        """Addresses of kernels and records, by thread and op; tasks; bounds of chains and of phases."""
        compile_all(o.kernel for of_thread in self.ops for o in of_thread)
        kernels = np.array([[o.kernel.address for o in of_thread] for of_thread in self.ops])
        records = np.array([[address(o.record) for o in of_thread] for of_thread in self.ops])
        chains = [chain for phase in self.phases for chain in phase]
        tasks = np.concatenate([np.asarray(chain, np.int64).reshape(-1, 5) for chain in chains])
        starts = np.cumsum([0, *(len(chain) for chain in chains)])
        bounds = np.cumsum([0, *(len(phase) for phase in self.phases)])
        return kernels, records, tasks, starts, bounds


@intrinsic  # type: ignore[untyped-decorator]
def call_kernel(typing: Any, kernel: Any, record: Any, n: Any, count: Any, s: Any, t: Any) -> Any:
    """Call a kernel by its address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        five = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * 5)
        builder.call(builder.inttoptr(args[0], five.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), emit


def _with_pauses(finished: Callable[[int], bool]) -> None:
    """Do tasks until all are done, and return to Python between: only there is Ctrl-C seen."""
    most = 1
    began = time.perf_counter()
    while not finished(most):
        now = time.perf_counter()
        if now - began < PAUSE_AFTER / GROWTH:
            most *= GROWTH
        began = now


@entry
def _run(
    thread: int,
    kernels: Any,
    records: Any,
    tasks: Any,
    starts: Any,
    bounds: Any,
    counters: Any,
    times: int,
    first_time: int,
    position: Any,
    stop: Any,
    most: int,
) -> None:
    """The loop of each thread: take the next chain of the phase until none is left, then wait until all are done.

    It waits for chains and not for threads: one that gets no core delays the others only where it has begun a chain.

    After `most` tasks it writes its position (stage, chain, task, 0) and returns; called again, it continues there. A
    stage is one phase at one time. After `stop` is set, no further task is done and no thread waits.
    """
    phases = len(bounds) - 1
    stage, chain, task = position[0], position[1], position[2]
    while stage < times * phases:
        phase = stage % phases
        if chain == NEXT:
            chain = bounds[phase] + next_task(counters, 2 * stage)
            task = starts[min(chain, bounds[phase + 1])]
        while chain < bounds[phase + 1] and atomic_load(stop, 0) == 0:
            while task < starts[chain + 1] and atomic_load(stop, 0) == 0:
                if most == 0:
                    position[0], position[1], position[2] = stage, chain, task
                    return
                most -= 1
                for o in range(tasks[task, 0], tasks[task, 1]):
                    call_kernel(
                        kernels[thread, o],
                        records[thread, o],
                        tasks[task, 2],
                        tasks[task, 3],
                        tasks[task, 4],
                        first_time + stage // phases,
                    )
                task += 1
            next_task(counters, 2 * stage + 1)  # one more chain is done
            chain = bounds[phase] + next_task(counters, 2 * stage)
            task = starts[min(chain, bounds[phase + 1])]
        wait_for(counters, 2 * stage + 1, bounds[phase + 1] - bounds[phase], stop)
        stage, chain = stage + 1, NEXT
    position[3] = 1
