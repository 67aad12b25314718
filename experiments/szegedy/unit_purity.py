"""For SZ-1 and SZ-2: are the images that most excite a unit of one class, more than those of a random direction?

What is measured of one net is in `nnpg.maps.unit_images`; here it is judged over nets, drawn, and put in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Result, Row, Text, row, row_named
from nnpg import Network, error_rate
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import equal_to, more_than, share_interval
from nnpg.data import Dataset
from nnpg.maps.unit_images import UnitsAndDirections, units_and_directions
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
    """A layer, and how it is looked at: arguments of `units_and_directions`."""

    layer: str
    n: int
    most: int
    permutations: int
    maximised: int


def purity_result(
    nets: Sequence[Network], test: Dataset, looks: Sequence[Looking], seed: int, context: Context
) -> Result:
    """Return the rows of images of each layer, judged over the nets, pictures and a verdict: all of SZ-1 and SZ-2."""
    errors = share_interval([error_rate(net, test.x, test.labels) for net in nets])
    rows = [row("test error of the networks", None, errors, len(nets), "nets", interval="95% t over nets")]
    figures, words, lines = [], [], []
    for looking in looks:
        found = [
            units_and_directions(net, test.x, test.labels, rng=seed + i, **vars(looking)) for i, net in enumerate(nets)
        ]
        figures.append(f"rows-{looking.layer}.png")
        draw(found[0], test, context.folder / figures[-1])
        rows += over_nets(looking.layer, found, comparisons=len(CLAIMS) * len(looks))
        words.append(in_words(looking.layer, rows))
        lines += [_line(f"{looking.layer}, net {i + 1}", kinds) for i, kinds in enumerate(found)]
    return Result(tuple(rows), " ".join(words), tuple(figures), (Text("Net by net", "\n".join(lines)),))


def over_nets(layer: str, found: Sequence[UnitsAndDirections], *, comparisons: int) -> list[Row]:
    """Return the rows of one layer: means over the nets, judged at a confidence for so many comparisons."""
    n, confidence = len(found), 1 - 0.05 / comparisons

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


def draw(found: UnitsAndDirections, data: Dataset, path: Path) -> None:
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


def _line(name: str, kinds: UnitsAndDirections) -> str:
    units, random = kinds.units, kinds.random
    return (
        f"{name}: purity {units.pure.mean():.3f} of {len(units.pure)} units, "
        f"{random.pure.mean():.3f} of as many directions; permutation tests: between them p = {kinds.p:.2g}, above "
        f"chance p = {units.p:.2g} and {random.p:.2g}"
    )
