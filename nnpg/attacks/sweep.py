"""The line search of Lo & Ding (2015, IX.A): every image, target and step size, by forward passes only.

x' = x + eta W,    W = dy_t/dx            whether x' is taken for the target t, for eta from 0 up
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from nnpg.attacks.checks import images_in_box, targets_other_than
from nnpg.attacks.masks import Masker, as_masker, linear, masked, masks_for
from nnpg.attacks.sweep_result import Sweep
from nnpg.attacks.targets import Targets
from nnpg.files.checkpoints import Contents, State, open_checkpoint, saving
from nnpg.files.identities import array_identity, identity
from nnpg.network import Network
from nnpg.prediction import placed_predictions
from nnpg.support.arguments import as_flag, as_numbers
from nnpg.support.crossings import all_to_numpy
from nnpg.support.network_arguments import placed
from nnpg.support.progress import progress_bar
from nnpg_kernels import Array, one_blas_thread

BLOCK = 32  # images whose masks are held at a time
SAVE_EVERY = 60.0  # seconds


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
    """Add masks to images at every step size, and find which class the network takes them for.

    Parameters
    ----------
    net : Network
        The network that is attacked.
    x : array (N, *net.input_shape)
        Inside the box.
    labels : array (N,)
        The class of each image.
    targets : a class, an array of N classes, "random", "least_likely", "nearest" or "all"
        See `choose_targets`; none may be the image's label.
    etas : array (E,)
        Ascending from 0, which stands for the image itself.
    masks : Masker, optional
        What makes the masks; `linear(net)` unless given: the gradient of the target's output. `linear(other)` is a
        transfer from another network.
    clip : bool
        Clip the adversarial images to the box.
    box : (low, high)
        Of the pixels.
    rng : int or numpy.random.Generator, optional
        Needed for "random".
    checkpoint : path, optional
        File of the results so far; written every minute and when the work ends or is interrupted. Network and masker
        must be nnpg's, since a file cannot identify a class or a function of the user.
    resume : bool
        Continue from the checkpoint if there is one: of the same network, backend, images, targets, etas and masks.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    Sweep
        `outcome` says for which images and targets a mask was found. It takes 14 bytes per image, target and eta.

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
        If the checkpoint cannot be written, which is tried before the work. If it fails later, the results so far
        are written to another place, which the message names.

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
    given = images_in_box(net, x, box)
    x = placed(net, given)
    labels, targets = targets_other_than(net, x, labels, targets, rng)
    etas, clip = _checked_etas(etas), as_flag(clip, "clip")
    masker = linear(net) if masks is None else as_masker(masks)
    first = masks_for(net, masker, given, x, targets, np.arange(1))  # before any work
    if first.shape != (1, targets.shape[1], *net.input_shape):
        raise ValueError(
            f"masks: one for this network must have its input's shape {net.input_shape}, not {first.shape[2:]}: they "
            "come from a network, or from images, of another shape"
        )
    sweep = _empty(etas, labels, targets, clip)

    def this_run() -> dict[str, Any]:
        return {
            "network": identity(net, "the network"),
            "images": array_identity(given),
            "labels": array_identity(labels),
            "targets": array_identity(targets),
            "etas": array_identity(etas),
            "masks": identity(masker, "the masker"),
            "settings": identity([clip, box], "the settings"),
        }

    def contents() -> Contents:
        return {name: a[:, :done] for name, a in _arrays(sweep).items()}, {}

    size = sum(a.nbytes for a in _arrays(sweep).values()) + 100_000
    store, saved = open_checkpoint(checkpoint, "sweep", this_run, resume=resume, size=size)
    done = 0 if saved is None else _load(saved, sweep)
    if done == len(x):
        return sweep
    bar, k = progress_bar("masks", len(x), show=progress, done=done), net.backend
    classes = k.asarray(targets), k.asarray(labels)
    with saving(store, contents, SAVE_EVERY) as save, one_blas_thread(), bar as advance:
        while done < len(x):
            rows = np.arange(done, min(done + BLOCK, len(x)))
            made = masks_for(net, masker, given, x, targets, rows)
            _sweep_images(net, x, made, classes, rows, sweep, box)
            done += len(rows)
            advance(len(rows))
            save()
    return sweep


def _sweep_images(
    net: Network,
    x: Array,
    masks: Array,
    classes: tuple[Array, Array],
    rows: NDArray[np.int64],
    sweep: Sweep,
    box: tuple[float, float],
) -> None:
    """Record the outputs of the network for rows of images (N, *shape) with masks (n, T, *shape).

    Images, masks and classes, which are targets (N, T) and labels (N,), are arrays of its backend.
    """
    k, xp, part = net.backend, net.backend.xp, slice(rows[0], rows[-1] + 1)
    x, targets, labels = x[part], classes[0][part], classes[1][part]
    (n, T), shape, pixels = targets.shape, net.input_shape, x[0].size
    originals = xp.broadcast_to(x[:, None], masks.shape)
    chosen = [targets[..., None], xp.broadcast_to(labels[:, None, None], (n, T, 1))]
    found: list[list[Array]] = []
    for eta in sweep.etas:
        adversarial = masked(xp, originals, masks, eta, box if sweep.clipped else None)
        y = placed_predictions(net, adversarial.reshape(-1, *shape)).reshape(n, T, -1)  # (n, T, K)
        confidences = [xp.take_along_axis(y, one, axis=-1)[..., 0] for one in chosen]
        r = (adversarial - originals).reshape(n, T, -1)
        found.append([y.argmax(axis=-1), *confidences, xp.sqrt(xp.einsum("nti,nti->nt", r, r) / pixels)])
    all_rows = all_to_numpy(k, [xp.stack(values) for values in zip(*found, strict=True)])
    for recorded, values in zip(_arrays(sweep).values(), all_rows, strict=True):
        recorded[:, part] = values


def _checked_etas(etas: npt.ArrayLike) -> NDArray[np.float64]:
    steps = as_numbers(etas, "etas", "two or more", finite=True).astype(np.float64)
    if steps.ndim != 1 or len(steps) < 2 or steps[0] != 0 or not (np.diff(steps) > 0).all():
        raise ValueError(f"etas must be two or more numbers that ascend from 0 (the image itself), not {etas!r}")
    return steps


# The sweep in memory and in a checkpoint


def _empty(etas: Array, labels: Array, targets: Array, clip: bool) -> Sweep:
    def zeros(dtype: Any) -> Array:
        return np.zeros((len(etas), *targets.shape), dtype)

    single = np.float32
    return Sweep(etas, labels, targets, zeros(np.int16), zeros(single), zeros(single), zeros(single), clip)


def _arrays(sweep: Sweep) -> dict[str, Array]:
    """The results per eta, image and target (E, N, T)."""
    return {
        "predicted": sweep.predicted,
        "target_confidence": sweep.target_confidence,
        "label_confidence": sweep.label_confidence,
        "distortion": sweep.distortion,
    }


def _load(saved: State, sweep: Sweep) -> int:
    """Take over the content of a checkpoint, and return for how many images it holds results."""
    E, N, T = sweep.predicted.shape
    done = saved.array("predicted", (E, -1, T), sweep.predicted.dtype).shape[1]
    if done > N:
        raise saved.damaged(f"it holds {done} images of {N}")
    for name, a in _arrays(sweep).items():
        a[:, :done] = saved.array(name, (E, done, T), a.dtype)
    return int(done)
