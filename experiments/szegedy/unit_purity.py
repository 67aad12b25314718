"""Are the images that most excite a unit more of one kind than those of a random direction? What SZ-1 and SZ-2 ask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Row, row
from nnpg import Network
from nnpg.data import Dataset
from nnpg.directions import above_chance, between_groups, features, purity, random_directions, strongest_images
from nnpg.plots import image_grid
from nnpg.statistics import mean_interval
from nnpg_kernels import Array

SHOWN = 4  # rows of units and of directions


@dataclass(frozen=True)
class Looking:
    """The layer, images in a row, directions at most, and permutations of the tests."""

    layer: str
    row: int
    directions: int
    permutations: int
    seed: int


@dataclass(frozen=True)
class Kinds:
    """Rows of images for units and for random directions, and what they come to."""

    units: Array  # their numbers
    of_units: Array  # images (S, n)
    of_directions: Array
    rows: tuple[Row, ...]

    @property
    def alike(self) -> bool:
        """Whether no difference in purity was found."""
        return bool(self.rows[3].held)


def compare(net: Network, data: Dataset, how: Looking) -> Kinds:
    """Find the rows of images, and test their purity: against chance, and units against random directions."""
    phi, rng = features(net, data.x, how.layer), np.random.default_rng(how.seed)
    live = np.flatnonzero(phi.max(axis=0) > phi.min(axis=0))  # a dead unit has no strongest image
    units = np.sort(rng.permutation(live)[: how.directions])
    of_units = strongest_images(phi[:, units], np.eye(len(units)), how.row)
    of_directions = strongest_images(phi, random_directions(phi.shape[1], len(units), rng), how.row)
    pure, mixed = purity(data.labels, of_units), purity(data.labels, of_directions)
    chance = {"permutations": how.permutations, "rng": rng}
    n, by, test = len(units), "95% t over rows", "permutation test"
    tested = [above_chance(data.labels, images, **chance) for images in (of_units, of_directions)]  # type: ignore[arg-type]
    between = between_groups(pure, mixed, **chance)  # type: ignore[arg-type]
    rows = (
        row(f"{how.layer}: purity of rows of units", None, mean_interval(pure), n, interval=by),
        row(f"{how.layer}: purity of rows of random directions", None, mean_interval(mixed), n, interval=by),
        row(f"{how.layer}: purity of units less that of directions", 0.0, between.difference, n),
        row(f"{how.layer}: purity of units less that of directions, {test}", None, between.p, n, unit="p",
            held=between.p > 0.05),
        *(
            r for name, own in zip(("units", "random directions"), tested, strict=True)
            for r in (
                row(f"{how.layer}: purity of rows of {name} above chance", None, own.difference, n),
                row(f"{how.layer}: purity of rows of {name} above chance, {test}", None, own.p, n, unit="p",
                    held=own.p < 0.05),
            )
        ),
    )  # fmt: skip
    return Kinds(units, of_units, of_directions, rows)


def draw(found: Kinds, data: Dataset, path: Path) -> None:
    """Draw the first rows of units above those of directions, as in Figs. 1 and 2, with the purity of each."""
    shown = [*found.of_units[:SHOWN], *found.of_directions[:SHOWN]]
    share = purity(data.labels, np.array(shown))
    names = [f"unit {u}" for u in found.units[:SHOWN]]
    names += [f"direction {i + 1}" for i in range(len(shown) - len(names))]
    labels = [f"{name}: {own:.0%}" for name, own in zip(names, share, strict=True)]
    image_grid(data.x[np.concatenate(shown)], path, columns=len(shown[0]), row_labels=labels)


def verdict(found: list[Kinds], layers: tuple[str, ...]) -> str:
    """Say in a sentence a layer what was found."""
    parts = []
    for own, layer in zip(found, layers, strict=True):
        unit, direction, difference, p, *_ = own.rows
        parts.append(
            f"In {layer} rows of units are {unit.ours:.0%} of one class and rows of random directions "
            f"{direction.ours:.0%}: {'no difference was found' if own.alike else 'they differ'} "
            f"({difference.ours:+.3f}, p = {p.ours:.2g}), so the paper's 'indistinguishable' "
            f"{'held' if own.alike else 'did not hold'}."
        )
    return " ".join(parts)
