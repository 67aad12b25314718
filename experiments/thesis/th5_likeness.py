"""TH-5: what makes one person look like another: the prediction gradient of another class (Lo 2016, Fig. 4.4).

python -m experiments run TH-5        (1 minute; it trains five nets per data set if there are none)

The thesis shows one pair of people: the strongest unit is at the right smile line, again in the middle filter. Ours
takes every image and the class with the highest output after the true one. Does covering the strongest place lower that
output more than covering the strongest places of other people's images does?
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, held_in_words, row, row_named
from experiments.models.faces import FACE_SEED, FEW, IDENTITIES, FaceNet, face_nets
from experiments.thesis.strongest_units import (
    CONTRIBUTION,
    GRADIENT,
    contributing_places,
    cost_rows,
    covering_costs,
    in_conditions,
    leading_share,
    place_row,
    rank_and_others,
    strongest_units,
)
from nnpg import Network, predict
from nnpg.analysis.statistics import mean_interval
from nnpg.data.examples import one_of_each
from nnpg.plots import strongest_regions
from nnpg.rankings.common import class_outputs
from nnpg_kernels import Array

SHOWN = IDENTITIES[:3]


@dataclass(frozen=True)
class Config:
    """Data sets, nets; the images whose places are covered; size and stride of the covering square, in pixels."""

    datasets: tuple[str, ...] = ("yale", "faces")
    epochs: int = 250
    seeds: int = 5
    seed: int = FACE_SEED
    conditions: tuple[str, ...] = ("normal", "happy", "sleepy")
    window: int = 7
    stride: int = 4


def run(config: Config, context: Context) -> Result:
    first, figures = context.seed_or(config.seed), []
    rows: list[Row] = []
    words = []
    for dataset in config.datasets:
        nets = face_nets(dataset, config.epochs, range(first, first + config.seeds), context)
        found, what = _rows(dataset, nets, config), _covering(dataset)
        figures.append(f"likeness-{dataset}.png")
        _draw(nets[0], context.folder / figures[-1])
        claim = row_named(found, place_row(what, GRADIENT))
        (place, others), (contributing, contributing_others) = (
            rank_and_others(found, what, name) for name in (GRADIENT, CONTRIBUTION)
        )
        words.append(
            f"{held_in_words(claim.held)} on {dataset}: covering that place lowers the likeness more than covering "
            f"{place:.0%} of all places, other people's strongest places more than {others:.0%} (gradient x departure "
            f"from the average output: {contributing:.0%} against {contributing_others:.0%})"
        )
        rows += found
    verdict = f"'The highest gradient of another class shows what makes one look like that person' {'; '.join(words)}."
    return Result(tuple(rows), verdict, tuple(figures))


def _rows(dataset: str, nets: list[FaceNet], config: Config) -> list[Row]:
    lead, same, costs = [], [], []
    for face in nets:
        data, other = face.data, most_like(face.net, face.data.x, face.data.labels)
        found, of_true = (strongest_units(face.net, data.x, c) for c in (other, data.labels))
        covered = in_conditions(data, config.conditions)
        lead.append(leading_share(found.filters))
        same.append((found.filters == of_true.filters).mean())
        square = {"window": config.window, "stride": config.stride}
        costs.append(covering_costs(face.net, data, covered, other, found, seed=face.seed, **square))
    one, alike = mean_interval(lead), mean_interval(same)
    over = partial(row, n=len(nets), interval="95% t over nets")
    return [
        over(f"{dataset}: images whose strongest unit for another class is in one and the same filter", None, one),
        over(
            f"{dataset}: images where it is in the same filter as for the true class", 1.0, alike, held=alike.low > 0.5
        ),
        *cost_rows(_covering(dataset), costs),
    ]


def _covering(dataset: str) -> str:
    return f"{dataset}: decrease of likeness by covering"


def most_like(net: Network, x: Array, t: Array) -> Array:
    """Return the class with the highest output except the true one, (N,)."""
    z = class_outputs(net, net.forward(x), "logit").copy()
    z[np.arange(len(t)), t] = -np.inf
    return np.asarray(z.argmax(axis=1))


def _draw(face: FaceNet, path: Path) -> None:
    each = one_of_each(face.data)
    shown = each[[identity - 1 for identity in SHOWN]]
    x, t, every = face.data.x[shown], face.data.labels[shown], most_like(face.net, face.data.x, face.data.labels)
    other = every[shown]
    found, y = strongest_units(face.net, x, other), predict(face.net, x)[np.arange(len(t)), other]
    titles = [f"what makes ID {a + 1} like ID {b + 1}: y = {v:.1g}" for a, b, v in zip(t, other, y, strict=True)]
    ring = CONTRIBUTION, contributing_places(face.net, face.data, shown, every)
    others = face.data.x[each[other]]
    strongest_regions(x, found.outputs, found.gradients, found.field, path, titles=titles, others=others, also=ring)


EXPERIMENT = Experiment(
    "TH-5",
    "What makes one person look like another",
    "Lo 2016, Fig. 4.4",
    {
        "smoke": Config((FEW,), epochs=2, seeds=2, window=15, stride=15),
        "quick": Config(),
        "paper": Config(seeds=10, stride=2),
    },
    run,
)
