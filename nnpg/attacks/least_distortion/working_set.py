"""All pending subproblems, solved in a working set of as many as memory allows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from nnpg.attacks.least_distortion.norms import Settings
from nnpg.attacks.least_distortion.partial_results import PartialResults
from nnpg.attacks.least_distortion.polish import Solved, move_to_boundary
from nnpg.attacks.least_distortion.results import Outcome
from nnpg.attacks.least_distortion.rows import join, rows_at, take
from nnpg.attacks.least_distortion.solver import Solver
from nnpg.attacks.objective import Objective
from nnpg.support.progress import Advance
from nnpg_kernels import Array

LARGEST = 96  # subproblems, or three blocks of the network where that is more; still more is no faster on a CPU
MEMORY_MB = 256.0  # of the working set on a CPU, unless the caller says otherwise
SHARE = 0.25  # of the free memory of a device
POLISHED_AT_ONCE = 96  # solved subproblems
POLISH_EVERY = 5.0  # seconds, at most


def solve_pending(
    objective: Objective,
    settings: Settings,
    results: PartialResults,
    x0: Array,
    capacity: int,
    polish: bool,
    advance: Advance,
    save: Callable[[], None],
) -> None:
    """Solve what is pending, at most `capacity` subproblems at a time, which the groups share by their positions.

    `x0` are the images (N, m) in the memory of the network's backend.
    """
    k, T, pending = objective.net.backend, results.targets.shape[1], results.pending
    targets = results.targets.ravel()
    groups = objective.group_of(results.x0[pending // T], targets[pending])
    queues = [deque(pending[groups == group].tolist()) for group in range(len(objective.groups))]
    running = np.zeros(len(queues), np.int64)
    limits = [max(1, len(positions) * capacity // objective.block) for positions in objective.groups]
    solver, unpolished = Solver(objective, settings), list[Solved]()

    def vacant(group: int) -> int:
        return limits[group] - int(running[group])

    recorded = time.monotonic()
    try:
        while any(queues) or running.any():
            added = [(queue.popleft(), n) for n, queue in enumerate(queues) for _ in range(min(vacant(n), len(queue)))]
            if added:
                index, group = np.array(added).T
                running += np.bincount(group, minlength=len(queues))
                images, placed_targets = k.asarray(index // T), k.asarray(targets[index])
                solver.add(index, x0[images], placed_targets, group)
            solved = solver.iterate()
            if solved is not None:
                running -= np.bincount(solved.points.group, minlength=len(queues))
                unpolished.append(solved)
            now = time.monotonic()
            enough = min(max(POLISHED_AT_ONCE, 2 * objective.block), capacity)
            full = sum(len(one.outcome) for one in unpolished) >= enough
            if unpolished and (full or now - recorded > POLISH_EVERY or not running.any()):
                advance(_record(objective, settings, results, join(objective.xp, unpolished), polish))
                unpolished, recorded = [], now
            save()
    except KeyboardInterrupt:  # what is solved is recorded, so that the checkpoint holds it
        if unpolished:
            _record(objective, settings, results, join(objective.xp, unpolished), polish)
        raise


def working_set_size(objective: Objective, memory_mb: float | None, x: Array, norm: str, history: int) -> int:
    """Return how many subproblems fit into memory: at least one of each group.

    Raises
    ------
    ValueError
        If fewer fit than there are groups.
    MemoryError
        If a device has less than `memory_mb` of free memory.
    """
    free_bytes = getattr(objective.net.backend, "free_bytes", None)
    free = None if free_bytes is None else free_bytes()
    if memory_mb is None:
        memory_mb = MEMORY_MB if free is None else SHARE * free / 1e6
    if free is not None and memory_mb * 1e6 > free:
        raise MemoryError(
            f"memory_mb={memory_mb:g} asks for {memory_mb * 1e6:.0f} bytes, and {free} are free on the device: pass "
            f"memory_mb={SHARE * free / 1e6:.3g}"
        )
    each, least = _bytes_of_one(x, norm, history) / 1e6, len(objective.groups)
    if not memory_mb >= each * least:
        raise ValueError(
            f"memory_mb={memory_mb:g} is too little: {least} images of {x.shape[1]} pixels with history={history} take "
            f"{each * least:.3g} MB; allow more, or a shorter history"
        )
    fit = int(memory_mb / each)
    return min(max(LARGEST, 3 * objective.block), fit) if free is None else fit


def working_set_does_not_fit(
    objective: Objective, capacity: int, x: Array, norm: str, history: int, error: MemoryError
) -> MemoryError:
    """Return the error of an attack for which memory did not suffice: what it needs, and what to pass."""
    free_bytes, needed = getattr(objective.net.backend, "free_bytes", None), capacity * _bytes_of_one(x, norm, history)
    free = "" if free_bytes is None else f", and {free_bytes()} are free on the device"
    return MemoryError(
        f"{capacity} images at a time need about {needed} bytes beside those of the network{free} ({error}): pass "
        f"memory_mb={needed / 2e6:.3g}"
    )


def _bytes_of_one(x: Array, norm: str, history: int) -> int:
    """Return what one subproblem takes in the working set."""
    return int(x.shape[1] * (20 * history + 55) * (2 if norm == "l1" else 1) * x.itemsize)


def _record(objective: Objective, settings: Settings, results: PartialResults, solved: Solved, polish: bool) -> int:
    """Polish what is solved and record it; return how many images are then done."""
    xp, k, points = objective.xp, objective.net.backend, solved.points
    outcome = k.to_numpy(solved.outcome)
    found = rows_at(k, np.flatnonzero((outcome == Outcome.FOUND) | (outcome == Outcome.UNSETTLED)))
    passes = np.zeros(len(outcome), np.int64)
    if polish and len(found.host):
        x, passes[found.host] = move_to_boundary(objective, take(points, found), settings.box)
        found.put(points.x, x)
        found.put(solved.size, settings.norm.length(x - found.of(points.x0)))
    size, c, evaluations = k.to_numpy(xp.stack([solved.size, solved.c, solved.evaluations.astype(xp.float64)]))
    rows = (points.index, outcome, k.to_numpy(points.x), size, c, evaluations.astype(np.int64) + passes)
    return sum(results.record(*row) for row in zip(*rows, strict=True))
