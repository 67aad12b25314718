"""For TH-6: how much easier the easiest target is than the hardest, when other images or nets chose the two."""

from __future__ import annotations

import math
from collections.abc import Sequence

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


def chosen_by_others(sweeps: Sequence[Sweep]) -> list[float]:
    """Return for each net its success at the easiest minus the hardest target, which the other nets chose.

    The other nets, on the same images, choose the best step of each target too. NaN for a single net.
    """
    targets = np.unique(sweeps[0].targets)
    curves = np.array([[sweep.success_curve(int(target)) for target in targets] for sweep in sweeps])
    total, n = curves.sum(axis=0), len(sweeps)
    return [_gap((total - net) / (n - 1), net) if n > 1 else math.nan for net in curves]
