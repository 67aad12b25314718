"""Attacks that the paper lacks: another norm, a limit for every pixel, confidence, a given distortion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.experiment import Row, row
from experiments.szegedy.distortions import transfer
from experiments.szegedy.distortions.attacked import TOLERANCES, Attacked
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import share_interval
from nnpg.attacks import Distorted, projected_gradient

Cells = tuple[list[int], list[int]]  # rows and columns of a matrix
ALTERED = 0.01  # a pixel is altered by more than this


def other_norms(groups: Sequence[Attacked], net: str, epsilon: float) -> list[Row]:
    """Return rows of the least L1 change, and the least L2 change with a limit for every pixel,
    beside the least L2 change.
    """
    values = np.array([_measured(group, net, epsilon) for group in groups]).T
    limit = f"no pixel changed by more than {epsilon:g}"
    names = {
        "least L1 change, |r|_1 as a share of that of the least L2 change": "fraction",
        "least L1 change, pixels altered": "fraction",
        "least L2 change, pixels altered": "fraction",
        "least L2 change, largest change of a pixel": "of the range",
        f"{limit}, images that fool it": "fraction",
        f"{limit}, distortion as a multiple of that without a limit": "factor",
    }
    found = [v[np.isfinite(v)] for v in values]  # without nets of which no image can be compared
    return [
        row(f"{net}: {name}", None, mean_interval(v), len(v), "nets", unit=unit, interval="95% t over nets")
        for (name, unit), v in zip(names.items(), found, strict=True)
        if len(v)
    ]


def _measured(group: Attacked, net: str, epsilon: float) -> tuple[float, ...]:
    plain, l1 = group.distorted(net), group.distorted(net, norm="l1")
    limited = group.distorted(net, epsilon=epsilon)
    r2, r1 = (abs(found.adversarial - group.x) for found in (plain, l1))
    both = limited.success & plain.success
    factor = limited.distortion[both].mean() / plain.distortion[both].mean() if both.any() else np.nan
    alters = [(r > ALTERED).mean() for r in (r1, r2)]
    return r1.sum() / r2.sum(), *alters, r2.max(axis=1).mean(), limited.success.mean(), factor


def confident_rows(groups: Sequence[Attacked], names: Sequence[str], kappa: float) -> list[Row]:
    """Return rows of images that a network takes for their targets by kappa: distortion and errors of the others."""
    changes, errors, sure = [], [], []
    for group in groups:
        found = {name: group.distorted(name, kappa=kappa) for name in names}
        plain = {name: group.distorted(name) for name in names}
        sure.append(np.mean([group.confidence(name, d) for name, d in found.items()]))
        sizes = [np.nanmean([d.distortion for d in of.values()]) for of in (found, plain)]
        changes.append(sizes[0] / sizes[1])
        errors.append(_error_of_others(group, found) - _error_of_others(group, plain))
    name, n, by = f"confidence kappa = {kappa:g}, random targets", len(groups), "95% t over seeds"
    return [
        row(f"{name}: output for the target", None, share_interval(sure), n, "seeds", interval=by),
        row(f"{name}: distortion as a multiple of that without", None, mean_interval(changes), n, "seeds",
            unit="factor", interval=by),
        row(f"{name}: error off the diagonal minus that without", None, mean_interval(errors), n, "seeds", interval=by),
    ]  # fmt: skip


def capped_rows(groups: Sequence[Attacked], names: Sequence[str], rms: float, cells: Cells) -> list[Row]:
    """Return rows of the attack that lowers the loss of a random target within that RMS; `cells` are of the others."""
    same, others = [], []
    for group in groups:
        nets = [group.nets[name] for name in names]
        found = [
            projected_gradient(net.net, group.x, group.labels, "random", rms, rng=group.seed, progress=False)
            for net in nets
        ]
        images = dict(zip(names, (stepped.adversarial[:, 0] for stepped in found), strict=True))
        errors = transfer.errors(nets, images, group.labels)
        same.append(errors.diagonal().mean())
        others.append(errors[cells].mean())
    name, n, by = f"steps of the gradient within RMS {rms:g}, random targets", len(groups), "95% t over seeds"
    return [
        row(f"{name}: error of the network itself", None, share_interval(same), n, "seeds", interval=by),
        row(f"{name}: error of the other half", None, share_interval(others), n, "seeds", interval=by),
    ]


def by_tolerance(groups: Sequence[Attacked], names: Sequence[str]) -> str:
    """Return a table: a coarser search for c ends further from the image, so that it fools more of the others."""
    lines = [f"{'tolerance of c':>14}{'distortion':>12}{'confidence':>12}{'error off the diagonal, %':>28}"]
    for tolerance in TOLERANCES:
        found = [{name: group.distorted(name, tolerance=tolerance) for name in names} for group in groups]
        size = np.mean([np.nanmean(d.distortion) for of_seed in found for d in of_seed.values()])
        sure = np.mean([g.confidence(name, d) for g, f in zip(groups, found, strict=True) for name, d in f.items()])
        error = 100 * np.mean([_error_of_others(group, f) for group, f in zip(groups, found, strict=True)])
        lines.append(f"{tolerance:14g}{size:12.4f}{sure:12.3f}{error:28.2f}")
    return "\n".join(lines)


def _error_of_others(group: Attacked, found: Mapping[str, Distorted]) -> float:
    images = {name: d.adversarial for name, d in found.items()}
    cells = transfer.errors([group.nets[name] for name in found], images, group.labels)
    return float(cells[~np.eye(len(cells), dtype=bool)].mean())
