"""For TH-6: how much easier the easiest target is than the hardest, on other images than those that chose the two."""

from __future__ import annotations

import math

import numpy as np

from nnpg.attacks import Sweep
from nnpg_kernels import Array


def chosen_apart(sweep: Sweep) -> float:
    """Return the success at the easiest minus the hardest target; NaN where there are too few images to choose apart.

    Every second image chooses the two targets and the best step of each; the other images judge them; then the two
    halves change places, and the two differences are averaged.
    """
    halves = np.arange(len(sweep.targets)) % 2
    targets = np.intersect1d(*(sweep.targets[halves == half] for half in (0, 1)))
    if len(targets) < 2:
        return math.nan
    curves = [np.stack([_success(sweep, int(target), halves == half) for target in targets]) for half in (0, 1)]
    return float(np.mean([_gap(curves[half], curves[1 - half]) for half in (0, 1)]))


def _success(sweep: Sweep, target: int, chosen: Array) -> Array:
    """Share of the chosen images that each step changes to the target, (steps,)."""
    return np.asarray(sweep.success[:, sweep.of_target(target) & chosen[:, None]].mean(axis=1))


def _gap(choosing: Array, judging: Array) -> float:
    """Difference between two targets, (targets, steps) each: on the one half chosen, on the other judged."""
    best = choosing.max(axis=1)
    easiest, hardest = int(best.argmax()), int(best.argmin())
    steps = choosing.argmax(axis=1)
    return float(judging[easiest, steps[easiest]] - judging[hardest, steps[hardest]])
