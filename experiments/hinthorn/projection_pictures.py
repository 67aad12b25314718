"""For HI-4: images sent back from the second convolution, and the pictures of Fig. 11 and 12."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.models.hinthorn.base import MAPS
from experiments.models.hinthorn.pairs import Pairs
from nnpg import Network
from nnpg.batches import in_batches
from nnpg.maps.projection import Rule, mean_projection, project
from nnpg.plots import image_grid, signed_colours
from nnpg_kernels import Array

MEMBERS = 4  # of the group in Fig. 11
BATCH = 100  # images projected at a time


def project_all(net: Network, x: Array, rule: Rule) -> Array:
    """Send all units of the second convolution back to the image, (N, C, H, W)."""
    parts = [x[rows] for rows in in_batches(len(x), BATCH, suits=BATCH)]
    return np.concatenate([project(net, net.forward(part, stop=MAPS), layer=MAPS, rule=rule) for part in parts])


def draw_units(net: Network, group: Pairs, folder: Path) -> Array:
    """Fig. 12: each unit's mean projection, adversarial minus original, roots in one scale; returns norms (F,)."""
    before, after = (mean_projection(net, x, layer=MAPS, units="each") for x in (group.originals, group.adversarial))
    change = (after - before)[:, 0]  # (F, H, W)
    F, H, W = change.shape
    roots = np.sign(change) * abs(change) ** 0.5  # small changes would be invisible beside the largest
    colours = signed_colours(roots.reshape(1, F * H, W)).reshape(3, F, H, W).swapaxes(0, 1)
    image_grid(colours, folder / "units.png", columns=16, titles=[str(f) for f in range(F)])
    return np.asarray(np.linalg.norm(change.reshape(F, -1), axis=1))


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
