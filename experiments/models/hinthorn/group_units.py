"""What the units of a layer have in common within a perturbation group, for HI-6: one network at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.models.hinthorn.base import BaseNet
from experiments.models.hinthorn.pairs import Pairs
from experiments.models.hinthorn.variants import CLUSTERS
from nnpg.analysis.concentration import gini, top_share, upper_group
from nnpg.analysis.groups import By, Groups
from nnpg.training_methods.responsibility import predict_restored
from nnpg.training_methods.unit_clusters import adjusted_rand, volatility_clusters
from nnpg.training_methods.volatility import unit_changes
from nnpg_kernels import Array

LEAST = 4  # pairs in a group that is divided


class Responsible(NamedTuple):
    """Of the units that the variance of the volatility separates, on pairs that did not separate them."""

    share: float  # of the units: p0
    change: float  # their part of all volatility
    restored: float  # share of the pairs classified rightly where these units alone are set back
    restored_at_random: float  # the same for as many units at random


class OfLayer(NamedTuple):
    """What the units of one layer have in common."""

    likeness: dict[By, tuple[float, float]]  # of two halves of one group, and of two groups, by the kind of group
    responsible: Responsible
    clusters: float  # agreement of those found on two halves of all pairs


def units_of_groups(base: BaseNet, pairs: Pairs, ways: Sequence[By]) -> list[OfLayer]:
    """Measure the layers of one network: the maps of the last convolution, then the neurons of the dense layer."""
    rng = np.random.default_rng([base.seed, 5])
    changes = unit_changes(base.net, pairs.originals, pairs.adversarial, layers=base.read_at)
    halves = {way: group_halves(pairs.groups(way), rng) for way in ways}
    found = []
    for layer in base.read_at:
        volatility = changes[layer].volatility
        likeness = {way: likeness_of_halves(volatility, halves[way]) for way in ways}
        responsible = responsible_units(base, pairs, layer, volatility, halves["both"], rng)
        found.append(OfLayer(likeness, responsible, cluster_agreement(volatility, rng)))
    return found


def group_halves(groups: Groups, rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Divide the pairs of each group in two at random: the indices of both halves, group by group."""
    halves = []
    for g in np.flatnonzero(groups.sizes >= LEAST):
        members = rng.permutation(np.flatnonzero(groups.index == g))
        halves.append((members[: len(members) // 2], members[len(members) // 2 :]))
    return halves


def likeness_of_halves(volatility: Array, halves: list[tuple[Array, Array]]) -> tuple[float, float]:
    """Rank correlation of a group's two halves, and of a half with other groups' halves: means over the groups."""
    a, b = (_ranks(np.array([volatility[of[i]].mean(axis=0) for of in halves])) for i in (0, 1))
    r = a @ b.T  # (G, G)
    G, one = len(r), np.diag(r)
    return float(one.mean()), float((r.sum() - one.sum()) / max(1, G * (G - 1)))


def responsible_units(
    base: BaseNet, pairs: Pairs, layer: str, volatility: Array, halves: list[tuple[Array, Array]],
    rng: np.random.Generator,
) -> Responsible:  # fmt: skip
    """Separate a layer's units on one half of each group, and see on the other half what hangs on them."""
    shares, changes, judged, chosen = [], [], [], []
    for first, second in halves:
        upper = upper_group(volatility[first].mean(axis=0))
        mean = volatility[second].mean(axis=0)
        shares.append(upper.mean())
        changes.append(mean[upper].sum() / max(mean.sum(), 1e-12))
        judged.append(second)
        chosen.append(np.tile(upper, (len(second), 1)))
    rows, units = np.concatenate(judged), np.concatenate(chosen)
    fooled = pairs[rows]
    random = rng.permuted(units, axis=1)
    restored = [
        predict_restored(base.net, fooled.originals, fooled.adversarial, layer=layer, units=which).argmax(axis=1)
        == fooled.labels
        for which in (units, random)
    ]
    return Responsible(float(np.mean(shares)), float(np.mean(changes)), *(float(right.mean()) for right in restored))


def cluster_agreement(volatility: Array, rng: np.random.Generator) -> float:
    """Divide a layer's units into clusters on both halves of the pairs: how much these agree (adjusted Rand index)."""
    order = rng.permutation(len(volatility))
    a, b = (volatility_clusters(volatility[half], clusters=CLUSTERS) for half in np.array_split(order, 2))
    moving = (a >= 0) & (b >= 0)
    return adjusted_rand(a[moving], b[moving]) if moving.any() else 1.0


def volatility_table(volatility: Array, groups: Groups) -> str:
    """Return one line per group: its pairs, its mean and largest volatility, how uneven it is, and its top units."""
    lines = [f"{'group':10}{'pairs':>6}{'mean':>8}{'largest':>9}{'Gini':>7}{'top 10%':>9}   most volatile units"]
    for name, size, mean, most in zip(
        groups.names, groups.sizes, groups.mean(volatility), groups.max(volatility), strict=True
    ):
        top = ", ".join(map(str, np.argsort(-mean, kind="stable")[:5]))
        figures = f"{mean.mean():8.3f}{most.max():9.3f}{float(gini(mean)):7.2f}{float(top_share(mean)):9.2f}"
        lines.append(f"{name:10}{size:6}{figures}   {top}")
    return "\n".join(lines)


def _ranks(values: Array) -> Array:
    """Ranks (G, F), ties averaged, centred and of length 1, so that products are Spearman's correlation."""
    from scipy.stats import rankdata

    r = rankdata(values, axis=1) - (values.shape[1] + 1) / 2
    return np.asarray(r / np.linalg.norm(r, axis=1, keepdims=True))
