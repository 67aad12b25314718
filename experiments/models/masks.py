"""The masks of LD-11 on nets A and M, for LD-12 to LD-14. Each sweep is run once, kept, and resumed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.experiment import Context
from experiments.models.cifar import Config, Images, spread_indices
from experiments.models.kept import kept_file
from nnpg import Network
from nnpg.attacks import Sweep, gradient_masks, linear, mask_sweep, to_unit
from nnpg.data import Dataset
from nnpg.seeds import Of
from nnpg_kernels import Array

SIZES = np.geomspace(0.002, 1.0, 22)  # root mean square of a mask, in pixels of 0 .. 1; each 1.34 times the last
BLOCK = 256  # images whose gradients are held at a time


class Reached(NamedTuple):
    """Which masks of a net reach their targets at each size, and how long its gradients are.

    Every mask is scaled to each of the sizes. A step eta gives a mask the size eta |W|, which is rounded to the nearest
    of these sizes, or to no change: by a factor of 1.16 at most. A mask longer than the largest size, at which nothing
    is left of the image, counts as that.
    """

    success: NDArray[np.bool_]  # (1 + S, N, T): without a mask, then at each size
    targets: NDArray[np.int64]  # (N, T)
    lengths: NDArray[np.float64]  # (N, T), root mean square of the gradient of each target's output

    def at(self, etas: Array | float) -> NDArray[np.bool_]:
        """Return whether each target is reached (N, T) by steps of these lengths, (N, T) or a number."""
        first = SIZES[0] ** 1.5 / SIZES[1] ** 0.5
        edges = np.append(first, np.sqrt(SIZES[1:] * SIZES[:-1]))  # in the middle of two sizes, by their logarithms
        number = np.searchsorted(edges, etas * self.lengths)
        return np.asarray(np.take_along_axis(self.success, number[None], axis=0)[0])

    def of_images(self, rows: NDArray[np.intp]) -> Reached:
        """Return the same for these images only."""
        return Reached(self.success[:, rows], self.targets[rows], self.lengths[rows])


def masked_images(config: Config, images: Images) -> Dataset:
    """Return the training images that are masked, evenly spread over all."""
    return images.train.subset(spread_indices(images.train, config.images))


def count_in_words(masked: Dataset, every: Dataset, kind: str) -> str:
    """Return a sentence that says of how many images the results are.

    Examples
    --------
    >>> from nnpg.data import faces
    >>> count_in_words(faces().subset([0, 1, 2]), faces(), "training")
    'Of 165 training images 3 were masked.'
    """
    return f"Of {len(every):,} {kind} images {len(masked):,} were masked."


def halves(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return every second of n images, which choose step sizes, and the others, which judge them."""
    rows = np.arange(n, dtype=np.intp)
    return rows[::2], rows[1::2]


def size_sweep(
    net: Network, data: Dataset, context: Context, *, of: Of, victim: Network | None = None, clip: bool = False
) -> Sweep:
    """Masks of `net` for all targets, scaled to each size, on the net itself or on a victim."""
    attacked = net if victim is None else victim
    facts = {"victim": attacked, "masks of": net, "of": of, "clip": clip, "data": data, "sizes": SIZES}
    return mask_sweep(
        attacked, data.x, data.labels, "all", np.append(0, SIZES), masks=to_unit(linear(net, of=of)), clip=clip,
        checkpoint=kept_file(context, "masks of each size", facts), resume=True, progress=context.progress,
    )  # fmt: skip


def reached_by(net: Network, data: Dataset, context: Context, of: Of, *, clip: bool = False) -> Reached:
    """Return which masks of an output reach their targets.

    d log y_t / dx is dy_t / dx divided by y_t, so both have one direction and one sweep.
    """
    sweep = size_sweep(net, data, context, of="logit" if of == "logit" else "logprob", clip=clip)
    return Reached(sweep.success, sweep.targets, lengths(net, data, sweep.targets, of))


def lengths(net: Network, data: Dataset, targets: Array, of: Of) -> NDArray[np.float64]:
    """Return the root mean square of the gradient of each image and target (N, T)."""
    found = np.empty(targets.shape)
    for first in range(0, len(data), BLOCK):
        rows = slice(first, first + BLOCK)
        W = gradient_masks(net, data.x[rows], targets[rows], of=of).astype(np.float64)
        found[rows] = np.sqrt((W * W).reshape(*W.shape[:2], -1).mean(axis=-1))
    return found


def in_colour(masks: NDArray[np.float32], largest: float | None = None) -> NDArray[np.float32]:
    """Return masks (N, C, H, W) as pictures, grey where nothing changes: a change of `largest` is black or white.

    0.5 is the true contrast. Unless `largest` is given, it is the largest change of each mask, so each fills the scale.
    """
    size = abs(masks).max(axis=(1, 2, 3), keepdims=True) if largest is None else np.float32(largest)
    return np.clip(0.5 + 0.5 * masks / np.maximum(size, np.finfo(np.float32).tiny), 0, 1)
