"""Programs that are put together phase by phase."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from nnpg_kernels.numba.program import Op, Program, Task


class Phases:
    """Ops of all threads, and the phases in which they run.

    An op of a thread works on memory of that thread; a shared op is the same for all threads, and its chains write to
    different places.

    Parameters
    ----------
    threads : int
    """

    def __init__(self, threads: int) -> None:
        self.ops: list[list[Op]] = [[] for _ in range(threads)]
        self.phases: list[list[list[Task]]] = []

    def add(self, of_threads: Sequence[Sequence[Op]], tasks: Iterable[tuple[int, int, int]]) -> None:
        """Add a phase: the ops of a thread for each task (n, images, s), which any thread may do."""
        self.add_chains(of_threads, [[task] for task in tasks])

    def add_chains(self, of_threads: Sequence[Sequence[Op]], chains: Sequence[Sequence[tuple[int, int, int]]]) -> None:
        """Add a phase: the ops of a thread for each task of each chain; one thread does all of a chain."""
        first = len(self.ops[0])
        for ops, more in zip(self.ops, of_threads, strict=True):
            ops += more
        self.phases.append([[Task(first, len(self.ops[0]), *task) for task in chain] for chain in chains])

    def add_tasks(self, of_threads: Sequence[Sequence[Op]], tasks: Iterable[tuple[int, int, int]]) -> None:
        """Add a phase in which each task (op, n, images) is one of a thread's ops."""
        first = len(self.ops[0])
        for ops, more in zip(self.ops, of_threads, strict=True):
            ops += more
        self.phases.append([[Task(first + op, first + op + 1, n, images)] for op, n, images in tasks])

    def add_shared(self, ops: Sequence[Op], tasks: Iterable[tuple[int, int, int]] = ((0, 0, 0),)) -> None:
        """Add a phase of ops that all threads share."""
        self.add([ops] * len(self.ops), tasks)

    def add_each(self, chains: Sequence[Sequence[Op]], tasks: Iterable[tuple[int, int, int]]) -> None:
        """Add a phase of chains of shared ops, each with its own task."""
        first, phase = len(self.ops[0]), list[list[Task]]()
        for chain, task in zip(chains, tasks, strict=True):
            phase.append([Task(first, first + len(chain), *task)])
            first += len(chain)
        for ops in self.ops:
            ops += [op for chain in chains for op in chain]
        self.phases.append(phase)

    def repeat(self, first: int, times: int) -> None:
        """Add the phases from the first one on again, for s = 1 .. times - 1."""
        once = self.phases[first:]
        for s in range(1, times):
            self.phases += [[[task._replace(s=s) for task in chain] for chain in phase] for phase in once]

    def made(self, make: Callable[[], list[Op]]) -> list[list[Op]]:
        """Return the ops of each thread."""
        return [make() for _ in self.ops]

    def program(self) -> Program:
        """Return the program of all phases."""
        return Program(self.ops, self.phases)
