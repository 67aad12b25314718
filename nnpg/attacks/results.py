"""What an attack found, image by image, and whether it found anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from nnpg_kernels import Array


class Outcome(IntEnum):
    """How the attack on one image ended.

    FOUND: classified as the target, and c was located to the tolerance. ALREADY: the image itself is classified as the
    target, nothing was changed. UNSETTLED: classified as the target, but the limit of evaluations came before c was
    located. NOT_FOUND: no image that is classified as the target was met.
    """

    FOUND = 0
    ALREADY = 1
    UNSETTLED = 2
    NOT_FOUND = 3


@dataclass(frozen=True, eq=False)
class Distorted:
    """N images, distorted as little as could be found so that a network takes each for its target.

    Parameters
    ----------
    x : array (N, *shape)
        Inside the box exactly. Where the outcome is NOT_FOUND, the image as it was.
    target : array (N,), int
    outcome : array (N,) of `Outcome`
    distortion : array (N,), float64
        Root mean square of the change over all pixels (Szegedy et al. 2013, Table 1); NaN where NOT_FOUND.
    size : array (N,), float64
        |r| in the norm of the attack; NaN where NOT_FOUND.
    c : array (N,), float64
        The largest that succeeded; NaN where NOT_FOUND, infinite where ALREADY.
    evaluations : array (N,), int
        Passes forward and back on this image. A pass back with several seeds counts as that many.
    """

    x: Array
    target: npt.NDArray[np.int64]
    outcome: npt.NDArray[np.int8]
    distortion: npt.NDArray[np.float64]
    size: npt.NDArray[np.float64]
    c: npt.NDArray[np.float64]
    evaluations: npt.NDArray[np.int64]

    @property
    def success(self) -> npt.NDArray[np.bool_]:
        """Which images are classified as their target (N,)."""
        return self.outcome != Outcome.NOT_FOUND

    def __repr__(self) -> str:
        found = self.success
        mean = f", mean distortion {self.distortion[found].mean():.4g}" if found.any() else ""
        return f"Distorted: {found.sum()} of {len(found)} images are classified as their target{mean}"
