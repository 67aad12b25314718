"""HI-4: units of the second convolution projected back to the image (Hinthorn 2017, 5.2, Fig. 11 and 12).

python -m experiments run HI-4        (half a minute, with HI-1's pairs)

The captions of Fig. 11 and 12 are exchanged in the paper. Claims: the projections of a perturbation group change in a
common way, which the changes of the pixels do not show (Fig. 11); some units change much more than others (Fig. 12).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.hinthorn.projection_pictures import draw_members, draw_units, project_all
from experiments.models.hinthorn.base import base_net
from experiments.models.hinthorn.pairs import Pairs, adversarial_pairs
from experiments.models.hinthorn.variants import HARD_PAPER, HARD_SMOKE, Hard
from nnpg.analysis.angles import likeness_within_groups, pair_cosines
from nnpg.analysis.concentration import gini, top_share
from nnpg.analysis.groups import Groups
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import compare, more_than
from nnpg.data import Dataset
from nnpg.maps.projection import RULES
from nnpg_kernels import Array

LEAST = 3  # pairs in a group whose members are compared
GROUPS = "groups of one net"
REDUCED = more_than(0, "the difficulties of generalizing ... are greatly reduced as we explore deeper in the network")


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
        before, after = (project_all(base.net, x, rule) for x in (pairs.originals, pairs.adversarial))  # type: ignore[arg-type]
        changes[rule] = after - before
    rows = _common(changes, groups)
    rows += _towards(changes, groups, pairs, base.train)
    each = draw_units(base.net, _group(every, config.averaged), context.folder)
    rows += _units(each)
    draw_members(base.net, _group(every, config.members), context.folder)
    deconvnet, pixels = (row_named(rows, _likeness_row(name)).ours for name in ("deconvnet", "pixels"))
    claimed = row_named(rows, _excess_row("deconvnet")).verdict
    verdict = (
        "That within a perturbation group the changes of the projections are more alike than those of the pixels is "
        f"{claimed}, because one net is no sample of nets (mean cosine {deconvnet:.2f} and {pixels:.2f}); the unit "
        f"that changes most changes {each.max() / each.mean():.1f} times as much as the mean unit."
    )
    return Result(tuple(rows), verdict, ("units.png", "members.png"))


def _common(changes: dict[str, Array], groups: Groups) -> list[Row]:
    """Mean cosine of the changes of two members of a group, group by group."""
    alike = {name: likeness_within_groups(groups, change, least=LEAST) for name, change in changes.items()}
    n, by = len(alike["pixels"]), "95% t over groups"
    rows = [
        row(_likeness_row(name), None, mean_interval(cosines), n, GROUPS, unit="cosine", interval=by)
        for name, cosines in alike.items()
    ]
    confidence = 1 - 0.05 / len(RULES)
    by = f"{100 * confidence:.4g}% t over groups"
    for rule, excess in compare({rule: alike[rule] - alike["pixels"] for rule in RULES}).items():
        more, name = mean_interval(excess.differences, confidence=confidence), _excess_row(rule)
        rows.append(row(name, None, more, n, GROUPS, unit="cosine", interval=by, claim=REDUCED))
        rows.append(row(f"{name}, p", None, excess.p, n, GROUPS, unit="p (paired t, Holm)"))
    return rows


def _likeness_row(name: str) -> str:
    return f"{name}: likeness within a group"


def _excess_row(rule: str) -> str:
    return f"{rule}: likeness within a group minus that of the pixels"


def _towards(changes: dict[str, Array], groups: Groups, pairs: Pairs, data: Dataset) -> list[Row]:
    """Cosine of the mean change of a group with the difference of mean images, target minus source."""
    means = {c: data.x[data.labels == c].mean(axis=0) for c in np.unique(data.labels)}
    first = [int(np.flatnonzero(groups.index == g)[0]) for g in range(len(groups))]  # a pair of each group
    differences = np.stack([means[pairs.targets[i]] - means[pairs.labels[i]] for i in first])
    rows, over = [], partial(row, n=len(groups), over=GROUPS, unit="cosine", interval="95% t over groups")
    for name, change in changes.items():
        towards = mean_interval(pair_cosines(groups.mean(change), differences))
        rows.append(over(f"{name}: mean change along target minus source", None, towards))
    return rows


def _units(each: Array) -> list[Row]:
    """How unevenly the units' projections change, in the group of Fig. 12."""
    n, units = len(each), "units of one net"
    return [
        row("units: Gini of the change", None, float(gini(each)), n, units, unit="Gini"),
        row("units: top 10% of the change", None, float(top_share(each)), n, units),
        row("units: largest over mean", None, float(each.max() / each.mean()), n, units, unit="ratio"),
    ]


def _group(pairs: Pairs, wanted: tuple[int, ...]) -> Pairs:
    inside = (pairs.labels == wanted[0]) & (pairs.targets == wanted[1])
    if not inside.any():
        groups = pairs.groups("both")
        inside = groups.index == groups.sizes.argmax()
    return pairs[inside]


EXPERIMENT = Experiment(
    "HI-4",
    "Projections of original and adversarial images",
    "Hinthorn 2017, Fig. 11 and 12",
    {"smoke": Config(**vars(HARD_SMOKE)), "quick": Config(), "paper": Config(**vars(HARD_PAPER), projected=10208)},
    run,
)
