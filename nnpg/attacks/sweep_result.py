"""The result of a sweep: outputs per step size, image and target, with shares and intervals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nnpg.analysis.statistics import Interval
from nnpg.attacks.metrics import error, target_success
from nnpg.support.tables import data_frame, text_table

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


class MaskOutcome(IntEnum):
    """The outcome for one image and one target.

    MASKED: taken for the target at an eta above 0. ALREADY: taken for it without a mask. NOT_MASKED: at no eta that was
    tried. NO_GRADIENT: at no eta, and the largest one left every pixel unchanged: the mask is 0, or too small beside
    the pixels to change them.
    """

    MASKED = 0
    ALREADY = 1
    NOT_MASKED = 2
    NO_GRADIENT = 3


_COLUMNS = ("eta", "success", "low", "high", "error", "error low", "error high", "mean distortion")


@dataclass(frozen=True, eq=False)
class Sweep:
    """The outputs of a network for N images with masks for T targets each, at E step sizes.

    Parameters
    ----------
    etas : array (E,)
        Ascending from 0; in units of the pixel squared by the unit of the output where the mask is a gradient.
    labels : array (N,), int
    targets : array (N, T), int
    predicted : array (E, N, T), int
    target_confidence, label_confidence : arrays (E, N, T), float32
        The network's output for the target, and for the label.
    distortion : array (E, N, T), float32
        Root mean square of the change over all pixels, after clipping where there is any.
    clipped : bool
        Whether the adversarial images were clipped to the box.
    """

    etas: NDArray[np.float64]
    labels: NDArray[np.int64]
    targets: NDArray[np.int64]
    predicted: NDArray[np.int16]
    target_confidence: NDArray[np.float32]
    label_confidence: NDArray[np.float32]
    distortion: NDArray[np.float32]
    clipped: bool

    @property
    def success(self) -> NDArray[np.bool_]:
        """Whether each image is taken for its target (E, N, T)."""
        return self.predicted == self.targets

    @property
    def outcome(self) -> NDArray[np.int8]:
        """The `MaskOutcome` of each image and target (N, T)."""
        masked, already = self.success.any(axis=0), self.success[0]
        failed = np.where(self.distortion[-1] == 0, MaskOutcome.NO_GRADIENT, MaskOutcome.NOT_MASKED)
        return np.where(already, MaskOutcome.ALREADY, np.where(masked, MaskOutcome.MASKED, failed)).astype(np.int8)

    @property
    def least_eta(self) -> NDArray[np.float64]:
        """The smallest eta at which each image is taken for its target (N, T); NaN where there is none."""
        return np.where(self.success.any(axis=0), self.etas[self.success.argmax(axis=0)], np.nan)

    @property
    def least_distortion(self) -> NDArray[np.float32]:
        """The distortion at the smallest eta that succeeds (N, T); NaN where there is none."""
        first = self.success.argmax(axis=0)[None]
        distortion = np.take_along_axis(self.distortion, first, axis=0)[0]
        return np.where(self.success.any(axis=0), distortion, np.float32(np.nan))

    def of_target(self, target: int | None = None) -> NDArray[np.bool_]:
        """Return where the target (N, T) is this one; everywhere unless one is given."""
        return np.ones(self.targets.shape, bool) if target is None else self.targets == target

    def target_success(self, e: int, target: int | None = None) -> Interval:
        """Return the share taken for their target at step size e (an index), with its Wilson interval."""
        chosen = self.of_target(target)
        return target_success(self.predicted[e][chosen], self.targets[chosen])

    def error(self, e: int, target: int | None = None) -> Interval:
        """Return the share not taken for their label at step size e (an index), with its Wilson interval."""
        chosen = self.of_target(target)
        labels = np.broadcast_to(self.labels[:, None], chosen.shape)
        return error(self.predicted[e][chosen], labels[chosen])

    def success_curve(self, target: int | None = None) -> NDArray[np.float64]:
        """Return the share taken for their target at each step size (E,)."""
        return np.array([self.target_success(e, target).value for e in range(len(self.etas))])

    def error_curve(self, target: int | None = None) -> NDArray[np.float64]:
        """Return the share not taken for their label at each step size (E,)."""
        return np.array([self.error(e, target).value for e in range(len(self.etas))])

    def best(self, target: int | None = None) -> int:
        """Return the index of the step size with most success, of equal ones the smallest."""
        return int(self.success_curve(target).argmax())

    def __str__(self) -> str:
        return text_table(_COLUMNS, self._rows())

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per step size: eta, success and error with their 95% intervals, mean distortion."""
        return data_frame(_COLUMNS, self._rows())

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw success and error over the step sizes."""
        from nnpg.plots import Lines, line_panels

        curves = {"taken for the target": self.success_curve(), "not taken for the label": self.error_curve()}
        return line_panels([Lines("all targets", self.etas, curves, "eta", "share of images")], path, columns=1)

    def _rows(self) -> list[tuple[float, ...]]:
        return [
            (float(eta), *self.target_success(e), *self.error(e), float(self.distortion[e].mean()))
            for e, eta in enumerate(self.etas)
        ]

    def __repr__(self) -> str:
        N, T = self.targets.shape
        e = self.best()
        reached = f"{self.target_success(e).value:.1%} at eta {self.etas[e]:.4g}"
        return f"Sweep of {N} images x {T} targets x {len(self.etas)} step sizes: at most {reached}"
