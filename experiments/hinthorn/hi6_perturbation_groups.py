"""HI-6: do the images of a perturbation group change the same units? (Hinthorn 2017, 5.2; future work 6 and 6.2)

python -m experiments run HI-6        (two minutes, with HI-1's pairs)

Each group is divided in two at random. The mean volatilities of its halves are ranked and compared with each other, and
with the second half of every other group. Expected: halves of one group agree more, for every kind of group.

The paper's future work: the variance of the volatilities separates a share p0 of the units "such that neurons retained
for training bear the majority of the responsibility for misclassifications of a particular perturbation group". They
are separated on one half of a group (two groups of units that explain most variance); on the other half their part of
the volatility is measured, and how many pairs are classified rightly again when these units alone get the outputs that
they have for the original; and when as many random units do. Clusters of units whose volatilities rise and fall
together are found on two halves of all pairs and compared. Also for a third convolution and for CIFAR-10.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row, row_named
from experiments.models.hinthorn.base import BaseNet, base_nets
from experiments.models.hinthorn.group_units import units_of_groups, volatility_table
from experiments.models.hinthorn.other_bases import DEEPER, Beside, other_bases
from experiments.models.hinthorn.pairs import Pairs, adversarial_pairs
from experiments.models.hinthorn.variants import CLUSTERS, HARD_PAPER, HARD_SMOKE
from nnpg.analysis.groups import By
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import Claim, all_of, more_than, share_interval
from nnpg.plots import Measured, interval_plot
from nnpg.training_methods.volatility import unit_changes
from nnpg_kernels import Array

WAYS: tuple[By, ...] = ("source", "target", "both")
PARTS = ("maps", "neurons")
ALIKE = more_than(0, "adversarial examples of similar associations might be easily generated")
MAJORITY = more_than(0.5, "neurons retained for training bear the majority of the responsibility")
BLAMED = more_than(0, "one may assign blame for incorrect classifications to a small subset of the network")
CLUSTERED = more_than(0, "thereby identifying neuron clusters to be retained for training")
CONFIDENCE = 1 - 0.05 / (len(PARTS) * (len(WAYS) + 4))  # ways to group, three readings of responsibility, clusters
T, T_JUDGED = "95% t over nets", f"{100 * CONFIDENCE:.5g}% t over nets"
ONE_MINUS_TWO = "one group's halves minus two groups'"
RANDOM = "pairs right again when as many random units are set back"
MEASURES: dict[str, tuple[str, Claim | None]] = {  # of a layer: the unit, and the claim
    **{f"by {way}: {pairing}": ("Spearman", ALIKE if pairing == ONE_MINUS_TWO else None) for way in WAYS
       for pairing in ("halves of one group", "halves of two groups", ONE_MINUS_TWO)},
    "p0 from the variance": ("fraction", None),
    "share of the volatility of units separated by variance": ("fraction", MAJORITY),
    "pairs right again when the units separated by variance are set back": ("fraction", MAJORITY),
    RANDOM: ("fraction", None),
    "pairs right again: separated units minus random ones": ("fraction", BLAMED),
    f"agreement of {CLUSTERS} clusters on two halves of the pairs": ("adjusted Rand index", CLUSTERED),
}  # fmt: skip


def run(config: Beside, context: Context) -> Result:
    rows: list[Row] = []
    panels, texts = [], []
    for title, settings in {"": config, **other_bases(config)}.items():
        nets = base_nets(settings, context, settings.nets)
        every = [adversarial_pairs(base, settings, context).beyond(settings.beyond) for base in nets]
        found = [_measured(base, pairs) for base, pairs in zip(nets, every, strict=True)]
        for part in PARTS:
            of_part = {name: np.array([of_net[part, name] for of_net in found]) for name in MEASURES}
            rows += _rows(part if not title else f"{title}: {part}", of_part, bool(title))
            if not title:
                shown = {name: mean_interval(of_part[name]) for name in MEASURES if ": halves of" in name}
                panels.append(Measured(part, shown, "rank correlation of volatilities"))
        if not title:
            texts = _tables(nets[0], every[0])
    interval_plot(panels, context.folder / "groups.png")
    claims = {claim: [r for r in rows if r.claim == claim.quoted] for claim in (ALIKE, MAJORITY, BLAMED, CLUSTERED)}
    said = {claim: all_of(r.verdict for r in judged if r.verdict) for claim, judged in claims.items()}
    least, most = (f([r.ours for r in claims[ALIKE]]) for f in (min, max))
    by_chance = " and ".join(f"{row_named(rows, f'{part}, {RANDOM}').ours:.0%}" for part in PARTS)
    verdict = (
        f"Over {config.nets} nets: that groups have characteristic units is {said[ALIKE]} for all of "
        f"{len(claims[ALIKE])} cases (halves of one group agree on which units are volatile by {least:+.2f} to "
        f"{most:+.2f} more than halves of two). Future work: that the units separated by variance bear the majority "
        f"of the responsibility is {said[MAJORITY]} in both layers and both readings; that setting them back undoes "
        f"more misclassifications than setting back as many random units ({by_chance}) is {said[BLAMED]}; that "
        f"clusters of units are found again on other pairs is {said[CLUSTERED]}."
    )
    return Result(tuple(rows), verdict, ("groups.png",), tuple(texts))


def _measured(base: BaseNet, pairs: Pairs) -> dict[tuple[str, str], float]:
    """Return every measure of each layer for one net."""
    found: dict[tuple[str, str], float] = {}
    for part, of_layer in zip(PARTS, units_of_groups(base, pairs, WAYS), strict=True):
        likeness = [value for one, two in of_layer.likeness.values() for value in (one, two, one - two)]
        units = of_layer.responsible
        values = [*likeness, *units, units.restored - units.restored_at_random, of_layer.clusters]
        found |= {(part, name): value for name, value in zip(MEASURES, values, strict=True)}
    return found


def _rows(title: str, found: dict[str, Array], other: bool) -> list[Row]:
    """Means over the nets; the paper claims nothing of other networks than its own."""
    rows = []
    for name, values in found.items():
        unit, claim = MEASURES[name]
        over = partial(row, f"{title}, {name}", None, n=len(values), over="nets", unit=unit)
        mean = share_interval if unit == "fraction" and claim != BLAMED else mean_interval  # BLAMED is of a difference
        if claim is None or other:
            rows.append(over(mean(values), interval=T))
        else:
            rows.append(over(mean(values, confidence=CONFIDENCE), interval=T_JUDGED, claim=claim))
    return rows


def _tables(base: BaseNet, pairs: Pairs) -> list[Text]:
    changes = unit_changes(base.net, pairs.originals, pairs.adversarial, layers=base.read_at)
    return [
        Text(f"{part}, by {way}, first net: mean volatility", volatility_table(change, pairs.groups(way)))
        for part, change in zip(PARTS, (changes[layer].volatility for layer in base.read_at), strict=True)
        for way in WAYS[:2]
    ]


EXPERIMENT = Experiment(
    "HI-6",
    "Volatility by perturbation group",
    "Hinthorn 2017, 5.2, 5.3, 6 and 6.2",
    {
        "smoke": Beside(**vars(HARD_SMOKE)),
        "quick": Beside(others=(DEEPER,)),
        "paper": Beside(**vars(HARD_PAPER)),
    },
    run,
)
