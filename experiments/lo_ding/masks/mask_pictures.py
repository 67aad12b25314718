"""Pictures of masks: for LD-9 one mask on two images, for LD-12 one success."""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context
from experiments.models.cifar import Images
from experiments.models.masks import in_colour
from nnpg import Network, predict
from nnpg.attacks import Masker, Sweep, apply_masks
from nnpg.data import Dataset
from nnpg.plots import image_grid
from nnpg_kernels import Array

Case = tuple[Network, Dataset, Masker, Sweep]  # the network that is attacked, images, masks, and how they did


def draw_masks(net: Network, images: Images, W: Array, target: int, context: Context) -> None:
    """A bird and a frog, the mask at true and at amplified contrast, and their sum (Fig. 4)."""
    names, test = images.train.class_names, images.test
    sources = [c for c in (2, 6) if c < len(names)] or [0]
    x = test.x[[int(np.flatnonzero(test.labels == c)[0]) for c in sources]]
    both = np.broadcast_to(W, x.shape)
    changed = apply_masks(x, both, 1.0, (0.0, 1.0))
    y = predict(net, np.concatenate([x, changed]))
    words = [f"{names[k]} {p:.0%}" for k, p in zip(y.argmax(axis=1), y.max(axis=1), strict=True)]
    pictures = np.stack([x, in_colour(both, 0.5), in_colour(both), changed], axis=1).reshape(-1, *x.shape[1:])
    n = len(sources)
    titles = [t for i in range(n) for t in (words[i], "mask", "stretched", words[n + i])]
    labels = [f"{names[c]} as {names[target]}" for c in sources]
    image_grid(pictures, context.folder / "masks.png", titles=titles, columns=4, row_labels=labels)


def example(
    net: Network, data: Dataset, masks: Masker, sweep: Sweep, names: tuple[str, ...]
) -> tuple[Array, list[str]]:
    """Image, mask at true contrast, mask stretched, and sum: the median success among images classified correctly."""
    right = sweep.predicted[0, :, 0] == sweep.labels
    won = np.flatnonzero(sweep.success[1, :, 0] & right)
    candidates = won if len(won) else np.arange(len(data))
    n = int(candidates[np.argsort(sweep.distortion[1, candidates, 0])[len(candidates) // 2]])
    x, target, rows = data.x[n : n + 1], sweep.targets[n : n + 1], np.array([n])
    W = masks(x, target, rows)[:, 0]
    changed = apply_masks(x, W, 1.0, (0.0, 1.0))
    words = []
    for y in predict(net, np.concatenate([x, changed])):
        words.append(f"{names[int(y.argmax())]} {y.max():.0%}")
    four = np.concatenate([x, in_colour(W, 0.5), in_colour(W), changed])
    return four, [words[0], "mask", "stretched", words[1]]
