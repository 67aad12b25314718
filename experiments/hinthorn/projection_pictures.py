"""For HI-4: images sent back from the second convolution, their likeness in groups, and the pictures of Fig. 11, 12."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.models.hinthorn.base import MAPS, BaseNet
from experiments.models.hinthorn.pairs import Pairs
from nnpg import Network
from nnpg.analysis.angles import likeness_within_groups, pair_cosines
from nnpg.batches import in_batches
from nnpg.maps.projection import RULES, Rule, mean_projection, project
from nnpg.plots import image_grid, signed_colours
from nnpg_kernels import Array

WAYS = ("pixels", *RULES)
LEAST = 3  # pairs in a group whose members are compared
MEMBERS = 4  # of the group in Fig. 11
BATCH = 100  # images projected at a time


def project_all(net: Network, x: Array, rule: Rule) -> Array:
    """Send all units of the second convolution back to the image, (N, C, H, W)."""
    parts = [x[rows] for rows in in_batches(len(x), BATCH, suits=BATCH)]
    return np.concatenate([project(net, net.forward(part, stop=MAPS), layer=MAPS, rule=rule) for part in parts])


def group_likeness(base: BaseNet, pairs: Pairs) -> list[tuple[float, float]]:
    """Means over the groups of one net, for the pixels and each rule of projection (2 for each of WAYS).

    How alike the changes of two members are (cosine); and how far the mean change of a group is along the difference
    of the mean images of its classes, target minus source (cosine).
    """
    groups, data, means = pairs.groups("both"), base.train, {}
    for c in np.unique(data.labels):
        means[c] = data.x[data.labels == c].mean(axis=0)
    first = [int(np.flatnonzero(groups.index == g)[0]) for g in range(len(groups))]  # a pair of each group
    differences = np.stack([means[pairs.targets[i]] - means[pairs.labels[i]] for i in first])
    found = []
    for way in WAYS:
        change = _change(base, pairs, way)
        alike = likeness_within_groups(groups, change, least=LEAST)
        found.append((float(alike.mean()), float(pair_cosines(groups.mean(change), differences).mean())))
    return found


def _change(base: BaseNet, pairs: Pairs, way: str) -> Array:
    if way == "pixels":
        return np.asarray(pairs.adversarial - pairs.originals)
    before, after = (project_all(base.net, x, way) for x in (pairs.originals, pairs.adversarial))  # type: ignore[arg-type]
    return np.asarray(after - before)


def draw_units(net: Network, group: Pairs, folder: Path) -> None:
    """Fig. 12: each unit's mean projection, adversarial minus original, roots in one scale."""
    change = _unit_changes(net, group)
    F, H, W = change.shape
    roots = np.sign(change) * abs(change) ** 0.5  # small changes would be invisible beside the largest
    colours = signed_colours(roots.reshape(1, F * H, W)).reshape(3, F, H, W).swapaxes(0, 1)
    image_grid(colours, folder / "units.png", columns=16, titles=[str(f) for f in range(F)])


def unit_norms(net: Network, group: Pairs) -> Array:
    """Return how much each unit's mean projection changes, as norms (F,)."""
    change = _unit_changes(net, group)
    return np.asarray(np.linalg.norm(change.reshape(len(change), -1), axis=1))


def _unit_changes(net: Network, group: Pairs) -> Array:
    """Return each unit's mean projection, adversarial minus original, (F, H, W)."""
    before, after = (mean_projection(net, x, layer=MAPS, units="each") for x in (group.originals, group.adversarial))
    return np.asarray(after - before)[:, 0]


def draw_members(net: Network, group: Pairs, folder: Path) -> None:
    """Fig. 11: members of a group: image, adversarial image, their projections, and the difference of these."""
    shown = group[: min(MEMBERS, len(group))]
    before, after = (project_all(net, x, "deconvnet")[:, 0] for x in (shown.originals, shown.adversarial))
    cells = []
    for n in range(len(shown)):
        three = np.stack([before[n], after[n], after[n] - before[n]])
        colours = signed_colours(three.reshape(1, -1, three.shape[-1])).reshape(3, *three.shape).swapaxes(0, 1)
        cells += [*np.repeat([shown.originals[n], shown.adversarial[n]], 3, axis=1), *colours]
    heads = ["original", "adversarial", "projected original", "projected adversarial", "difference"]
    labels = [f"{s} to {t}" for s, t in zip(shown.labels, shown.targets, strict=True)]
    titles = heads + [""] * (len(cells) - len(heads))
    image_grid(np.stack(cells), folder / "members.png", titles=titles, columns=5, row_labels=labels)
