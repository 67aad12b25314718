"""TH-2: the pixels, and the places of the hidden layers, that an answer depends on (Lo 2016, Fig. 3.2, 3.3 and 3.2.2).

python -m experiments run TH-2        (under a minute; it trains twenty nets per data set if there are none)

Expected: pictures, as in the thesis, and beside them the strongest unit of each picture, projected to its pixels. Ours
adds a test: the most salient 5% of the pixels are set to their average over all images, which should lower log y more
than the same for another person's most salient pixels; on the Yale faces it does not. Part of the pattern is there
before training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.face_data import FEW, IDENTITIES
from experiments.models.faces import FaceNet, FaceNetsOfSets, nets_of_set
from nnpg import filter_layers
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import more_than
from nnpg.data.examples import one_of_each
from nnpg.maps import saliency_map
from nnpg.maps.deletion import deletion_cost, map_agreement
from nnpg.maps.excitation import project_units
from nnpg.maps.strongest import strongest_units
from nnpg.plots import heat, image_grid, signed_colours
from nnpg_kernels import Array

IMAGE, PROJECTED = "input", "pool2"
UNTRAINED = "the pixels before training"
COSTS_MORE = more_than(0, "indicate how much that unit a contributes to prediction y")


@dataclass(frozen=True)
class Config(FaceNetsOfSets):
    """Data sets, nets, and the share of the pixels that is changed."""

    share: float = 0.05


def run(config: Config, context: Context) -> Result:
    rows, words, before = [], [], []
    shows: dict[str, str | None] = {}
    for dataset in config.datasets:
        nets = nets_of_set(dataset, config, context)
        layers = (IMAGE, *filter_layers(nets[0].net))
        cost = np.array([_costs(face, layers, config.share) for face in nets])  # (nets, whose, layers)
        alike = np.array([_agreements(face, layers) for face in nets])
        found = _rows(dataset, cost, alike, layers, 1 - 0.05 / (len(layers) * len(config.datasets)))
        rows += found
        shows[f"saliency-{dataset}.png"] = dataset
        _draw(nets[0], layers, context.folder / f"saliency-{dataset}.png")
        verdicts = [r.verdict for r in found if r.verdict]
        counts = ", ".join(f"{verdict} in {verdicts.count(verdict)}" for verdict in dict.fromkeys(verdicts))
        at_pixels = " against ".join(f"{c:.2f}" for c in cost.mean(axis=0)[:2, 0])
        words.append(f"{counts} of {len(verdicts)} layers on {dataset} ({at_pixels} at the pixels)")
        untrained = row_named(found, _agreement_row(dataset, UNTRAINED)).ours
        before.append(f"{untrained:.2f} on {dataset}")
    verdict = (
        f"That setting a picture's {config.share:.0%} most salient places to their averages lowers log y more than "
        f"setting those of another person's picture is {'; '.join(words)}. Much of image saliency is there "
        f"before training, without any face seen (rank correlation of the two: {', '.join(before)})."
    )
    return Result(tuple(rows), verdict, tuple(shows), shows=shows)


def _costs(face: FaceNet, layers: tuple[str, ...], share: float) -> Array:
    """Mean cost of deleting the most salient places, (the image's, another person's, random; layers)."""
    x, t, draw = face.data.x, face.data.labels, np.random.default_rng(face.seed)
    others = np.array([draw.choice(np.flatnonzero(t != c)) for c in t])  # for each image one of another person
    maps = [saliency_map(face.net, x, t, layer=layer) for layer in layers]
    cost = partial(deletion_cost, face.net, x, t, share=share)
    random = cost(draw.random(maps[0].shape)).mean()
    return np.array([[cost(m).mean() for m in maps], [cost(m[others]).mean() for m in maps], [random] * len(maps)])


def _agreements(face: FaceNet, layers: tuple[str, ...]) -> list[float]:
    """Rank correlation of image saliency with that of each hidden layer, and with image saliency before training."""
    one = one_of_each(face.data)
    x, t = face.data.x[one], face.data.labels[one]
    others = [saliency_map(face.net, x, t, layer=layer) for layer in layers[1:]]
    others.append(saliency_map(face.untrained(), x, t))
    at_pixels = saliency_map(face.net, x, t)
    return [float(np.nanmean(map_agreement(at_pixels, other))) for other in others]


def _rows(dataset: str, cost: Array, alike: Array, layers: tuple[str, ...], confidence: float) -> list[Row]:
    over = partial(row, n=len(cost), over="nets", interval="95% t over nets")
    judged = f"{100 * confidence:.4g}% t over nets"
    rows = []
    for i, layer in enumerate(layers):
        name = f"{dataset}, {layer}: log y lost without the most salient places"
        gain = mean_interval(cost[:, 0, i] - cost[:, 1, i], confidence=confidence)
        rows += [
            over(name, None, mean_interval(cost[:, 0, i]), unit="log y"),
            over(
                f"{name}, minus without another person's", None, gain, unit="log y", interval=judged, claim=COSTS_MORE
            ),
        ]
    rows.append(over(f"{dataset}: log y lost without random pixels", None, mean_interval(cost[:, 2, 0]), unit="log y"))
    for other, values in zip([*layers[1:], UNTRAINED], alike.T, strict=True):
        rows.append(over(_agreement_row(dataset, other), None, mean_interval(values), unit="Spearman"))
    return rows


def _agreement_row(dataset: str, other: str) -> str:
    return f"{dataset}: image saliency with saliency at {other}"


def _draw(face: FaceNet, layers: tuple[str, ...], path: Path) -> None:
    shown = one_of_each(face.data)[[identity - 1 for identity in IDENTITIES]]
    x, t = face.data.x[shown], face.data.labels[shown]
    pictures = [np.broadcast_to(x, (len(x), 3, *x.shape[-2:]))]
    pictures += [heat(x, saliency_map(face.net, x, t, layer=layer)) for layer in layers]
    unit = strongest_units(face.net, x, t, layer=PROJECTED)
    projections = project_units(face.net, x, unit.filters, *unit.units.T, layer=PROJECTED)
    pictures.append(signed_colours(projections.sum(axis=1)))
    titles = [f"ID {identity}" for identity in IDENTITIES] + [""] * (len(shown) * (len(layers) + 1))
    hidden = [f"at {layer}" for layer in layers[1:]]
    labels = ["", "saliency at the pixels", *hidden, f"{PROJECTED}'s strongest unit, projected"]
    image_grid(np.concatenate(pictures), path, titles=titles, columns=len(shown), row_labels=labels)


EXPERIMENT = Experiment(
    "TH-2",
    "Saliency of the image and of the hidden layers, and a filter projected to the pixels",
    "Lo 2016, Fig. 3.2 and 3.3",
    {"smoke": Config((FEW,), epochs=2, seeds=2), "quick": Config(), "paper": Config()},
    run,
)
