"""TH-4: a person's most characteristic feature: the strongest first-layer unit and what it sees (Lo 2016, Fig. 4.3).

python -m experiments run TH-4        (1 minute; it trains five nets per data set if there are none)

The thesis: "the highest PG indicates which filter and region contributes most"; it shows one person, for whom it is the
middle filter at his widow's peak. Ours tests all images. Is it one filter? Is it the same place in all images of a
person? Does covering that place with its average over all images cost more than covering the strongest places of other
people's images? A gradient says where a change would help, not what is there; gradient x departure from the average
output says what is there. LOC-1 tests the same on the built-in faces, where the truth is known.
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
    spread,
    strongest_units,
)
from nnpg import predict
from nnpg.analysis.statistics import mean_interval
from nnpg.data.examples import one_of_each
from nnpg.plots import strongest_regions

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
        figures.append(f"feature-{dataset}.png")
        _draw(nets[0], context.folder / figures[-1])
        claim = row_named(found, place_row(what, GRADIENT))
        (place, others), (contributing, contributing_others) = (
            rank_and_others(found, what, name) for name in (GRADIENT, CONTRIBUTION)
        )
        one = row_named(found, _one_filter(dataset)).ours
        words.append(
            f"{held_in_words(claim.held)} on {dataset}: covering its place costs more than covering {place:.0%} of all "
            f"places, other people's strongest places more than {others:.0%} (gradient x departure from the average "
            f"output: {contributing:.0%} against {contributing_others:.0%}), and one filter has it in {one:.0%} of the "
            "images"
        )
        rows += found
    verdict = f"'The highest gradient shows what contributes most' {'; '.join(words)}."
    return Result(tuple(rows), verdict, tuple(figures))


def _rows(dataset: str, nets: list[FaceNet], config: Config) -> list[Row]:
    lead, distances, costs = [], [], []
    for face in nets:
        data = face.data
        found, covered = strongest_units(face.net, data.x, data.labels), in_conditions(data, config.conditions)
        lead.append(leading_share(found.filters))
        distances.append(spread(found.places, data.labels))
        square = {"window": config.window, "stride": config.stride}
        costs.append(covering_costs(face.net, data, covered, data.labels, found, seed=face.seed, **square))
    (near, far), one = np.array(distances).T, mean_interval(lead)
    over = partial(row, n=len(nets), interval="95% t over nets")
    return [
        over(_one_filter(dataset), 1.0, one, held=one.low > 0.5),
        over(f"{dataset}: distance of strongest places, one person", None, mean_interval(near), unit="pixels"),
        over(f"{dataset}: the same, two people", None, mean_interval(far), unit="pixels"),
        *cost_rows(_covering(dataset), costs),
    ]


def _one_filter(dataset: str) -> str:
    return f"{dataset}: images whose strongest unit is in one and the same filter"


def _covering(dataset: str) -> str:
    return f"{dataset}: cost of covering"


def _draw(face: FaceNet, path: Path) -> None:
    shown = one_of_each(face.data)[[identity - 1 for identity in SHOWN]]
    x, t = face.data.x[shown], face.data.labels[shown]
    found, y = strongest_units(face.net, x, t), predict(face.net, x)[np.arange(len(t)), t]
    features = face.data.features
    names = [f"ID {c + 1}{f', {features[c]}' if features else ''}" for c in t]
    titles = [f"{name}: y = {value:.2%}" for name, value in zip(names, y, strict=True)]
    ring = CONTRIBUTION, contributing_places(face.net, face.data, shown, face.data.labels)
    strongest_regions(x, found.outputs, found.gradients, found.field, path, titles=titles, also=ring)


EXPERIMENT = Experiment(
    "TH-4",
    "A person's most characteristic feature",
    "Lo 2016, Fig. 4.3",
    {
        "smoke": Config((FEW,), epochs=2, seeds=2, window=15, stride=15),
        "quick": Config(),
        "paper": Config(seeds=10, stride=2),
    },
    run,
)
