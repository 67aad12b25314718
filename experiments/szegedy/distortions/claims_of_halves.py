"""For SZ-T4: the paper's claims on networks of the same and of the other half of the training images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from experiments.experiment import Row, row
from experiments.models.mnist.lbfgs import THREE
from experiments.szegedy.distortions import transfer
from experiments.szegedy.distortions.attacked import RULES, Attacked, sizes
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.analysis.verdicts import Claim, equal_to, more_than
from nnpg_kernels import Array

PAPER = {  # errors in %
    "M1": (100, 26.2, 5.9),
    "M1'": (6.25, 100, 5.1),
    "M2": (8.2, 8.2, 100),
    "noise 0.06": (2.2, 2.6, 2.4),
    "M1, enlarged": (100, 98, 43),
    "M1', enlarged": (96, 100, 22),
    "M2, enlarged": (27, 50, 100),
    "noise 0.1": (2.6, 2.8, 2.7),
}
FACTOR, NEAR = 1.4, 0.05  # the paper's "40%" is rounded to tens of percent
OTHER_WEIGHTS = "M1, other weights"
VICTIMS = (*THREE, OTHER_WEIGHTS)
REMAIN = more_than(0, "the adversarial examples remain hard for models trained even on a disjoint training set")
LESS = more_than(0, "although their effectiveness decreases considerably")
WEIGHTS = more_than(0, "misclassified by networks trained from scratch with different ... initial weights")
CLAIMS: dict[str, tuple[float | None, Claim]] = {  # the paper's number, its claim
    "as found: error of networks of the other half minus that by noise": (0.0445, REMAIN),
    "as found: error of networks of the same half minus that of the other half": (0.0938, LESS),
    "enlarged: error of networks of the other half minus that by noise": (0.328, REMAIN),
    "enlarged: error of networks of the same half minus that of the other half": (0.614, LESS),
    "as found: error of M1 from other weights minus that by noise": (None, WEIGHTS),
}
CONFIDENCE = 1 - 0.05 / ((len(CLAIMS) + 1) * len(RULES))
SAME, OTHER = (([0, 1], [1, 0]), ([0, 1, 2, 2], [2, 2, 0, 1]))  # attacked, tested: trained on the same half, or not


def judged_rows(rule: str, groups: Sequence[Attacked], shares: Array, names: Sequence[str], rms: float) -> list[Row]:
    """Return the rows of the claims for one rule of targets, from errors (S, R, C) of S seeds."""
    over = partial(row, n=len(groups), over="seeds", interval=f"{CONFIDENCE:.1%} t over seeds")
    values = list[Array]()
    for first in (0, 4):  # as found, enlarged
        made, by_noise = shares[:, first : first + 3], shares[:, first + 3]  # (S, 3, C), (S, C)
        same, other = (made[:, attacked, tested].mean(axis=1) for attacked, tested in (SAME, OTHER))
        values += [other - by_noise[:, :3].mean(axis=1), same - other]
    values.append(shares[:, 0, 3] - shares[:, 3, 3])
    judged = [
        over(f"{name}, {rule}", paper, mean_interval(v, confidence=CONFIDENCE), claim=claim)
        for (name, (paper, claim)), v in zip(CLAIMS.items(), values, strict=True)
    ]
    size = mean_interval(np.mean([sizes(groups, name, rule) for name in THREE], axis=0), confidence=CONFIDENCE)
    value, known = rms / size.value, size.low > 0  # else its inverse has no interval: too few seeds
    factor = Interval(value, rms / size.high, rms / size.low) if known else value
    claim = equal_to(FACTOR, NEAR, "magnifies the distortion on average by 40%, from stddev 0.06 to 0.1")
    name = f"enlarged by: {rms:g} over the mean distortion, {rule}"
    enlarged = over(name, FACTOR, factor, unit="factor", claim=claim)
    inside, compared, alike = transfer.agreement(shares, names, VICTIMS, PAPER)
    cells, of_cells = "cells off the diagonal", partial(row, n=compared, over="pairs of nets")
    return [
        *judged,
        enlarged,
        of_cells(f"{cells} that agree with the paper's, {rule}", None, inside, unit="cells"),
        of_cells(f"{cells}, ours and the paper's, {rule}", None, alike, unit="Spearman"),
    ]


def sentence(rule: str, rows: Sequence[Row], shares: Array) -> str:
    """Say what is judged for one rule of targets."""
    said = {r.name.removesuffix(f", {rule}"): r.verdict for r in rows if r.name.endswith(rule)}
    remain, less, remain_larger, less_larger, weights = (said[name] for name in CLAIMS)
    enlarged = next(verdict for name, verdict in said.items() if name.startswith("enlarged by"))
    raw, large = shares[:, :3].mean(axis=0), shares[:, 4:7].mean(axis=0)
    return (
        f"{rule.capitalize()}: that images stay hard for networks trained on the other half: {remain} as found, "
        f"{remain_larger} enlarged; that they are less so than for the same half: {less} and {less_larger}; that they "
        f"are hard for the same half from other weights: {weights}; that the change is enlarged by 40%: {enlarged}; "
        f"over {len(shares)} divisions into halves. As found the images fool networks of the same half in "
        f"{raw[SAME].mean():.1%} and of the other half in {raw[OTHER].mean():.1%}, enlarged in "
        f"{large[SAME].mean():.0%} and {large[OTHER].mean():.0%} (noise: {shares[:, 7, :3].mean():.1%})."
    )
