"""The line search of Lo & Ding (2015, IX.A): every image, every target, every step size in one go, forward passes only.

x' = x + eta W,    W = dy_t/dx            whether x' is taken for the target t, for eta from 0 up
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from nnpg.analysis.statistics import Interval
from nnpg.attacks.checks import images_in_box, targets_other_than
from nnpg.attacks.masks import Masker, as_masker, linear
from nnpg.attacks.metrics import error, target_success
from nnpg.attacks.targets import Targets
from nnpg.files.checkpoints import Contents, State, open_checkpoint, saving
from nnpg.files.identities import array_identity, identity
from nnpg.network import Network
from nnpg.prediction import predict
from nnpg.support.arguments import as_flag, as_numbers
from nnpg.support.progress import progress_bar
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array, one_blas_thread

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

BLOCK = 32  # images whose masks are held at a time
SAVE_EVERY = 60.0  # seconds


class MaskOutcome(IntEnum):
    """What came of one image and one target.

    MASKED: taken for the target at some eta above 0. ALREADY: taken for it without a mask. NOT_MASKED: at no eta that
    was tried. NO_GRADIENT: not either, and even the largest eta left every pixel as it was: the mask is 0, or too small
    beside the pixels to be added to them.
    """

    MASKED = 0
    ALREADY = 1
    NOT_MASKED = 2
    NO_GRADIENT = 3


_COLUMNS = ("eta", "success", "low", "high", "error", "error low", "error high", "mean distortion")


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a network makes of N images under masks for T targets each, at E step sizes.

    Parameters
    ----------
    etas : array (E,)
        Ascending from 0; in units of the pixel squared by the unit of the output where the mask is a gradient.
    labels : array (N,), int
    targets : array (N, T), int
    predicted : array (E, N, T), int
    target_confidence, own_confidence : arrays (E, N, T), float32
        The network's output for the target, and for the label.
    distortion : array (E, N, T), float32
        Root mean square of the change over all pixels, after clipping where there is any.
    clipped : bool
        Whether the changed images were cut to the box.
    """

    etas: NDArray[np.float64]
    labels: NDArray[np.int64]
    targets: NDArray[np.int64]
    predicted: NDArray[np.int16]
    target_confidence: NDArray[np.float32]
    own_confidence: NDArray[np.float32]
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
        still = np.where(self.distortion[-1] == 0, MaskOutcome.NO_GRADIENT, MaskOutcome.NOT_MASKED)
        return np.where(already, MaskOutcome.ALREADY, np.where(masked, MaskOutcome.MASKED, still)).astype(np.int8)

    @property
    def least_eta(self) -> NDArray[np.float64]:
        """The smallest eta at which each image is taken for its target (N, T); NaN where there is none."""
        return np.where(self.success.any(axis=0), self.etas[self.success.argmax(axis=0)], np.nan)

    @property
    def least_distortion(self) -> NDArray[np.float32]:
        """The distortion at the smallest eta that succeeds (N, T); NaN where there is none."""
        first = self.success.argmax(axis=0)[None]
        found = np.take_along_axis(self.distortion, first, axis=0)[0]
        return np.where(self.success.any(axis=0), found, np.float32(np.nan))

    def of_target(self, target: int | None = None) -> NDArray[np.bool_]:
        """Which images and targets (N, T) belong to this target; all unless one is given."""
        return np.ones(self.targets.shape, bool) if target is None else self.targets == target

    def target_success(self, e: int, target: int | None = None) -> Interval:
        """The share taken for their target at the step size number e, with its Wilson interval."""
        some = self.of_target(target)
        return target_success(self.predicted[e][some], self.targets[some])

    def error(self, e: int, target: int | None = None) -> Interval:
        """The share taken for anything but their label at the step size number e, with its Wilson interval."""
        some = self.of_target(target)
        labels = np.broadcast_to(self.labels[:, None], some.shape)
        return error(self.predicted[e][some], labels[some])

    def success_curve(self, target: int | None = None) -> NDArray[np.float64]:
        """The share taken for their target at each step size (E,)."""
        return np.array([self.target_success(e, target).value for e in range(len(self.etas))])

    def error_curve(self, target: int | None = None) -> NDArray[np.float64]:
        """The share taken for anything but their label at each step size (E,)."""
        return np.array([self.error(e, target).value for e in range(len(self.etas))])

    def best(self, target: int | None = None) -> int:
        """The number of the step size with most success; the smallest where several tie."""
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


def mask_sweep(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    targets: Targets,
    etas: npt.ArrayLike,
    *,
    masks: Masker | None = None,
    clip: bool = False,
    box: tuple[float, float] = (0.0, 1.0),
    rng: int | np.random.Generator | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> Sweep:
    """Add masks to images at every step size, and see what the network takes them for.

    Parameters
    ----------
    net : Network
        Which is to be fooled.
    x : array (N, *net.input_shape)
        Inside the box.
    labels : array (N,)
        Each image's own class.
    targets : a class, an array of N classes, "random", "least_likely", "nearest" or "all"
        See `choose_targets`; none may be the image's label.
    etas : array (E,)
        Ascending from 0, which stands for the image itself.
    masks : Masker, optional
        Where the masks come from; `linear(net)` unless given: the gradient of the target's output. `linear(other)` is a
        transfer from another network.
    clip : bool
        Cut the changed images to the box.
    box : (low, high)
        Of the pixels.
    rng : int or numpy.random.Generator, optional
        Needed for "random".
    checkpoint : path, optional
        File that holds what is done; written every minute and when the work ends or is interrupted. Network and masker
        must be nnpg's own, since a file could not tell another's from one that has changed.
    resume : bool
        Go on from the checkpoint if it is there: one of the same network, backend, images, targets, etas and masks.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    Sweep
        `outcome` says for which images and targets a mask was found. It takes 14 bytes an image, target and eta.

    Raises
    ------
    ValueError
        If images, labels, targets, etas or masks do not fit, the checkpoint is of another sweep, or no file can name
        the network or the masker.
    FileExistsError
        If the checkpoint exists and `resume` is not set.
    ModelFileError
        If the checkpoint is damaged, or not one of a sweep.
    OSError
        If the checkpoint cannot be written, which is tried before the work. Where it fails later, what is done is
        written to another place, which the message names.

    Examples
    --------
    Two classes, by the larger pixel; z_1 - z_0 grows by 2 for each unit along the mask of the logit's difference.

    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.eye(2, dtype="float32"))
    >>> sweep = mask_sweep(net, [[0.75, 0.5]], [0], 1, [0, 0.1, 0.2, 0.3], masks=linear(net, of="logit"))
    >>> sweep.success[:, 0, 0], float(sweep.least_eta[0, 0])
    (array([False, False, False,  True]), 0.3)
    """
    x = images_in_box(net, x, box)
    t, wanted = targets_other_than(net, x, labels, targets, rng)
    steps, clip = _checked_etas(etas), as_flag(clip, "clip")
    make = linear(net) if masks is None else as_masker(masks)
    first = np.asarray(make(x[:1], wanted[:1], np.arange(1)))  # before any work
    if first.shape != (1, wanted.shape[1], *net.input_shape):
        raise ValueError(
            f"masks: one for this network must have its input's shape {net.input_shape}, not {first.shape[2:]}: they "
            "come from a network, or from images, of another shape"
        )
    sweep = _empty(steps, t, wanted, clip)

    def this_run() -> dict[str, Any]:
        return {
            "network": identity(net, "the network"),
            "images": array_identity(x),
            "labels": array_identity(t),
            "targets": array_identity(wanted),
            "etas": array_identity(steps),
            "masks": identity(make, "the masker"),
            "settings": identity([clip, box], "the settings"),
        }

    def contents() -> Contents:
        return {name: a[:, :done] for name, a in _arrays(sweep).items()}, {}

    size = sum(a.nbytes for a in _arrays(sweep).values()) + 100_000
    store, saved = open_checkpoint(checkpoint, "sweep", this_run, resume=resume, size=size)
    done = 0 if saved is None else _load(saved, sweep)
    if done == len(x):
        return sweep
    bar = progress_bar("masks", len(x), show=progress, done=done)
    with saving(store, contents, SAVE_EVERY) as save, one_blas_thread(), bar as advance:
        while done < len(x):
            rows = np.arange(done, min(done + BLOCK, len(x)))
            _try(net, x[rows], np.asarray(make(x[rows], wanted[rows], rows)), rows, sweep, box)
            done += len(rows)
            advance(len(rows))
            save()
    return sweep


def apply_masks(
    x: npt.ArrayLike, masks: npt.ArrayLike, eta: npt.ArrayLike, box: tuple[float, float] | None = None
) -> Array:
    """Return x + eta W, cut to the box if one is given; eta is a number, or one for each image.

    Examples
    --------
    >>> apply_masks([[0.5, 0.9]], [[1.0, 1.0]], 0.2, box=(0, 1))
    array([[0.7, 1. ]])
    """
    x, W = as_numbers(x, "x", "images (N, ...)"), as_numbers(masks, "masks", "an array that fits the images")
    size = as_numbers(eta, "eta", "a number, or one for each image,").astype(
        W.dtype if W.dtype.kind == "f" else np.float64
    )
    if size.ndim and size.shape[:1] != W.shape[:1]:
        raise ValueError(f"eta must be a number, or one for each of {len(W)} images, not {size.shape}")
    changed = x + size.reshape(size.shape + (1,) * (W.ndim - size.ndim)) * W
    return changed if box is None else np.clip(changed, *box)


def _try(net: Network, x: Array, masks: Array, rows: Array, sweep: Sweep, box: tuple[float, float]) -> None:
    """Enter what the network makes of these images (n, *shape) under these masks (n, T, *shape)."""
    targets, n = sweep.targets[rows], np.arange(len(rows))
    T, shape, pixels = targets.shape[1], net.input_shape, x[0].size
    whole = np.broadcast_to(x[:, None], masks.shape)
    for e, eta in enumerate(sweep.etas):
        changed = apply_masks(whole, masks, eta, box if sweep.clipped else None)
        y = predict(net, changed.reshape(-1, *shape)).reshape(len(rows), T, -1)  # (n, T, K)
        sweep.predicted[e, rows] = y.argmax(axis=-1)
        sweep.target_confidence[e, rows] = np.take_along_axis(y, targets[..., None], axis=-1)[..., 0]
        sweep.own_confidence[e, rows] = y[n, :, sweep.labels[rows]]
        r = (changed - whole).reshape(len(rows), T, -1)
        sweep.distortion[e, rows] = np.sqrt(np.einsum("nti,nti->nt", r, r) / pixels)


def _checked_etas(etas: npt.ArrayLike) -> NDArray[np.float64]:
    steps = as_numbers(etas, "etas", "two or more", finite=True).astype(np.float64)
    if steps.ndim != 1 or len(steps) < 2 or steps[0] != 0 or not (np.diff(steps) > 0).all():
        raise ValueError(f"etas must be two or more numbers that ascend from 0 (the image itself), not {etas!r}")
    return steps


# The sweep in memory and on disk


def _empty(etas: Array, labels: Array, targets: Array, clip: bool) -> Sweep:
    def room(dtype: Any) -> Array:
        return np.zeros((len(etas), *targets.shape), dtype)

    single = np.float32
    return Sweep(etas, labels, targets, room(np.int16), room(single), room(single), room(single), clip)


def _arrays(sweep: Sweep) -> dict[str, Array]:
    """What is known of each image, target and eta (E, N, T)."""
    return {
        "predicted": sweep.predicted,
        "target_confidence": sweep.target_confidence,
        "own_confidence": sweep.own_confidence,
        "distortion": sweep.distortion,
    }


def _load(saved: State, sweep: Sweep) -> int:
    """Take over what a file holds, and return for how many images."""
    E, N, T = sweep.predicted.shape
    done = saved.array("predicted", (E, -1, T), sweep.predicted.dtype).shape[1]
    if done > N:
        raise saved.damaged(f"it holds {done} images of {N}")
    for name, a in _arrays(sweep).items():
        a[:, :done] = saved.array(name, (E, done, T), a.dtype)
    return int(done)
