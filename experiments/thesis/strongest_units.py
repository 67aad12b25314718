"""For TH-4 and TH-5: the strongest unit of the first layer, its place in the image, and the cost of covering it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Row, row, row_named
from nnpg import Network, prediction_gradient
from nnpg.analysis.statistics import mean_interval
from nnpg.data import Dataset
from nnpg.maps import contribution_map, occlusion_map
from nnpg.maps.localisation import highest_place
from nnpg.maps.receptive_fields import ReceptiveField, receptive_field
from nnpg.prediction import filter_layers
from nnpg_kernels import Array

GRADIENT, CONTRIBUTION = "highest gradient", "highest gradient x departure"
MINUS_OTHERS = ", minus at another person's"


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
    """Find each image's unit with the highest dy_c/do, in the first block unless `layer` is given (4.3.1)."""
    layer = layer or filter_layers(net)[0]
    field, outputs = receptive_field(net, layer=layer), net.forward(x, stop=layer)[layer]
    delta = prediction_gradient(net, x, layers=layer, classes="true", labels=classes)[layer]
    f, *ij = np.unravel_index(delta.reshape(len(x), -1).argmax(axis=1), delta.shape[1:])
    units = np.stack(ij, axis=1)
    places = units * field.step + field.start + np.array(field.size) // 2
    return Strongest(net.backend.to_numpy(outputs), delta, field, f, units, places)


def in_conditions(data: Dataset, conditions: tuple[str, ...]) -> Array:
    """Indices of the images in these conditions; all where conditions are not known."""
    return np.flatnonzero(np.isin(data.conditions or conditions[:1] * len(data), conditions))


def covering_costs(
    net: Network, data: Dataset, chosen: Array, classes: Array, found: Strongest, *, window: int, stride: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Cover each place with its average over all images; return how the cost of covering the strongest place ranks.

    For each rule that chooses the strongest place, two means over the chosen images: the share of the picture's places
    that cost less, for the image's strongest place, and for the strongest places of other people's images, which are
    in the middle of faces as well.
    """
    x, t, c = data.x[chosen], data.labels[chosen], classes[chosen]
    cost = occlusion_map(net, x, c, window=window, stride=stride, fill=data.x.mean(axis=0), progress=False)
    places = {GRADIENT: found.places[chosen], CONTRIBUTION: contributing_places(net, data, chosen, classes, seed)}
    return {name: _ranks(cost, place, t) for name, place in places.items()}


def contributing_places(net: Network, data: Dataset, chosen: Array, classes: Array, seed: int = 0) -> Array:
    """Find where gradient x departure from the average output is highest, (n, 2) pixels."""
    added, draw = contribution_map(net, data.x[chosen], classes[chosen], reference=data.x), np.random.default_rng(seed)
    return np.array([highest_place(one, rng=draw) for one in added])


def _ranks(cost: Array, places: Array, labels: Array) -> tuple[float, float]:
    at = cost[:, places[:, 0], places[:, 1]]  # (N, N): of image n at the place of image m
    flat = np.sort(cost.reshape(len(cost), -1), axis=1)
    below = [np.searchsorted(o, v) + np.searchsorted(o, v, side="right") for o, v in zip(flat, at, strict=True)]
    rank = np.array(below) / (2 * flat.shape[1])  # a tie counts half
    others = labels[:, None] != labels
    return float(np.diag(rank).mean()), float(rank[others].mean())


def cost_rows(what: str, costs: list[dict[str, tuple[float, float]]]) -> list[Row]:
    """The rank of the strongest place, and that minus the rank of other people's: means and intervals over nets.

    A claim about a place holds if covering it costs more than covering the average place of the picture, and more than
    covering other people's strongest places.
    """
    rows, over = [], partial(row, n=len(costs), unit="percentile", interval="95% t over nets")
    for name in costs[0]:
        same, others = np.array([c[name] for c in costs]).T
        mean, more = mean_interval(same), mean_interval(same - others)
        claimed = 1.0 if name == GRADIENT else None  # the thesis claims it of the gradient only
        rows += [
            over(place_row(what, name), claimed, mean, held=mean.low > 0.5 and more.low > 0),
            over(place_row(what, name) + MINUS_OTHERS, None, more),
        ]
    return rows


def place_row(what: str, name: str) -> str:
    """Return the name of the row for the image's strongest place."""
    return f"{what}, {name}"


def rank_and_others(rows: list[Row], what: str, name: str) -> tuple[float, float]:
    """Return the ranks of the image's strongest place and of other people's, from `cost_rows`."""
    place = place_row(what, name)
    rank = row_named(rows, place).ours
    return rank, rank - row_named(rows, place + MINUS_OTHERS).ours


def spread(places: Array, labels: Array) -> tuple[float, float]:
    """Mean distance, pixels, of the strongest places of two images of one person, and of two people."""
    distance = np.hypot(*(places[:, None] - places).transpose(2, 0, 1))
    same, pair = labels[:, None] == labels, ~np.eye(len(labels), dtype=bool)
    return float(distance[same & pair].mean()), float(distance[~same].mean())


def leading_share(filters: Array) -> float:
    """Share of the images whose strongest unit is in the filter that leads most often."""
    return float(np.bincount(filters).max() / len(filters))
