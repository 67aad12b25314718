"""TH-2: which pixels, and which places of the hidden layers, an answer hangs on (Lo 2016, Fig. 3.2, 3.3 and 3.2.2).

python -m experiments run TH-2        (five nets a data set of 250 epochs unless trained already: about 1 minute)

To expect: pictures, as in the thesis. Ours adds what they are worth: the most salient 5% of the pixels,
set to their average over all images, should
cost more than another person's most salient pixels or random ones; but part of the pattern is there before training.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.faces import FACE_SEED, IDENTITIES, FaceNet, face_nets
from nnpg import Network, filter_layers
from nnpg.data.examples import one_of_each
from nnpg.evidence_maps import saliency_map
from nnpg.models import face_net
from nnpg.plots import heat, image_grid
from nnpg.rankings.common import class_outputs
from nnpg.statistics import mean_interval, rank_correlation
from nnpg_kernels import Array

IMAGE = "input"


@dataclass(frozen=True)
class Config:
    """Data sets, nets, and the share of the pixels that is changed."""

    datasets: tuple[str, ...] = ("yale", "faces")
    epochs: int = 250
    seeds: int = 5
    seed: int = FACE_SEED
    share: float = 0.05


def run(config: Config, context: Context) -> Result:
    first, rows, figures, words = context.seed_or(config.seed), [], [], []
    for dataset in config.datasets:
        nets = face_nets(dataset, config.epochs, range(first, first + config.seeds), context)
        layers = (IMAGE, *filter_layers(nets[0].net))
        own, cost = _rows(dataset, nets, layers, config)
        rows += own
        figures.append(f"saliency-{dataset}.png")
        _draw(nets[0], layers, context.folder / figures[-1])
        better = [r.held for r in own if r.held is not None]
        layers_better = f"{sum(better)} of {len(better)} layers"
        words.append(f"on {dataset} for {layers_better} ({cost[0, 0]:.2f} against {cost[1, 0]:.2f} at the pixels)")
    verdict = (
        f"Setting a picture's own {config.share:.0%} most salient places to what is usual there costs more log y than "
        f"setting another person's {'; '.join(words)}; half of what image saliency shows is there before training "
        f"(rank correlation {rows[-1].ours:.2f})."
    )
    return Result(tuple(rows), verdict, tuple(figures))


def _rows(dataset: str, nets: list[FaceNet], layers: tuple[str, ...], config: Config) -> tuple[list[Row], Array]:
    found, alike, untrained = [], [], []
    for face in nets:
        x, t = face.data.x, face.data.labels
        draw = np.random.default_rng(face.seed)
        others = np.array([draw.choice(np.flatnonzero(t != c)) for c in t])  # for each image one of another person
        maps = {layer: saliency_map(face.net, x, t, layer=layer) for layer in layers}
        costs = [[_cost(face.net, x, t, own[some], config.share) for own in maps.values()] for some in (..., others)]
        found.append([*costs, [_cost(face.net, x, t, draw.random(maps[IMAGE].shape), config.share)] * len(layers)])
        shown = one_of_each(face.data)
        alike.append([_agreement(maps[IMAGE][shown], maps[layer][shown]) for layer in layers[1:]])
        blank = face_net(face.split.apply(face.data)[0].x, face.data.K, face.seed, backend=face.net.backend.name)
        untrained.append(_agreement(maps[IMAGE][shown], saliency_map(blank, x[shown], t[shown])))
    cost: Array = np.array(found)  # (nets, own or another's or random, layers)
    n, by = len(nets) * len(nets[0].data), "95% t over nets"
    rows = []
    for i, layer in enumerate(layers):
        name, gain = f"{dataset}, {layer}: cost of the most salient", mean_interval(cost[:, 0, i] - cost[:, 1, i])
        rows += [
            row(name, None, mean_interval(cost[:, 0, i]), n, unit="log y", interval=by),
            row(f"{name}, less another person's", None, gain, n, unit="log y", interval=by, held=gain.low > 0),
        ]
    rows.append(
        row(f"{dataset}: cost of random pixels", None, mean_interval(cost[:, 2, 0]), n, unit="log y", interval=by)
    )
    rows += [
        row(f"{dataset}: image saliency with saliency at {other}", None, mean_interval(values), len(nets) * len(shown),
            unit="Spearman", interval=by)
        for other, *values in zip([*layers[1:], "the pixels before training"],
                                  *(np.append(a, b) for a, b in zip(alike, untrained, strict=True)), strict=True)
    ]  # fmt: skip
    return rows, cost.mean(axis=0)


def _cost(net: Network, x: Array, t: Array, maps: Array, share: float) -> float:
    """Mean fall of log y_t when the highest places of each map are set to their average over all images."""
    flat = np.nan_to_num(maps, nan=-np.inf).reshape(len(x), -1)
    highest = np.argsort(-flat, axis=1, kind="stable")[:, : round(share * flat.shape[1])]
    usual = np.broadcast_to(x.mean(axis=0).ravel(), (len(x), flat.shape[1]))
    changed = x.reshape(len(x), -1).copy()
    np.put_along_axis(changed, highest, np.take_along_axis(usual, highest, axis=1), axis=1)
    log_y = [class_outputs(net, net.forward(images), "logprob")[np.arange(len(x)), t]
             for images in (x, changed.reshape(x.shape))]  # fmt: skip
    return float((log_y[0] - log_y[1]).mean())


def _agreement(a: Array, b: Array) -> float:
    """Mean rank correlation over the images, where both maps say something."""
    pairs = [(u[both], v[both]) for u, v in zip(a, b, strict=True) if (both := np.isfinite(u) & np.isfinite(v)).any()]
    return float(np.mean([rank_correlation(u, v) for u, v in pairs]))


def _draw(face: FaceNet, layers: tuple[str, ...], path: Path) -> None:
    some = one_of_each(face.data)[[identity - 1 for identity in IDENTITIES]]
    x, t = face.data.x[some], face.data.labels[some]
    pictures = [np.broadcast_to(x, (len(x), 3, *x.shape[-2:]))]
    pictures += [heat(x, saliency_map(face.net, x, t, layer=layer)) for layer in layers]
    titles = [f"ID {identity}" for identity in IDENTITIES] + [""] * (len(some) * len(layers))
    image_grid(
        np.concatenate(pictures), path, titles=titles, columns=len(some), row_labels=["", "at the pixels", *layers[1:]]
    )


EXPERIMENT = Experiment(
    "TH-2",
    "Saliency of the image and of the hidden layers",
    "Lo 2016, Fig. 3.2 and 3.3",
    {"smoke": Config(("faces",), epochs=2, seeds=2), "quick": Config(), "paper": Config(seeds=10)},
    run,
)
