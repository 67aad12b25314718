"""For SZ-1 and SZ-2: are the images that most excite a unit of one class, more than those of a random direction?

Of images of a set, and of images that are changed until they excite it most (`nnpg.maps.maximisation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Result, Row, Text, row, row_named
from nnpg import Network, error_rate, predict
from nnpg.analysis.directions import above_chance, between_groups, features, purity, random_directions, strongest_images
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import equal_to, more_than
from nnpg.data import Dataset
from nnpg.maps.maximisation import maximise_outputs
from nnpg.plots import image_grid
from nnpg_kernels import Array

SHOWN = 4  # rows of units and of directions
UNITS, RANDOM = "units", "random directions"
PURITY = "purity of rows"
MAXIMISED = "maximised images taken for the class of their row"
GAIN = "output of maximised images over that of the strongest image"
DIFFERENCE, DIFFERENCE_OF_MAXIMISED = f"{PURITY}, units minus directions", f"{MAXIMISED}, units minus directions"
MARGIN = 0.0625  # half an image of a row of eight: no reader sees such a difference between rows
MARGIN_OF_MAXIMISED = 0.1  # one of ten maximised images: a reader who looks at fewer does not see it
ALIKE = more_than(0, "images within each row share many semantic properties")
CLAIMS = {
    DIFFERENCE: equal_to(0, MARGIN, "random projections are semantically indistinguishable from the coordinates"),
    DIFFERENCE_OF_MAXIMISED: equal_to(
        0, MARGIN_OF_MAXIMISED, "no distinction ... according to various methods of unit analysis"
    ),
    f"{PURITY} of {UNITS} above chance": ALIKE,
    f"{PURITY} of {RANDOM} above chance": ALIKE,
}


@dataclass(frozen=True)
class Looking:
    """The layer, images per row, most units and random directions, permutations of the tests, and ascents of each."""

    layer: str
    row: int
    directions: int
    permutations: int
    maximised: int


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of images of units, or of random directions, of one layer of one net."""

    images: Array  # indices (S, n)
    pure: Array  # the purity of each row, (S,)
    above_chance: float
    p: float  # of that, from the permutation test
    maximised: Array  # images (M, ...), of M of the rows
    of_rows: Array  # which rows these are, (M,)
    taken: float  # share of them that the net takes for the class of their row
    gain: float  # their output over that of the strongest image, of the means


@dataclass(frozen=True, eq=False)
class Kinds:
    """The rows of units and of random directions of one layer of one net, and p of the difference of their purities."""

    layer: str
    numbers: Array  # of the units
    units: Rows
    random: Rows
    p: float


def purity_result(
    nets: Sequence[Network], test: Dataset, looks: Sequence[Looking], seed: int, context: Context
) -> Result:
    """Return the rows of images of each layer, judged over the nets, pictures and a verdict: all of SZ-1 and SZ-2."""
    errors = mean_interval([error_rate(net, test.x, test.labels) for net in nets])
    rows = [row("test error of the networks", None, errors, len(nets), "nets", interval="95% t over nets")]
    figures, words, lines = [], [], []
    for looking in looks:
        found = [compare(net, test, looking, seed + i) for i, net in enumerate(nets)]
        figures.append(f"rows-{looking.layer}.png")
        draw(found[0], test, context.folder / figures[-1])
        rows += over_nets(found, comparisons=len(CLAIMS) * len(looks))
        words.append(in_words(looking.layer, rows))
        lines += [_line(i, kinds) for i, kinds in enumerate(found)]
    return Result(tuple(rows), " ".join(words), tuple(figures), (Text("Net by net", "\n".join(lines)),))


def compare(net: Network, data: Dataset, looking: Looking, seed: int) -> Kinds:
    """Find the rows of images of one net, and how pure they are: against chance, and units against directions."""
    phi, rng = features(net, data.x, layer=looking.layer), np.random.default_rng(seed)
    live = np.flatnonzero(phi.max(axis=0) > phi.min(axis=0))  # a dead unit has no strongest image
    numbers = np.sort(rng.permutation(live)[: looking.directions])
    coordinates = np.zeros((len(numbers), phi.shape[1]))
    coordinates[np.arange(len(numbers)), numbers] = 1
    v = random_directions(phi.shape[1], len(numbers), rng=rng)
    units, random = (_rows(net, data, phi, directions, looking, rng) for directions in (coordinates, v))
    p = between_groups(units.pure, random.pure, permutations=looking.permutations, rng=rng).p
    return Kinds(looking.layer, numbers, units, random, p)


def _rows(
    net: Network, data: Dataset, phi: Array, directions: Array, looking: Looking, rng: np.random.Generator
) -> Rows:
    """Find the images that excite each direction most, and maximise the output of some directions.

    An ascent begins at the image that excites the direction most and is not of the most common class of its row, so
    that the class is not that of the start; its norm is at most that of the first image of the row.
    """
    images = strongest_images(phi, directions, n=looking.row)
    chance = above_chance(data.labels, images, permutations=looking.permutations, rng=rng)
    of_rows = np.linspace(0, len(images) - 1, min(looking.maximised, len(images))).astype(int)
    v, first = directions[of_rows], images[of_rows, 0]
    outputs = v @ phi.T  # (M, N)
    common = np.array([np.bincount(labels).argmax() for labels in data.labels[images[of_rows]]])
    starts = np.where(data.labels == common[:, None], -np.inf, outputs).argmax(axis=1)
    norms = np.linalg.norm(data.x[first].reshape(len(first), -1), axis=1)
    found = maximise_outputs(net, data.x[starts], v, layer=looking.layer, largest_norm=norms, progress=False)
    taken = predict(net, found.images).argmax(axis=1) == common
    gain = found.outputs.mean() / outputs[np.arange(len(first)), first].mean()
    return Rows(images, purity(data.labels, images), *chance, found.images, of_rows, float(taken.mean()), float(gain))


def over_nets(found: Sequence[Kinds], *, comparisons: int) -> list[Row]:
    """Return the rows of one layer: means over the nets, judged at a confidence for so many comparisons."""
    layer, n, confidence = found[0].layer, len(found), 1 - 0.05 / comparisons

    def mean(name: str, values: Sequence[float], unit: str = "fraction") -> Row:
        return row(f"{layer}: {name}", None, mean_interval(values), n, "nets", unit=unit, interval="95% t over nets")

    def judged(name: str, values: Sequence[float], paper: float | None = None) -> Row:
        interval = mean_interval(values, confidence=confidence)
        by = f"{confidence:.1%} t over nets"
        return row(f"{layer}: {name}", paper, interval, n, "nets", interval=by, claim=CLAIMS[name])

    both = [(UNITS, [kinds.units for kinds in found]), (RANDOM, [kinds.random for kinds in found])]
    return [
        judged(DIFFERENCE, [kinds.units.pure.mean() - kinds.random.pure.mean() for kinds in found], 0.0),
        judged(DIFFERENCE_OF_MAXIMISED, [kinds.units.taken - kinds.random.taken for kinds in found], 0.0),
        *(judged(f"{PURITY} of {name} above chance", [r.above_chance for r in rows]) for name, rows in both),
        *(mean(f"{PURITY} of {name}", [r.pure.mean() for r in rows]) for name, rows in both),
        *(mean(f"{MAXIMISED}, {name}", [r.taken for r in rows]) for name, rows in both),
        *(mean(f"{GAIN}, {name}", [r.gain for r in rows], unit="ratio") for name, rows in both),
    ]


def draw(found: Kinds, data: Dataset, path: Path) -> None:
    """Draw the first rows of units above those of directions, as in Figs. 1 and 2, each with its maximised image."""
    shown: list[Array] = []
    labels = []
    for rows, names in ((found.units, [f"unit {u}" for u in found.numbers]), (found.random, None)):
        for m, s in list(enumerate(rows.of_rows))[:SHOWN]:
            shown.append(np.concatenate([data.x[rows.images[s]], rows.maximised[m : m + 1]]))
            name = f"direction {s + 1}" if names is None else names[s]
            labels.append(f"{name}: {rows.pure[s]:.0%}")
    titles = [*[""] * (len(shown[0]) - 1), "maximised"] + [""] * (len(shown[0]) * (len(shown) - 1))
    image_grid(np.concatenate(shown), path, columns=len(shown[0]), row_labels=labels, titles=titles)


def in_words(layer: str, rows: Sequence[Row]) -> str:
    """Return the sentences on one layer."""
    names = (DIFFERENCE, DIFFERENCE_OF_MAXIMISED, *(f"{PURITY} of {name}" for name in (UNITS, RANDOM)))
    difference, maximised, units, random = (row_named(rows, f"{layer}: {name}") for name in names)
    taken = [row_named(rows, f"{layer}: {MAXIMISED}, {name}").ours for name in (UNITS, RANDOM)]
    return (
        f"In {layer} rows of units are {units.ours:.0%} of one class and rows of random directions {random.ours:.0%}, "
        f"over {units.n} nets ({difference.ours:+.3f}, {difference.low:+.3f} to {difference.high:+.3f}): that they are "
        f"equal within {MARGIN:g}: {difference.verdict}. Of the images that are changed until they excite it most, "
        f"{taken[0]:.0%} of a unit's and {taken[1]:.0%} of a direction's are taken for the class of its row; equal "
        f"within {MARGIN_OF_MAXIMISED:g}: {maximised.verdict}."
    )


def _line(i: int, kinds: Kinds) -> str:
    units, random = kinds.units, kinds.random
    return (
        f"{kinds.layer}, net {i + 1}: purity {units.pure.mean():.3f} of {len(units.pure)} units, "
        f"{random.pure.mean():.3f} of as many directions; permutation tests: between them p = {kinds.p:.2g}, above "
        f"chance p = {units.p:.2g} and {random.p:.2g}"
    )
