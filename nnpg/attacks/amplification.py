"""A change made larger, in its own direction (Szegedy et al. 2013, 4.2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.support.arguments import as_number, as_numbers
from nnpg_kernels import Array


def amplified(x: npt.ArrayLike, changed: npt.ArrayLike, rms: float) -> Array:
    """Return x + rms (x' - x) / |x' - x|_RMS: each image changed as x' is, by as much as asked for.

    The paper writes the L2 norm, which would not give the standard deviation of 0.1 that it states; the root mean
    square over the pixels does. The result may leave the box.

    Parameters
    ----------
    x, changed : arrays (N, ...)
    rms : float
        Root mean square of the change over all pixels of an image. An image that is not changed stays as it is.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> amplified(np.zeros((1, 4)), np.array([[0.0, 0.3, 0.0, 0.4]]), 0.5)
    array([[0. , 0.6, 0. , 0.8]])
    """
    x, changed = (as_numbers(a, name, "an array (N, ...)", finite=True) for a, name in ((x, "x"), (changed, "changed")))
    rms = as_number(rms, "rms", least=0)
    if x.shape != changed.shape or x.ndim == 0:
        raise ValueError(f"x and changed must be images of one shape (N, ...), not {x.shape} and {changed.shape}")
    r = changed.astype(np.float64) - x
    size = np.sqrt((r * r).mean(axis=tuple(range(1, r.ndim)), keepdims=True))
    return np.asarray(x + r * (rms / np.where(size > 0, size, 1)), x.dtype)
