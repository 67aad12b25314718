"""TH-4: a person's most characteristic feature: the strongest first-layer unit and what it sees (Lo 2016, Fig. 4.3).

python -m experiments run TH-4        (1 minute; it trains twenty nets per data set if there are none)

The thesis: "the highest PG indicates which filter and region contributes most"; it shows one person, for whom it is the
middle filter at his widow's peak. Ours tests all images. Is it one filter? Is it the same place in all images of a
person? Does covering that place with its average over all images cost more than covering the strongest places of other
people's images? A gradient says where a change would help, not what is there; gradient x departure from the average
output says what is there. LOC-1 tests the same on the built-in faces, where the truth is known.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.faces import FaceNet, nets_of_set
from experiments.thesis.covering import (
    AVERAGE_PLACE,
    CONTRIBUTION,
    COST_INTERVALS,
    SCALES,
    SHOWN,
    Config,
    cost_rows,
    costs_in_words,
    covering_costs,
)
from nnpg import predict
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import at_least, share_interval
from nnpg.data.examples import one_of_each
from nnpg.maps.strongest import contributing_places, distances_of_places, strongest_units
from nnpg.plots import strongest_regions

# The thesis sees it in two examples; more than half of the images is ours.
CONTRIBUTES = at_least(AVERAGE_PLACE, "the highest PG indicates which filter and region contributes most")
ONE_FILTER = at_least(0.5, "in this and the previous example, the highest PG filter was the middle one")


def run(config: Config, context: Context) -> Result:
    rows: list[Row] = []
    words = []
    shows: dict[str, str | None] = {}
    for dataset in config.datasets:
        nets = nets_of_set(dataset, config, context)
        rows += _rows(dataset, nets, config)
        shows[f"feature-{dataset}.png"] = dataset
        _draw(nets[0], context.folder / f"feature-{dataset}.png")
        cost, one = costs_in_words(rows, _covering(dataset)), row_named(rows, _one_filter(dataset))
        words.append(
            f"{cost.verdict} on {dataset}: covering its place costs more than covering {cost.place} of all "
            f"places, other people's strongest places more than {cost.others} (gradient x departure from the average "
            f"output: {cost.contributing} against {cost.contributing_others}); that one filter has it is "
            f"{one.verdict} ({one.ours:.0%} of the images)"
        )
    verdict = f"'The highest gradient shows what contributes most': {'; '.join(words)}."
    return Result(tuple(rows), verdict, tuple(shows), shows=shows)


def _rows(dataset: str, nets: list[FaceNet], config: Config) -> list[Row]:
    leading, distances, costs = [], [], []
    for face in nets:
        labels = face.data.labels
        found = strongest_units(face.net, face.data.x, labels)
        leading.append(found.leading_share)
        distances.append(distances_of_places(found.places, labels))
        costs.append(covering_costs(face, labels, found, config))
    confidence = 1 - 0.05 / ((1 + COST_INTERVALS) * len(config.datasets))
    (one_person, two_people), one_filter = np.array(distances).T, share_interval(leading, confidence=confidence)
    over = partial(row, n=len(nets), over="nets", interval="95% t over nets")
    return [
        over(_one_filter(dataset), 1.0, one_filter, interval=f"{100 * confidence:.4g}% t over nets", claim=ONE_FILTER),
        over(f"{dataset}: distance of strongest places, one person", None, mean_interval(one_person), unit="pixels"),
        over(f"{dataset}: the same, two people", None, mean_interval(two_people), unit="pixels"),
        *cost_rows(_covering(dataset), costs, confidence, CONTRIBUTES),
    ]


def _one_filter(dataset: str) -> str:
    return f"{dataset}: images whose strongest unit is in one and the same filter"


def _covering(dataset: str) -> str:
    return f"{dataset}: cost of covering"


def _draw(face: FaceNet, path: Path) -> None:
    shown = one_of_each(face.data)[SHOWN]
    x, labels, features = face.data.x[shown], face.data.labels[shown], face.data.features
    found, y = strongest_units(face.net, x, labels), predict(face.net, x)[np.arange(len(labels)), labels]
    names = [f"ID {c + 1}{f', {features[c]}' if features else ''}" for c in labels]
    titles = [f"{name}: y = {value:.2%}" for name, value in zip(names, y, strict=True)]
    ring = CONTRIBUTION, contributing_places(face.net, x, labels, reference=face.data.x, rng=0)
    strongest_regions(x, found.outputs, found.gradients, found.field, path, titles=titles, also=ring)


EXPERIMENT = Experiment("TH-4", "A person's most characteristic feature", "Lo 2016, Fig. 4.3", SCALES, run)
