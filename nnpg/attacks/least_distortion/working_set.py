"""All pending subproblems, solved in a working set of as many as memory allows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from nnpg.attacks.least_distortion.partial_results import PartialResults
from nnpg.attacks.least_distortion.polish import move_to_boundary
from nnpg.attacks.least_distortion.results import Outcome
from nnpg.attacks.least_distortion.rows import join, take
from nnpg.attacks.least_distortion.solver import Settings, Solved, Solver
from nnpg.attacks.objective import Objective
from nnpg.support.progress import Advance
from nnpg_kernels import Array

LARGEST = 96  # subproblems, or three blocks of the network where that is more; still more is no faster on a CPU
POLISHED_AT_ONCE = 96  # solved subproblems
POLISH_EVERY = 5.0  # seconds, at most


def solve_pending(
    objective: Objective,
    settings: Settings,
    results: PartialResults,
    capacity: int,
    polish: bool,
    advance: Advance,
    save: Callable[[], None],
) -> None:
    """Solve what is pending, at most `capacity` subproblems at a time, which the groups share by their positions."""
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
                solver.add(*map(k.asarray, (index, results.x0[index // T], targets[index], group)))
            solved = solver.iterate()
            if solved is not None:
                running -= np.bincount(k.to_numpy(solved.points.group), minlength=len(queues))
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


def working_set_size(objective: Objective, memory_mb: float, x: Array, norm: str, history: int) -> int:
    """Return how many subproblems fit into memory: at least one of each group.

    Raises
    ------
    ValueError
        If fewer fit than there are groups.
    """
    numbers = x.shape[1] * (20 * history + 55) * (2 if norm == "l1" else 1)
    each, least = numbers * x.itemsize / 1e6, len(objective.groups)
    if not memory_mb >= each * least:
        raise ValueError(
            f"memory_mb={memory_mb:g} is too little: {least} images of {x.shape[1]} pixels with history={history} take "
            f"{each * least:.3g} MB; allow more, or a shorter history"
        )
    return min(max(LARGEST, 3 * objective.block), int(memory_mb / each))


def _record(objective: Objective, settings: Settings, results: PartialResults, solved: Solved, polish: bool) -> int:
    """Polish what is solved and record it; return how many images are then done."""
    xp, to_numpy, points = objective.xp, objective.net.backend.to_numpy, solved.points
    n = xp.flatnonzero((solved.outcome == int(Outcome.FOUND)) | (solved.outcome == int(Outcome.UNSETTLED)))
    if polish and len(n):
        points.x[n], passes = move_to_boundary(objective, take(points, n), settings.box)
        solved.size[n] = settings.norm.length(points.x[n] - points.x0[n])
        solved.evaluations[n] += passes
    rows = (points.index, solved.outcome, points.x, solved.size, solved.c, solved.evaluations)
    return sum(results.record(*row) for row in zip(*map(to_numpy, rows), strict=True))
