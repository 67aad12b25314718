"""TH-5: what makes one person look like another: the prediction gradient of another class (Lo 2016, Fig. 4.4).

python -m experiments run TH-5        (1 minute; it trains twenty nets per data set if there are none)

The thesis shows one pair of people: the strongest unit is at the right smile line, again in the middle filter. Ours
takes every image and the class with the highest output after the true one. Does covering the strongest place lower that
output more than covering the strongest places of other people's images does?
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
from nnpg.analysis.verdicts import at_least, share_interval
from nnpg.data.examples import one_of_each
from nnpg.maps.strongest import contributing_places, strongest_units
from nnpg.plots import strongest_regions
from nnpg.rankings.common import runners_up

# The thesis sees it in one example; more than half of the images is ours.
SEEMS = at_least(AVERAGE_PLACE, "the feature of the left face which most makes it seem like the right face")
SAME_FILTER = at_least(0.5, "in this and the previous example, the highest PG filter was the middle one")


def run(config: Config, context: Context) -> Result:
    rows: list[Row] = []
    words = []
    shows: dict[str, str | None] = {}
    for dataset in config.datasets:
        nets = nets_of_set(dataset, config, context)
        rows += _rows(dataset, nets, config)
        shows[f"likeness-{dataset}.png"] = dataset
        _draw(nets[0], context.folder / f"likeness-{dataset}.png")
        cost, same = costs_in_words(rows, _covering(dataset)), row_named(rows, _same_filter(dataset))
        words.append(
            f"{cost.verdict} on {dataset}: covering that place lowers the likeness more than covering "
            f"{cost.place} of all places, other people's strongest places more than {cost.others} (gradient x "
            f"departure from the average output: {cost.contributing} against {cost.contributing_others}); that it is "
            f"in the filter that has the true class's is {same.verdict} ({same.ours:.0%} of the images)"
        )
    verdict = f"'The highest gradient of another class shows what makes one look like that person': {'; '.join(words)}."
    return Result(tuple(rows), verdict, tuple(shows), shows=shows)


def _rows(dataset: str, nets: list[FaceNet], config: Config) -> list[Row]:
    leading, same_filter, costs = [], [], []
    for face in nets:
        x, labels = face.data.x, face.data.labels
        other = runners_up(face.net, x, labels)
        found, of_true = (strongest_units(face.net, x, classes) for classes in (other, labels))
        leading.append(found.leading_share)
        same_filter.append((found.filters == of_true.filters).mean())
        costs.append(covering_costs(face, other, found, config))
    confidence = 1 - 0.05 / ((1 + COST_INTERVALS) * len(config.datasets))
    over = partial(row, n=len(nets), over="nets", interval="95% t over nets")
    return [
        over(
            f"{dataset}: images whose strongest unit for another class is in one and the same filter",
            None,
            share_interval(leading),
        ),
        over(
            _same_filter(dataset),
            1.0,
            share_interval(same_filter, confidence=confidence),
            interval=f"{100 * confidence:.4g}% t over nets",
            claim=SAME_FILTER,
        ),
        *cost_rows(_covering(dataset), costs, confidence, SEEMS),
    ]


def _same_filter(dataset: str) -> str:
    return f"{dataset}: images where it is in the same filter as for the true class"


def _covering(dataset: str) -> str:
    return f"{dataset}: decrease of likeness by covering"


def _draw(face: FaceNet, path: Path) -> None:
    each = one_of_each(face.data)
    x, labels = face.data.x[each[SHOWN]], face.data.labels[each[SHOWN]]
    other = runners_up(face.net, face.data.x, face.data.labels)[each[SHOWN]]
    found, y = strongest_units(face.net, x, other), predict(face.net, x)[np.arange(len(labels)), other]
    titles = [f"what makes ID {a + 1} like ID {b + 1}: y = {v:.1g}" for a, b, v in zip(labels, other, y, strict=True)]
    ring = CONTRIBUTION, contributing_places(face.net, x, other, reference=face.data.x, rng=0)
    others = face.data.x[each[other]]
    strongest_regions(x, found.outputs, found.gradients, found.field, path, titles=titles, others=others, also=ring)


EXPERIMENT = Experiment("TH-5", "What makes one person look like another", "Lo 2016, Fig. 4.4", SCALES, run)
