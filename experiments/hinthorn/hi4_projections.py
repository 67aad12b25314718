"""HI-4: units of the second convolution projected back to the image (Hinthorn 2017, 5.2, Fig. 11 and 12).

python -m experiments run HI-4        (half a minute, with HI-1's pairs)

The captions of Fig. 11 and 12 are exchanged in the paper. Claims: the projections of a perturbation group change in a
common way, which the changes of the pixels do not show (Fig. 11); some units change much more than others (Fig. 12).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.hinthorn.base import MAPS, Pairs, adversarial_pairs, base_net
from experiments.models.hinthorn.hard_negatives import HARD_PAPER, HARD_SMOKE, Hard
from nnpg import Network
from nnpg.analysis.groups import Groups
from nnpg.analysis.statistics import holm, mean_interval, paired_p
from nnpg.maps.projection import RULES, Rule, mean_projection, project
from nnpg.plots import image_grid, signed_colours
from nnpg.rankings.knock_out_curves import gini
from nnpg.training_methods.volatility import top_share
from nnpg_kernels import Array

MEMBERS = 4  # of the group in Fig. 11
LEAST = 3  # pairs in a group whose members are compared


@dataclass(frozen=True)
class Config(Hard):
    """The groups of Fig. 12 and Fig. 11, source and target; the largest where there is no such pair."""

    averaged: tuple[int, ...] = (0, 9)
    members: tuple[int, ...] = (9, 1)
    projected: int = 1000  # pairs


def run(config: Config, context: Context) -> Result:
    base = base_net(config, context)
    every = adversarial_pairs(base, config, context).beyond(config.beyond)
    pairs = every[: config.projected]
    groups = pairs.groups("both")
    changes: dict[str, Array] = {"pixels": pairs.adversarial - pairs.originals}
    for rule in RULES:
        before, after = (_all_units(base.net, x, rule) for x in (pairs.originals, pairs.adversarial))  # type: ignore[arg-type]
        changes[rule] = after - before
    rows = _common(changes, groups)
    rows += _towards(changes, groups, pairs, base.train.x, base.train.labels)
    each = _draw_units(base.net, _group(every, config.averaged), context.folder)
    rows += _units(each)
    _draw_members(base.net, _group(every, config.members), context.folder)
    deconvnet, pixels = (row_named(rows, _likeness_row(name)).ours for name in ("deconvnet", "pixels"))
    better = row_named(rows, _excess_row("deconvnet")).held
    more, holds = ("significantly more", "holds") if better else ("not significantly more", "does not hold")
    verdict = (
        f"Within a perturbation group the changes of the projections are {more} alike than those of the pixels (mean "
        f"cosine {deconvnet:.2f} and {pixels:.2f}): the paper's claim {holds}; the unit "
        f"that changes most changes {each.max() / each.mean():.1f} times as much as the mean unit."
    )
    return Result(tuple(rows), verdict, ("units.png", "members.png"))


def _all_units(net: Network, x: Array, rule: Rule) -> Array:
    parts = [project(net, net.forward(x[n : n + 100], stop=MAPS), layer=MAPS, rule=rule) for n in range(0, len(x), 100)]
    return np.concatenate(parts)


def _common(changes: dict[str, Array], groups: Groups) -> list[Row]:
    """Mean cosine of the changes of two members of a group, group by group."""
    large = [g for g in range(len(groups)) if groups.sizes[g] >= LEAST]
    alike = {name: np.array([_cosine(c[groups.index == g]) for g in large]) for name, c in changes.items()}
    n, by = len(large), "95% t over groups"
    p = holm(np.nan_to_num([paired_p(alike[rule] - alike["pixels"]) for rule in RULES], nan=1.0))
    rows = [
        row(_likeness_row(name), None, mean_interval(cosines), n, unit="cosine", interval=by)
        for name, cosines in alike.items()
    ]
    for rule, q in zip(RULES, p, strict=True):
        more = mean_interval(alike[rule] - alike["pixels"])
        name = _excess_row(rule)
        rows.append(row(name, None, more, n, unit="cosine", interval=by, held=bool(q < 0.05 and more.value > 0)))
        rows.append(row(f"{name}, p", None, float(q), n, unit="p (paired t, Holm)"))
    return rows


def _likeness_row(name: str) -> str:
    return f"{name}: likeness within a group"


def _excess_row(rule: str) -> str:
    return f"{rule}: likeness within a group minus that of the pixels"


def _cosine(changes: Array) -> float:
    flat = changes.reshape(len(changes), -1).astype(float)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-30)
    both = flat @ flat.T
    return float(both[~np.eye(len(both), dtype=bool)].mean())


def _towards(changes: dict[str, Array], groups: Groups, pairs: Pairs, x: Array, labels: Array) -> list[Row]:
    """Cosine of the mean change of a group with the difference of mean images, target minus source."""
    means = {c: x[labels == c].mean(axis=0) for c in np.unique(labels)}
    first = [int(np.flatnonzero(groups.index == g)[0]) for g in range(len(groups))]
    differences = np.stack([means[pairs.targets[i]] - means[pairs.labels[i]] for i in first])
    rows = []
    for name, change in changes.items():
        mean = groups.mean(change)
        along = np.array([_cosine(np.stack(both)) for both in zip(mean, differences, strict=True)])
        rows.append(
            row(f"{name}: mean change along target minus source", None, mean_interval(along), len(along), unit="cosine",
                interval="95% t over groups")
        )  # fmt: skip
    return rows


def _units(each: Array) -> list[Row]:
    """How unevenly the units' projections change, in the group of Fig. 12."""
    n = len(each)
    return [
        row("units: Gini of the change", None, float(gini(each)), n, unit="Gini"),
        row("units: top 10% of the change", None, float(top_share(each)), n),
        row("units: largest over mean", None, float(each.max() / each.mean()), n, unit="ratio"),
    ]


def _group(pairs: Pairs, wanted: tuple[int, ...]) -> Pairs:
    inside = (pairs.labels == wanted[0]) & (pairs.targets == wanted[1])
    if not inside.any():
        groups = pairs.groups("both")
        inside = groups.index == groups.sizes.argmax()
    return pairs[inside]


def _draw_units(net: Network, group: Pairs, folder: Path) -> Array:
    """Fig. 12: each unit's mean projection, adversarial minus original, roots in one scale; returns norms (F,)."""
    before, after = (mean_projection(net, x, layer=MAPS, units="each") for x in (group.originals, group.adversarial))
    change = (after - before)[:, 0]  # (F, H, W)
    F, H, W = change.shape
    roots = np.sign(change) * abs(change) ** 0.5  # small changes would be invisible beside the largest
    colours = signed_colours(roots.reshape(1, F * H, W)).reshape(3, F, H, W).swapaxes(0, 1)
    image_grid(colours, folder / "units.png", columns=16, titles=[str(f) for f in range(F)])
    return np.asarray(np.linalg.norm(change.reshape(F, -1), axis=1))


def _draw_members(net: Network, group: Pairs, folder: Path) -> None:
    """Fig. 11: members of a group: image, adversarial image, their projections, and the difference of these."""
    shown = group[: min(MEMBERS, len(group))]
    before, after = (_all_units(net, x, "deconvnet")[:, 0] for x in (shown.originals, shown.adversarial))
    cells = []
    for n in range(len(shown)):
        three = np.stack([before[n], after[n], after[n] - before[n]])
        colours = signed_colours(three.reshape(1, -1, three.shape[-1])).reshape(3, *three.shape).swapaxes(0, 1)
        cells += [*np.repeat([shown.originals[n], shown.adversarial[n]], 3, axis=1), *colours]
    heads = ["original", "adversarial", "projected original", "projected adversarial", "difference"]
    labels = [f"{s} to {t}" for s, t in zip(shown.labels, shown.targets, strict=True)]
    titles = heads + [""] * (len(cells) - len(heads))
    image_grid(np.stack(cells), folder / "members.png", titles=titles, columns=5, row_labels=labels)


EXPERIMENT = Experiment(
    "HI-4",
    "Projections of original and adversarial images",
    "Hinthorn 2017, Fig. 11 and 12",
    {"smoke": Config(**vars(HARD_SMOKE)), "quick": Config(), "paper": Config(**vars(HARD_PAPER), projected=10208)},
    run,
)
