"""The checks of images and targets that every attack makes before it starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.attacks.targets import Targets, choose_targets
from nnpg.network import Network, as_network
from nnpg.support.arguments import as_ends, as_labels
from nnpg.support.network_arguments import as_images
from nnpg_kernels import Array


def images_in_box(net: Network, x: Any, box: tuple[float, float]) -> Array:
    """Return the images in the network's type, or raise an error where their shape or their range does not fit.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> images_in_box(net, [[0.0, 255.0]], (0, 1))
    Traceback (most recent call last):
    ...
    ValueError: x must lie in the box 0 .. 1; image 0 goes from 0 to 255: scale the images, or pass box=(low, high)
    """
    x = as_images(as_network(net), x, least=1, finite=True)
    low, high = as_ends(box, "box")
    x = x.astype(net.dtype, copy=False)
    outside = ~((x >= low) & (x <= high)).reshape(len(x), -1).all(axis=1)  # NaN too
    if outside.any():
        n = int(outside.argmax())
        raise ValueError(
            f"x must lie in the box {low:g} .. {high:g}; image {n} goes from {x[n].min():g} to {x[n].max():g}: scale "
            "the images, or pass box=(low, high)"
        )
    return x


def targets_other_than(
    net: Network,
    x: Array,
    labels: npt.ArrayLike,
    targets: Targets,
    rng: int | np.random.Generator | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return labels (N,) and targets (N, T), none of which is its image's label.

    Raises
    ------
    ValueError
        If labels or targets are not classes of the network, or a target is the image's label.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> targets_other_than(net, np.eye(2), [0, 1], 1)
    Traceback (most recent call last):
    ...
    ValueError: image 1 has label 1, which is its target too: leave it out, or choose another target
    """
    K = net.K
    labels = as_labels(labels, len(x), K).astype(np.int64)
    targets = choose_targets(net, x, targets, labels=labels, rng=rng)
    same = (targets == labels[:, None]).any(axis=1)
    if same.any():
        n = int(np.flatnonzero(same)[0])
        raise ValueError(
            f"image {n} has label {labels[n]}, which is its target too: leave it out, or choose another target"
        )
    return labels, targets
