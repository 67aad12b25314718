"""For TH-4 and TH-5: what it costs to cover the strongest place of an image, and the strongest places of others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from experiments.experiment import Row, row, row_named
from experiments.models.face_data import FEW, IDENTITIES
from experiments.models.faces import FaceNet, FaceNetsOfSets
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import Claim, Verdict, all_of, more_than
from nnpg.data import Dataset
from nnpg.maps.occlusion import occlusion_map
from nnpg.maps.strongest import StrongestUnits, contributing_places, place_ranks
from nnpg_kernels import Array

GRADIENT, CONTRIBUTION = "highest gradient", "highest gradient x departure"
AVERAGE_PLACE = 0.5  # the mean rank of all places of a picture
COST_INTERVALS = 2  # that decide the claim about a place, for each data set
MINUS_OTHERS = ", minus at another person's"
SHOWN = [identity - 1 for identity in IDENTITIES[:3]]  # classes in the figures


@dataclass(frozen=True)
class Config(FaceNetsOfSets):
    """The images whose places are covered; size and stride of the covering square, in pixels."""

    conditions: tuple[str, ...] = ("normal", "happy", "sleepy")
    window: int = 7
    stride: int = 4


SCALES = {
    "smoke": Config((FEW,), epochs=2, seeds=2, window=15, stride=15),
    "quick": Config(),
    "paper": Config(stride=2),
}


class Ranks(NamedTuple):
    """The mean share of a picture's places that cost less than the image's strongest place, and than others' places."""

    same: float
    others: float


def in_conditions(data: Dataset, conditions: tuple[str, ...]) -> Array:
    """Return the indices of the images in these conditions; of all images where conditions are not known."""
    return np.flatnonzero(np.isin(data.conditions or conditions[:1] * len(data), conditions))


def covering_costs(face: FaceNet, classes: Array, found: StrongestUnits, config: Config) -> dict[str, Ranks]:
    """Cover each place with its average over all images, and rank the cost at the strongest places of the images.

    Ranks are means over the images in the conditions of the config, one for each rule that chooses the strongest
    place. Others' places are those of other people's images, which are in the middle of faces as well.
    """
    data, chosen = face.data, in_conditions(face.data, config.conditions)
    x, labels, c = data.x[chosen], data.labels[chosen], classes[chosen]
    cost = occlusion_map(
        face.net, x, c, window=config.window, stride=config.stride, fill=data.x.mean(axis=0), progress=False
    )
    contributing = contributing_places(face.net, x, c, reference=data.x, rng=face.seed)
    return {
        rule: _ranks(place_ranks(cost, places), labels)
        for rule, places in ((GRADIENT, found.places[chosen]), (CONTRIBUTION, contributing))
    }


def _ranks(ranks: Array, labels: Array) -> Ranks:
    others = labels[:, None] != labels
    return Ranks(float(np.diag(ranks).mean()), float(ranks[others].mean()))


def cost_rows(name: str, costs: list[dict[str, Ranks]], confidence: float, claim: Claim) -> list[Row]:
    """The rank of the strongest place, and that minus the rank of other people's: means and intervals over nets.

    The thesis's claim, which is about the gradient only, holds if covering the place costs more than covering the
    average place of the picture, and more than covering other people's strongest places. `claim` is that for the first.
    """
    rows: list[Row] = []
    for rule in (GRADIENT, CONTRIBUTION):
        level = confidence if rule == GRADIENT else 0.95
        over = partial(row, n=len(costs), over="nets", interval=f"{100 * level:.4g}% t over nets")
        same, others = np.array([cost[rule] for cost in costs]).T
        mean, more = (mean_interval(values, confidence=level) for values in (same, same - others))
        both = all_of([claim.verdict(mean), more_than(0).verdict(more)])
        paper, quoted, verdict = (1.0, claim, both) if rule == GRADIENT else (None, None, None)
        rows += [
            over(_rank_row(name, rule), paper, mean, claim=quoted, verdict=verdict),
            over(_rank_row(name, rule) + MINUS_OTHERS, None, more),
        ]
    return rows


def _rank_row(name: str, rule: str) -> str:
    return f"{name}, rank of the place with the {rule}, 100% the most"


class CostsInWords(NamedTuple):
    """The verdict on the thesis's claim, and the ranks of the strongest places, as percentages."""

    verdict: Verdict
    place: str
    others: str
    contributing: str  # of the places with the highest gradient x departure
    contributing_others: str


def costs_in_words(rows: list[Row], name: str) -> CostsInWords:
    """Read the verdict and the ranks from `cost_rows`."""
    ranks = []
    for rule in (GRADIENT, CONTRIBUTION):
        same = row_named(rows, _rank_row(name, rule)).ours
        ranks += [same, same - row_named(rows, _rank_row(name, rule) + MINUS_OTHERS).ours]
    verdict = row_named(rows, _rank_row(name, GRADIENT)).verdict
    return CostsInWords(verdict or "open", *(f"{rank:.0%}" for rank in ranks))
