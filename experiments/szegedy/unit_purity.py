"""For SZ-1 and SZ-2: are the images that most excite a unit of one class, more than those of a random direction?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Result, Row, row, row_named
from nnpg import Network, error_rate
from nnpg.analysis.directions import above_chance, between_groups, features, purity, random_directions, strongest_images
from nnpg.analysis.statistics import mean_interval, wilson
from nnpg.analysis.verdicts import Verdict, equal_to, more_than
from nnpg.data import Dataset
from nnpg.plots import image_grid
from nnpg_kernels import Array

SHOWN = 4  # rows of units and of directions
OF_UNITS, OF_DIRECTIONS = "purity of rows of units", "purity of rows of random directions"
DIFFERENCE, TEST = "purity of units minus that of directions", "permutation test"
MARGIN = 0.0625  # half an image of a row of eight: no reader sees such a difference between rows
SAME = equal_to(0, MARGIN, "random projections are semantically indistinguishable from the coordinates")
ALIKE = more_than(0, "images within each row share many semantic properties")


@dataclass(frozen=True)
class Looking:
    """The layer, images per row, the largest number of directions, and permutations of the tests."""

    layer: str
    row: int
    directions: int
    permutations: int
    seed: int


@dataclass(frozen=True)
class Kinds:
    """Rows of images for units and for random directions, and their statistics."""

    units: Array  # their numbers
    of_units: Array  # images (S, n)
    of_directions: Array
    layer: str
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """Return the row of that name, which is without the layer here."""
        return row_named(self.rows, f"{self.layer}: {name}")

    @property
    def alike(self) -> Verdict | None:
        """The verdict on the paper's 'indistinguishable'."""
        return self.row(DIFFERENCE).verdict


def purity_result(net: Network, test: Dataset, looks: Sequence[Looking], context: Context) -> Result:
    """Return the rows of images of each layer with their tests, pictures and a verdict: all of SZ-1 and SZ-2."""
    found, figures = [], []
    for looking in looks:
        found.append(compare(net, test, looking))
        figures.append(f"rows-{looking.layer}.png")
        draw(found[-1], test, context.folder / figures[-1])
    error = wilson(round(error_rate(net, test.x, test.labels) * len(test)), len(test))
    rows = [row("test error of the network", None, error, len(test), "images of one net", interval="95% Wilson")]
    rows += [r for kinds in found for r in kinds.rows]
    return Result(tuple(rows), verdict(found), tuple(figures))


def compare(net: Network, data: Dataset, config: Looking) -> Kinds:
    """Find the rows of images, and test their purity: against chance, and units against random directions."""
    phi, rng = features(net, data.x, layer=config.layer), np.random.default_rng(config.seed)
    live = np.flatnonzero(phi.max(axis=0) > phi.min(axis=0))  # a dead unit has no strongest image
    units = np.sort(rng.permutation(live)[: config.directions])
    of_units = strongest_images(phi[:, units], np.eye(len(units)), n=config.row)
    of_directions = strongest_images(phi, random_directions(phi.shape[1], len(units), rng=rng), n=config.row)
    pure, mixed = purity(data.labels, of_units), purity(data.labels, of_directions)
    chance = {"permutations": config.permutations, "rng": rng}
    n, over, by = len(units), "rows of one net", "95% t over rows"
    tested = [above_chance(data.labels, images, **chance) for images in (of_units, of_directions)]  # type: ignore[arg-type]
    between = between_groups(pure, mixed, **chance)  # type: ignore[arg-type]
    rows = (
        row(f"{config.layer}: {OF_UNITS}", None, mean_interval(pure), n, over, interval=by),
        row(f"{config.layer}: {OF_DIRECTIONS}", None, mean_interval(mixed), n, over, interval=by),
        row(f"{config.layer}: {DIFFERENCE}", 0.0, between.difference, n, over, claim=SAME),
        row(f"{config.layer}: {DIFFERENCE}, {TEST}", None, between.p, n, over, unit="p"),
        *(
            r for name, found in zip(("units", "random directions"), tested, strict=True)
            for r in (
                row(f"{config.layer}: purity of rows of {name} above chance", None, found.difference, n, over,
                    claim=ALIKE),
                row(f"{config.layer}: purity of rows of {name} above chance, {TEST}", None, found.p, n, over,
                    unit="p"),
            )
        ),
    )  # fmt: skip
    return Kinds(units, of_units, of_directions, config.layer, rows)


def draw(found: Kinds, data: Dataset, path: Path) -> None:
    """Draw the first rows of units above those of directions, as in Figs. 1 and 2, with the purity of each."""
    shown = [*found.of_units[:SHOWN], *found.of_directions[:SHOWN]]
    share = purity(data.labels, np.array(shown))
    names = [f"unit {u}" for u in found.units[:SHOWN]]
    names += [f"direction {i + 1}" for i in range(len(shown) - len(names))]
    labels = [f"{name}: {pure:.0%}" for name, pure in zip(names, share, strict=True)]
    image_grid(data.x[np.concatenate(shown)], path, columns=len(shown[0]), row_labels=labels)


def verdict(found: list[Kinds]) -> str:
    """Return one sentence per layer."""
    parts = []
    for kinds in found:
        unit, direction, difference = (kinds.row(name) for name in (OF_UNITS, OF_DIRECTIONS, DIFFERENCE))
        p = kinds.row(f"{DIFFERENCE}, {TEST}")
        parts.append(
            f"In {kinds.layer} rows of units are {unit.ours:.0%} of one class and rows of random directions "
            f"{direction.ours:.0%} ({difference.ours:+.3f}, p = {p.ours:.2g}). The paper's 'indistinguishable': "
            f"{kinds.alike}, over the rows of one network."
        )
    return " ".join(parts)
