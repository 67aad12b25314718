"""HI-4: units of the second convolution projected back to the image (Hinthorn 2017, 5.2, Fig. 11 and 12).

python -m experiments run HI-4        (three minutes, with HI-1's pairs)

The captions of Fig. 11 and 12 are exchanged in the paper. Claims: the projections of a perturbation group change in a
common way, which the changes of the pixels do not show (Fig. 11); some units change much more than others (Fig. 12).
Each is the mean over the groups of a network, judged over several networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.hinthorn.projection_pictures import WAYS, draw_members, draw_units, group_likeness, unit_norms
from experiments.models.hinthorn.base import base_nets
from experiments.models.hinthorn.pairs import Pairs, adversarial_pairs
from experiments.models.hinthorn.variants import HARD_PAPER, HARD_SMOKE, Hard
from nnpg.analysis.concentration import gini, top_share
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import at_least, compare, more_than, share_interval
from nnpg.maps.projection import RULES
from nnpg_kernels import Array

REDUCED = more_than(0, "the difficulties of generalizing ... are greatly reduced as we explore deeper in the network")
UNEVEN = at_least(2, "certain neurons are impacted to a much greater degree than others")  # twice is our reading
CONFIDENCE = 1 - 0.05 / (len(RULES) + 1)
T, T_JUDGED = "95% t over nets", f"{100 * CONFIDENCE:.5g}% t over nets"


@dataclass(frozen=True)
class Config(Hard):
    """The groups of Fig. 12 and Fig. 11, source and target; the largest where there is no such pair."""

    averaged: tuple[int, ...] = (0, 9)
    members: tuple[int, ...] = (9, 1)
    projected: int = 1000  # pairs of each net


def run(config: Config, context: Context) -> Result:
    nets = base_nets(config, context, config.nets)
    every = [adversarial_pairs(base, config, context).beyond(config.beyond) for base in nets]
    measured = [group_likeness(base, pairs[: config.projected]) for base, pairs in zip(nets, every, strict=True)]
    each = [unit_norms(b.net, _group(p, config.averaged)) for b, p in zip(nets, every, strict=True)]
    rows = [*_likeness_rows(np.array(measured)), *_unit_rows(each)]
    draw_units(nets[0].net, _group(every[0], config.averaged), context.folder)
    draw_members(nets[0].net, _group(every[0], config.members), context.folder)
    deconvnet, pixels = (row_named(rows, _likeness_row(name)).ours for name in ("deconvnet", "pixels"))
    claimed, largest = (row_named(rows, name) for name in (_excess_row("deconvnet"), LARGEST))
    verdict = (
        "That within a perturbation group the changes of the projections are more alike than those of the pixels is "
        f"{claimed.verdict} over {len(nets)} nets (mean cosine {deconvnet:.2f} and {pixels:.2f}); that some units "
        f"change much more than others, at least twice the mean unit, is {largest.verdict} ({largest.ours:.1f} times)."
    )
    return Result(tuple(rows), verdict, ("units.png", "members.png"))


def _likeness_rows(measured: Array) -> list[Row]:
    """Over the nets, from measures (nets, ways, 2)."""
    n, rows = len(measured), []
    alike = dict(zip(WAYS, measured[..., 0].T, strict=True))
    for way, values in alike.items():
        rows.append(row(_likeness_row(way), None, mean_interval(values), n, "nets", unit="cosine", interval=T))
    for rule, excess in compare({rule: alike[rule] - alike["pixels"] for rule in RULES}).items():
        more, name = mean_interval(excess.differences, confidence=CONFIDENCE), _excess_row(rule)
        rows.append(row(name, None, more, n, "nets", unit="cosine", interval=T_JUDGED, claim=REDUCED))
        rows.append(row(f"{name}, p", None, excess.p, n, "nets", unit="p (paired t, Holm)"))
    for way, towards in zip(WAYS, measured[..., 1].T, strict=True):
        rows.append(row(f"{way}: mean change along target minus source", None, mean_interval(towards), n, "nets",
                        unit="cosine", interval=T))  # fmt: skip
    return rows


def _likeness_row(name: str) -> str:
    return f"{name}: likeness within a group"


def _excess_row(rule: str) -> str:
    return f"{rule}: likeness within a group minus that of the pixels"


LARGEST = "units: largest change over the mean change"


def _unit_rows(each: list[Array]) -> list[Row]:
    """How unevenly the units' projections change, in the group of Fig. 12, over the nets."""
    n = len(each)
    largest = mean_interval([norms.max() / norms.mean() for norms in each], confidence=CONFIDENCE)
    return [
        row("units: Gini of the change", None, mean_interval([gini(norms) for norms in each]), n, "nets", unit="Gini",
            interval=T),
        row("units: top 10% of the change", None, share_interval([top_share(norms) for norms in each]), n, "nets",
            interval=T),
        row(LARGEST, None, largest, n, "nets", unit="ratio", interval=T_JUDGED, claim=UNEVEN),
    ]  # fmt: skip


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
    {"smoke": Config(**vars(HARD_SMOKE)), "quick": Config(), "paper": Config(**vars(HARD_PAPER), projected=3000)},
    run,
)
