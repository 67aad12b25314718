"""The pictures of HI-3: how the change is spread over the units, and the neurons before and after it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from experiments.models.hinthorn.base import BaseNet
from experiments.models.hinthorn.pairs import Pairs
from nnpg.analysis.concentration import concentration_curve
from nnpg.plots import Lines, image_grid
from nnpg_kernels import Array

SHOWN = 4


def concentration(title: str, scores: Mapping[str, Array]) -> Lines:
    """Return the share of the change that the units have which change most, the mean over the pairs: by its cause."""
    curves = {name: np.nanmean(concentration_curve(s), axis=0) for name, s in scores.items()}
    share = np.linspace(0, 1, len(curves["noise"]))
    return Lines(title, share, curves, "share of units, most changed first", "share of change")


def draw_neurons(base: BaseNet, pairs: Pairs, path: Path) -> None:
    """Fig. 10: all neurons of the dense layer as a block, for originals, adversarial images, and the change."""
    net, neurons = base.net, base.read_at[1]
    shown = pairs[: min(SHOWN, len(pairs))]
    a, b = (net.backend.to_numpy(net.forward(x, stop=neurons)[neurons]) for x in (shown.originals, shown.adversarial))
    blocks = np.concatenate([a, b, abs(b - a)]).reshape(-1, 1, 10, a.shape[1] // 10)
    titles = [f"{label} classified as {target}" for label, target in zip(shown.labels, shown.targets, strict=True)]
    image_grid(
        blocks / blocks.max(), path, titles=titles + [""] * (2 * len(titles)), columns=len(titles),
        row_labels=("original", "adversarial", "|change|"),
    )  # fmt: skip
