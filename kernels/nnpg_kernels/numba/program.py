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
from nnpg_kernels.numba.runtime.atomics import look, next_task, wait_for_all
from nnpg_kernels.numba.runtime.jit import entry
from nnpg_kernels.numba.runtime.memory import address
from nnpg_kernels.numba.runtime.thread_pool import on_threads

NEXT = -1  # instead of a chain: the next one is still to be taken
ALL = 2**62  # more tasks than there can be
A_WHILE = 0.2  # seconds that the calling thread stays away from Python at most, unless one task takes longer
GROWTH = 8  # of the number of tasks that it does at a time


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
    fenced : arrays that have fences, or twins that do, with NNPG_CHECK=1
    """

    name: str
    kernel: Any
    record: npt.NDArray[Any]
    keeps: tuple[Any, ...] = ()
    fenced: tuple[Any, ...] = ()


def op(name: str, kernel: Any, kind: np.dtype[Any], keeps: Sequence[Any], **numbers: int) -> Op:
    """Make an op; every field of the record must be given."""
    if numbers.keys() != set(kind.names or ()):
        raise TypeError(f"{name}: the record takes {kind.names}, not {tuple(numbers)}")
    if fences.ON:
        return _fenced(name, kernel, kind, keeps, numbers)
    record = np.array([numbers[field] for field in kind.names or ()], np.int64).view(kind)
    return Op(name, kernel, record, tuple(keeps))


def _fenced(name: str, kernel: Any, kind: np.dtype[Any], keeps: Sequence[Any], numbers: Mapping[str, int]) -> Op:
    """The same with NNPG_CHECK=1: each address lies in an array that the op keeps, and the array in fences."""
    arrays = [getattr(a, "memory", getattr(a, "record", a)) for a in keeps if a is not None]
    kept = [fences.kept_for(a) for a in arrays]
    record = fences.fenced(1, kind)
    record[0] = tuple(fences.inside(name, field, numbers[field], kept) for field in kind.names or ())
    return Op(name, kernel, record, tuple(keeps), (*kept, record))


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
        counters = np.zeros(2 * times * len(self.phases), np.int64)
        stop = np.zeros(1, np.int64)

        def work(thread: int, threads: int) -> None:  # holds this program, and so its memory, while a thread runs it
            place = np.array([0, NEXT, 0, 0])

            def done(most: int) -> bool:
                _run(thread, threads, *self._table, counters, times, first_time, place, stop, most)
                return bool(place[3])

            if thread == 0:
                _with_pauses(done)
            else:
                done(ALL)

        try:
            with self._fences() if fences.ON else nullcontext():
                on_threads(work, len(self.ops))
        except BaseException:  # Ctrl-C: the other threads end after their task, and wait for nobody
            stop[0] = 1
            raise

    def _fences(self) -> AbstractContextManager[None]:
        ops = [o for each in self.ops for o in each]
        return fences.around(" + ".join(dict.fromkeys(o.name for o in ops)), [a for o in ops for a in o.fenced])

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


def _with_pauses(done: Callable[[int], bool]) -> None:
    """Do tasks until all are done, and come back to Python now and then: only there can it see Ctrl-C."""
    most = 1
    began = time.perf_counter()
    while not done(most):
        now = time.perf_counter()
        if now - began < A_WHILE / GROWTH:
            most *= GROWTH
        began = now


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
    place: Any,
    stop: Any,
    most: int,
) -> None:
    """What each thread does: take the next chain of the phase until none is left, then wait for the others.

    After `most` tasks it notes its place (stage, chain, task, 0) and returns; called again, it goes on from there. A
    stage is one phase at one time. Once `stop` is set, no further task is done, and no thread waits.
    """
    phases = len(bounds) - 1
    stage, chain, task = place[0], place[1], place[2]
    while stage < times * phases:
        phase = stage % phases
        if chain == NEXT:
            chain = bounds[phase] + next_task(counters, 2 * stage)
            task = starts[min(chain, bounds[phase + 1])]
        while chain < bounds[phase + 1] and look(stop, 0) == 0:
            while task < starts[chain + 1] and look(stop, 0) == 0:
                if most == 0:
                    place[0], place[1], place[2] = stage, chain, task
                    return
                most -= 1
                for o in range(tasks[task, 0], tasks[task, 1]):
                    _call(
                        kernels[thread, o],
                        records[thread, o],
                        tasks[task, 2],
                        tasks[task, 3],
                        tasks[task, 4],
                        first_time + stage // phases,
                    )
                task += 1
            chain = bounds[phase] + next_task(counters, 2 * stage)
            task = starts[min(chain, bounds[phase + 1])]
        wait_for_all(counters, 2 * stage + 1, threads, stop)
        stage, chain = stage + 1, NEXT
    place[3] = 1
