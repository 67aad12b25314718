"""For LD-13: masks for an image from other images: the nearest, the mean of several, of its class, or in features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from experiments.models.cifar import spread_indices
from experiments.models.masks import halves
from nnpg import Network
from nnpg.analysis.outputs import layer_outputs
from nnpg.attacks import Masker, Sweep, borrowed, nearest_images
from nnpg.data import Dataset
from nnpg_kernels import Array

NEAREST, RANDOM = "nearest image's mask", "random image's mask"
SAMPLE = 5000  # images that the mean mask of each class is taken over
BLOCK = 200  # images whose distances are held at a time


def k_nearest(queries: Array, references: Array, k: int) -> NDArray[np.intp]:
    """Return which k references are nearest to each query in Euclidean distance, the nearest first, (Q, k)."""
    q, r = (a.reshape(len(a), -1) for a in (queries, references))
    lengths, found = np.einsum("ni,ni->n", r, r), np.empty((len(q), k), np.intp)
    for first in range(0, len(q), BLOCK):
        rows = slice(first, first + BLOCK)
        gaps = lengths - 2 * (q[rows] @ r.T)  # |q - r|^2 without |q|^2, the same for every reference
        few = np.argpartition(gaps, k - 1, axis=1)[:, :k]
        order = np.take_along_axis(gaps, few, axis=1).argsort(axis=1, kind="stable")
        found[rows] = np.take_along_axis(few, order, axis=1)
    return found


def mean_of(masks: Masker, donors: Array) -> Masker:
    """Return the masker that gives image n the mean of the masks of donors[n] (N, k, *shape)."""

    def make(x: Array, targets: Array, rows: Array) -> Array:
        every = [masks(np.ascontiguousarray(donors[rows, j]), targets, rows) for j in range(donors.shape[1])]
        return np.asarray(np.mean(every, axis=0))

    return make


def of_class(masks: Masker, known: Dataset, labels: Array) -> Masker:
    """Return the masker that gives image n, of class labels[n], the mean mask of the known images of that class."""
    classes = np.unique(labels)
    means = np.zeros((known.K, known.K, *known.image_shape), known.x.dtype)  # by class and target
    for c in classes:
        rows = np.flatnonzero(known.labels == c)
        targets = np.delete(np.arange(known.K), c)
        made = masks(known.x[rows], np.tile(targets, (len(rows), 1)), rows)  # (n, K - 1, *shape)
        means[c, targets] = made.mean(axis=0)

    def make(x: Array, targets: Array, rows: Array) -> Array:
        return np.asarray(means[labels[rows][:, None], targets])

    return make


def nearest_by_features(net: Network, layer: str, queries: Array, references: Array) -> NDArray[np.int64]:
    """Return which reference has the output of a layer that is nearest to each query's, (Q,)."""
    nearest, _ = nearest_images(_features(net, layer, queries), _features(net, layer, references), progress=False)
    return nearest


def _features(net: Network, layer: str, x: Array) -> Array:
    return layer_outputs(net, x, layer=layer, batch=BLOCK).reshape(len(x), -1)


def donors_masks(
    net: Network, masks: Masker, known: Dataset, data: Dataset, several: NDArray[np.intp], seed: int
) -> dict[str, Masker]:
    """Return the masker of each kind of donor among the known images, for the images of `data`.

    `several` (N, k) are the numbers of each image's nearest known images, the nearest first.
    """
    features = nearest_by_features(net, "pool3", data.x, known.x)
    other = np.random.default_rng(seed).integers(len(known), size=len(data))
    return {
        NEAREST: borrowed(masks, known.x[several[:, 0]]),
        f"mean of the {several.shape[1]} nearest images' masks": mean_of(masks, known.x[several]),
        "mask of the nearest image in features": borrowed(masks, known.x[features]),
        "mean mask of the image's class": of_class(masks, known.subset(spread_indices(known, SAMPLE)), data.labels),
        RANDOM: borrowed(masks, known.x[other]),
    }


def at_best_size(sweep: Sweep) -> float:
    """Return the success at the size that is best for half of the images, on the other half."""
    choosing, judging = halves(len(sweep.labels))
    e = int(sweep.success[:, choosing].mean(axis=(1, 2)).argmax())
    return float(sweep.success[e, judging].mean())
