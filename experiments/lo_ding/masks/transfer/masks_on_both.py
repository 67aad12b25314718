"""For LD-14: success of net A's masks on net A and on net M, at each size, and at the sizes that net A chooses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from experiments.experiment import Context
from experiments.lo_ding.masks.choice_of_eta import chosen_etas
from experiments.models.masks import SIZES, Reached, halves, lengths, size_sweep
from nnpg import Network
from nnpg.analysis.statistics import rank_correlation
from nnpg.attacks import Sweep, linear, mask_sweep, noise_like, to_unit
from nnpg.data import Dataset

FARTHEST = 12750 / 7000  # the paper's largest eta, by its usual best one


class Pair(NamedTuple):
    """Success of net A's masks on net A and on net M, of masks that are clipped on M, and of noise on M."""

    on_a: Sweep
    on_m: Sweep
    cut: Sweep
    noise: Sweep
    at_etas: float  # on M, at each target's best eta of A


def masks_on_both(a: Network, m: Network, data: Dataset, seed: int, context: Context) -> Pair:
    """Sweep the masks of net A over all sizes, on net A and on net M; the noise is drawn from the seed."""
    on_a, on_m = (size_sweep(a, data, context, of="logprob", victim=victim) for victim in (None, m))
    cut = size_sweep(a, data, context, of="logprob", victim=m, clip=True)
    make = to_unit(noise_like(linear(a, of="logprob"), seed))
    noise = mask_sweep(m, data.x, data.labels, "all", np.append(0, SIZES), masks=make, progress=context.progress)
    of_y = lengths(a, data, on_a.targets, "prob")
    etas = chosen_etas(Reached(on_a.success, on_a.targets, of_y), a.K)
    _, judging = halves(len(data))
    hits = Reached(on_m.success, on_m.targets, of_y).of_images(judging)
    return Pair(on_a, on_m, cut, noise, float(hits.at(etas[hits.targets]).mean()))


def at_best_sizes(pair: Pair) -> tuple[int, tuple[float, ...]]:
    """Return the number of A's best size, and success on the judging half: A, M, M clipped, noise; at M's: M, noise."""
    choosing, judging = halves(len(pair.on_a.labels))
    best, best_m = (int(sweep.success[:, choosing].mean(axis=(1, 2)).argmax()) for sweep in (pair.on_a, pair.on_m))
    there = (float(sweep.success[best, judging].mean()) for sweep in (pair.on_a, pair.on_m, pair.cut, pair.noise))
    return best, (*there, *(float(sweep.success[best_m, judging].mean()) for sweep in (pair.on_m, pair.noise)))


def rising(pair: Pair, best: int) -> float:
    """Rank correlation of success on M and the size, as far as the paper's steps go beyond A's best; 0 if constant."""
    far = np.append(0, SIZES) <= FARTHEST * (0, *SIZES)[max(best, 1)]
    found = rank_correlation(pair.on_m.etas[far], pair.on_m.success_curve()[far])
    return 0.0 if np.isnan(found) else found
