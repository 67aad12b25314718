"""For LD-9: the masks of a class scaled to one size, beside noise of that size."""

from __future__ import annotations

from functools import partial

import numpy as np

from experiments.experiment import Context, Row, row
from nnpg import Network
from nnpg.analysis.verdicts import share_interval
from nnpg.attacks import mask_sweep, noise_like, shared, to_unit
from nnpg.data import Dataset
from nnpg.plots import Lines, line_panels
from nnpg_kernels import Array

LEVELS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16)  # root mean square of the mask
SMALL, LARGE = 3, 5  # of these, at which mask and noise are compared
LEARNED, NOISE = "learned mask", "Gaussian noise"


def at_one_size(
    nets: list[Network], test: Dataset, masks: Array, names: tuple[str, ...], context: Context
) -> list[Row]:
    """Success on test images of other classes when each mask is scaled to one size, and of noise of the same size."""
    curves: dict[str, list[Array]] = {LEARNED: [], f"{LEARNED}, clipped": [], NOISE: []}  # (nets, targets, levels)
    for seed, (net, W) in enumerate(zip(nets, masks, strict=True)):
        learned = to_unit(shared(W))
        for name, of_net in curves.items():
            make, clip = noise_like(learned, seed) if name == NOISE else learned, "clipped" in name
            sweep = mask_sweep(
                net, test.x, test.labels, "all", LEVELS, masks=make, clip=clip, progress=context.progress
            )
            of_net.append(np.array([sweep.success_curve(k) for k in range(len(names))]))
    shares = {name: np.array(of_nets) for name, of_nets in curves.items()}
    panels = [
        Lines(kind, LEVELS, dict(zip(names, shares[kind].mean(axis=0), strict=True)), "root mean square of the mask",
              "classified as the target") for kind in (LEARNED, NOISE)
    ]  # fmt: skip
    line_panels(panels, context.folder / "sizes.png")
    over = partial(row, n=len(nets), over="nets", interval="95% t over nets")
    return [
        over(size_row(name, e), None, share_interval(of_nets[:, :, e].mean(axis=1)))
        for name, of_nets in shares.items()
        for e in (SMALL, LARGE)
    ]


def size_row(kind: str, e: int) -> str:
    """Return the name of a row."""
    return f"{kind}, size {LEVELS[e]:g}: classified as the target, test images"
