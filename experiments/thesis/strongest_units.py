"""The strongest unit of the first layer, where it looks, and what covering that place costs: for TH-4 and TH-5."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Row, row
from nnpg import Network, prediction_gradient
from nnpg.data import Dataset
from nnpg.evidence_maps import contribution_map, occlusion_map
from nnpg.localisation import highest
from nnpg.prediction import filter_layers
from nnpg.receptive_field import ReceptiveField, receptive_field
from nnpg.statistics import mean_interval
from nnpg_kernels import Array

GRADIENT, CONTRIBUTION = "highest gradient", "highest gradient x departure"


@dataclass(frozen=True, eq=False)
class Strongest:
    """A block's outputs and prediction gradients (N, F, H', W'), and the unit with the highest gradient."""

    outputs: Array
    gradients: Array
    field: ReceptiveField
    filters: Array  # (N,)
    units: Array  # (N, 2): its row and column in the map
    places: Array  # (N, 2): the pixel in the middle of what the unit sees


def strongest_units(net: Network, x: Array, classes: Array, layer: str | None = None) -> Strongest:
    """Find the unit with the highest dy_c/do, image by image, of the first block unless `layer` is given (4.3.1)."""
    layer = layer or filter_layers(net)[0]
    field, outputs = receptive_field(net, layer), net.forward(x, upto=layer)[layer]
    delta = prediction_gradient(net, x, layers=layer, classes="true", labels=classes)[layer]
    f, *ij = np.unravel_index(delta.reshape(len(x), -1).argmax(axis=1), delta.shape[1:])
    units = np.stack(ij, axis=1)
    places = units * field.step + field.start + np.array(field.size) // 2
    return Strongest(net.backend.to_numpy(outputs), delta, field, f, units, places)


def in_conditions(data: Dataset, conditions: tuple[str, ...]) -> Array:
    """Indices of the images in these conditions; all where conditions are not known."""
    return np.flatnonzero(np.isin(data.conditions or conditions[:1] * len(data), conditions))


def covering_costs(
    net: Network, data: Dataset, some: Array, classes: Array, found: Strongest, *, window: int, stride: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Cover each place with what is usual there; say how the cost of covering the strongest place ranks.

    For each way to choose the strongest place, two means over the chosen images: the share of the picture's places
    that cost less, at the image's own strongest place, and at those of other people's images, which are in the middle
    of faces as well.
    """
    x, t, c = data.x[some], data.labels[some], classes[some]
    cost = occlusion_map(net, x, c, window=window, stride=stride, fill=data.x.mean(axis=0), progress=False)
    places = {GRADIENT: found.places[some], CONTRIBUTION: contributing_places(net, data, some, classes, seed)}
    return {name: _ranks(cost, own, t) for name, own in places.items()}


def contributing_places(net: Network, data: Dataset, some: Array, classes: Array, seed: int = 0) -> Array:
    """Find where gradient x departure from the average output is highest, (n, 2) pixels."""
    added, draw = contribution_map(net, data.x[some], classes[some], reference=data.x), np.random.default_rng(seed)
    return np.array([highest(one, draw) for one in added])


def _ranks(cost: Array, places: Array, labels: Array) -> tuple[float, float]:
    at = cost[:, places[:, 0], places[:, 1]]  # (N, N): of image n at the place of image m
    flat = np.sort(cost.reshape(len(cost), -1), axis=1)
    below = [np.searchsorted(o, v) + np.searchsorted(o, v, side="right") for o, v in zip(flat, at, strict=True)]
    rank = np.array(below) / (2 * flat.shape[1])  # a tie counts half
    others = labels[:, None] != labels
    return float(np.diag(rank).mean()), float(rank[others].mean())


def cost_rows(what: str, costs: list[dict[str, tuple[float, float]]]) -> list[Row]:
    """Own and other people's strongest places, and the difference: means and intervals over nets.

    What is claimed of a place holds if covering it costs more than covering the average place of the picture, and more
    than covering other people's.
    """
    rows, over = [], partial(row, n=len(costs), unit="percentile", interval="95% t over nets")
    for name in costs[0]:
        own, others = np.array([c[name] for c in costs]).T
        mean, more = mean_interval(own), mean_interval(own - others)
        claimed = 1.0 if name == GRADIENT else None  # the thesis claims it of the gradient only
        rows += [
            over(f"{what}, {name}", claimed, mean, held=mean.low > 0.5 and more.low > 0),
            over(f"{what}, {name}, less at another person's", None, more),
        ]
    return rows


def spread(places: Array, labels: Array) -> tuple[float, float]:
    """Mean distance, pixels, of the strongest places of two images of one person, and of two people."""
    distance = np.hypot(*(places[:, None] - places).transpose(2, 0, 1))
    same, pair = labels[:, None] == labels, ~np.eye(len(labels), dtype=bool)
    return float(distance[same & pair].mean()), float(distance[~same].mean())


def leading_share(filters: Array) -> float:
    """Share of the images whose strongest unit is in the filter that leads most often."""
    return float(np.bincount(filters).max() / len(filters))
