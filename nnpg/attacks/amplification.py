"""A change that is scaled to a given distortion (Szegedy et al. 2013, 4.2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.support.arguments import as_numbers, described
from nnpg_kernels import Array


def amplify(x: npt.ArrayLike, adversarial: npt.ArrayLike, distortion: npt.ArrayLike) -> Array:
    """Return x + distortion (x' - x) / |x' - x|_RMS: each image changed in the direction of x', by a given distortion.

    The paper writes the L2 norm, which would not give the standard deviation of 0.1 that it states; the root mean
    square over the pixels does. The result may leave the box.

    Parameters
    ----------
    x, adversarial : arrays (N, ...)
    distortion : float, or array (N,)
        Root mean square of the change over all pixels of an image. Where x' = x, the image is returned unchanged.

    Raises
    ------
    ValueError
        If the shapes differ, or a distortion is negative.

    Examples
    --------
    >>> amplify(np.zeros((1, 4)), np.array([[0.0, 0.3, 0.0, 0.4]]), 0.5)
    array([[0. , 0.6, 0. , 0.8]])
    """
    x, adversarial = (
        as_numbers(a, name, "an array (N, ...)", finite=True) for a, name in ((x, "x"), (adversarial, "adversarial"))
    )
    sizes = as_numbers(distortion, "distortion", "a number, or one for each image,", finite=True)
    if x.shape != adversarial.shape or x.ndim == 0:
        raise ValueError(
            f"x and adversarial must be images of one shape (N, ...), not {x.shape} and {adversarial.shape}"
        )
    if sizes.dtype == bool or sizes.shape not in ((), (len(x),)) or (sizes < 0).any():
        raise ValueError(
            f"distortion must be a number of at least 0, or one for each of {len(x)} images, not {described(sizes)}"
        )
    r = adversarial.astype(np.float64) - x
    size = np.sqrt((r * r).mean(axis=tuple(range(1, r.ndim)), keepdims=True))
    factor = sizes.reshape(sizes.shape + (1,) * (x.ndim - 1) * sizes.ndim) / np.where(size > 0, size, 1)
    return np.asarray(x + r * factor, x.dtype)
