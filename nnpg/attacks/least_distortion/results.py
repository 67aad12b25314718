"""The result of a least-distortion attack per image."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


class Outcome(IntEnum):
    """How the attack on an image ended.

    FOUND: classified as the target, and c was found to the tolerance. ALREADY: the image itself is classified as the
    target, and nothing was changed. UNSETTLED: classified as the target, but the evaluations ran out before c was
    found. NOT_FOUND: no image was found that is classified as the target.
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
    adversarial : array (N, *shape)
        Exactly inside the box. Where the outcome is NOT_FOUND, the original image.
    targets : array (N,), int
    outcome : array (N,) of `Outcome`
    distortion : array (N,), float64
        Root mean square of the change over all pixels (Szegedy et al. 2013, Table 1); NaN where NOT_FOUND.
    size : array (N,), float64
        |r| in the norm of the attack; NaN where NOT_FOUND.
    c : array (N,), float64
        The largest that succeeded; from a search along the boundary, that for which x comes nearest to a minimiser of
        c |r| + loss. NaN where NOT_FOUND, infinite where ALREADY.
    evaluations : array (N,), int
        Forward and backward passes on this image. A backward pass with several seeds counts as that many.
    computed : str
        How the network was computed: "compiled", or "layer by layer, because ...".
    """

    adversarial: Array
    targets: npt.NDArray[np.int64]
    outcome: npt.NDArray[np.int8]
    distortion: npt.NDArray[np.float64]
    size: npt.NDArray[np.float64]
    c: npt.NDArray[np.float64]
    evaluations: npt.NDArray[np.int64]
    computed: str = ""

    @property
    def success(self) -> npt.NDArray[np.bool_]:
        """Where images are classified as their targets (N,)."""
        return self.outcome != Outcome.NOT_FOUND

    def __str__(self) -> str:
        rows: list[tuple[object, ...]] = []
        for outcome in Outcome:
            distortion = self.distortion[self.outcome == outcome]
            known = distortion[~np.isnan(distortion)]
            ends = (float(known.mean()), float(known.max())) if known.size else (None, None)
            rows.append((outcome.name, len(distortion), *ends))
        return text_table(("outcome", "images", "mean distortion", "largest"), rows)

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per image: image, target, outcome, distortion, size, c, evaluations."""
        names = [Outcome(value).name for value in self.outcome]
        columns = (self.targets, names, self.distortion, self.size, self.c, self.evaluations)
        header = ("image", "target", "outcome", "distortion", "size", "c", "evaluations")
        return data_frame(header, [(n, *values) for n, values in enumerate(zip(*columns, strict=True))])

    def plot(self, path: str | Path | None = None, images: int = 12) -> Figure:
        """Draw the first adversarial images, with target and distortion; pixels must lie in 0 .. 1."""
        from nnpg.plots import image_grid

        shown = list(zip(self.targets, self.distortion, strict=True))[:images]
        titles = [f"target {t}: " + ("not found" if np.isnan(d) else f"RMS {d:.3g}") for t, d in shown]
        return image_grid(self.adversarial[:images], path, titles=titles)

    def __repr__(self) -> str:
        success = self.success
        mean = f", mean distortion {self.distortion[success].mean():.4g}" if success.any() else ""
        return f"Distorted: {success.sum()} of {len(success)} images are classified as their target{mean}"
