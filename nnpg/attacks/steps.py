"""Attacks of one or more gradient steps within a given distance, to compare linear masks with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from nnpg.attacks.checks import images_in_box, targets_other_than
from nnpg.attacks.metrics import distortion
from nnpg.attacks.objective import Objective, objective_of
from nnpg.attacks.sweep_result import MaskOutcome
from nnpg.attacks.targets import Targets
from nnpg.network import Network
from nnpg.prediction import predict
from nnpg.support.arguments import as_choice, as_count, as_number
from nnpg.support.crossings import all_to_numpy
from nnpg.support.network_arguments import placed
from nnpg.support.progress import progress_bar
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array, one_blas_thread

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

BLOCK = 64  # images and targets at a time


@dataclass(frozen=True, eq=False)
class Stepped:
    """N images with T adversarial ones each, one per target, within a given distance.

    Parameters
    ----------
    adversarial : array (N, T, *shape)
        Inside the box.
    targets : array (N, T), int
    predicted : array (N, T), int
        The class that the network takes them for.
    outcome : array (N, T) of `MaskOutcome`
    distortion : array (N, T), float64
        Root mean square of the change.
    confidence : array (N, T), float64
        The network's output for the target.
    """

    adversarial: Array
    targets: NDArray[np.int64]
    predicted: NDArray[np.int64]
    outcome: NDArray[np.int8]
    distortion: NDArray[np.float64]
    confidence: NDArray[np.float64]

    def __str__(self) -> str:
        rows: list[tuple[object, ...]] = []
        for outcome in MaskOutcome:
            ended = self.outcome == outcome
            means = [
                float(values[ended].mean()) if ended.any() else None for values in (self.distortion, self.confidence)
            ]
            rows.append((outcome.name, int(ended.sum()), *means))
        return text_table(("outcome", "adversarial", "mean distortion", "mean confidence"), rows)

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per image and target: image, target, predicted, outcome, distortion, confidence."""
        columns = (self.targets, self.predicted, self.outcome, self.distortion, self.confidence)
        rows = [
            (n, values[0], values[1], MaskOutcome(values[2]).name, *values[3:])
            for n in range(len(self.adversarial))
            for values in zip(*(column[n] for column in columns), strict=True)
        ]
        return data_frame(("image", "target", "predicted", "outcome", "distortion", "confidence"), rows)

    def plot(self, path: str | Path | None = None, images: int = 4) -> Figure:
        """Draw the adversarial images of the first images, one row each; pixels must lie in 0 .. 1."""
        from nnpg.plots import image_grid

        T, shown = self.targets.shape[1], self.adversarial[:images]
        titles = [f"target {t}: RMS {d:.3g}" for t, d in zip(self.targets.flat, self.distortion.flat, strict=True)]
        return image_grid(shown.reshape(-1, *shown.shape[2:]), path, titles=titles[: len(shown) * T], columns=T)


def projected_gradient(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    targets: Targets,
    epsilon: float,
    *,
    norm: Literal["rms", "max"] = "rms",
    steps: int = 10,
    step: float | None = None,
    box: tuple[float, float] = (0.0, 1.0),
    rng: int | np.random.Generator | None = None,
    progress: bool | None = None,
) -> Stepped:
    """Descend the cross-entropy with the target within `epsilon` of the image (Madry et al. 2018, Eq. 4).

        x <- box( x0 + ball( x - x0 - step g / |g| ) ),   g = dL/dx           "rms": |r| = sqrt(sum r^2 / m)
        x <- box( x0 + ball( x - x0 - step sign(g) ) )                        "max": |r| = max |r_i|

    Parameters
    ----------
    net : Network
    x, labels, targets, box, rng
        As in `mask_sweep`.
    epsilon : float
        Largest |r|, in units of the pixels.
    norm : "rms" or "max"
    steps : int
    step : float, optional
        2.5 epsilon / steps unless given, and epsilon for one step.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    Stepped

    Raises
    ------
    ValueError
        If images, labels, targets or settings do not fit.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.eye(2, dtype="float32"))
    >>> stepped = projected_gradient(net, [[0.75, 0.5]], [0], 1, epsilon=0.2)
    >>> stepped.predicted, stepped.adversarial[0, 0].round(2)
    (array([[1]]), array([0.55, 0.7 ], dtype=float32))
    """
    given = images_in_box(net, x, box)
    x = placed(net, given)
    _, targets = targets_other_than(net, x, labels, targets, rng)
    as_choice(norm, "norm", ("rms", "max"))
    epsilon, steps = as_number(epsilon, "epsilon", above=0), as_count(steps, "steps")
    default = epsilon if steps == 1 else 2.5 * epsilon / steps
    step = default if step is None else as_number(step, "step", above=0)
    T, shape = targets.shape[1], net.input_shape
    objective, k, xp = objective_of(net, "softmax_cross_entropy"), net.backend, net.backend.xp
    flat_targets, block, parts = targets.ravel(), max(BLOCK, objective.block), []  # (N T,)
    placed_targets, images = k.asarray(flat_targets), xp.arange(len(flat_targets)) // T
    with one_blas_thread(), progress_bar("steps", len(flat_targets), show=progress) as advance:
        for n in range(0, len(flat_targets), block):
            rows = slice(n, n + block)
            targets_of = flat_targets[rows], placed_targets[rows]
            parts.append(_descend(objective, x[images[rows]], targets_of, epsilon, norm, steps, step, box))
            advance(len(parts[-1]))
    changed = xp.concatenate(parts)
    outputs = predict(net, xp.concatenate([x, changed]))
    before, y = outputs[: len(x)].argmax(axis=1)[:, None], outputs[len(x) :].reshape(len(x), T, -1)
    adversarial, originals = all_to_numpy(k, [changed, given])
    predicted, size = y.argmax(axis=-1), distortion(np.repeat(originals, T, axis=0), adversarial).reshape(len(x), T)
    failed = np.where(size == 0, MaskOutcome.NO_GRADIENT, MaskOutcome.NOT_MASKED)
    reached = np.where(before == targets, MaskOutcome.ALREADY, MaskOutcome.MASKED)
    outcome = np.where(predicted == targets, reached, failed).astype(np.int8)
    confidence = np.take_along_axis(y, targets[..., None], axis=-1)[..., 0].astype(np.float64)
    return Stepped(adversarial.reshape(len(x), T, *shape), targets, predicted, outcome, size, confidence)


def fast_gradient_sign(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    targets: Targets,
    epsilon: float,
    *,
    box: tuple[float, float] = (0.0, 1.0),
    rng: int | np.random.Generator | None = None,
) -> Stepped:
    """Take one step of epsilon in every pixel, towards the target: x - epsilon sign(dL/dx) (Goodfellow et al. 2015).

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.eye(2, dtype="float32"))
    >>> fast_gradient_sign(net, [[0.75, 0.5]], [0], 1, 0.2).adversarial[0, 0].round(2)
    array([0.55, 0.7 ], dtype=float32)
    """
    epsilon = as_number(epsilon, "epsilon", above=0)
    return projected_gradient(net, x, labels, targets, epsilon, norm="max", steps=1, box=box, rng=rng)


def _descend(
    objective: Objective,
    x0: Array,
    targets: tuple[NDArray[np.int64], Array],
    epsilon: float,
    norm: str,
    steps: int,
    step: float,
    box: tuple[float, float],
) -> Array:
    x, xp = x0, objective.xp
    for _ in range(steps):
        _, g = objective.loss_and_gradient(x, *targets)
        r = x - x0 - step * (xp.sign(g) if norm == "max" else g / _rms(xp, g))
        r = xp.clip(r, -epsilon, epsilon) if norm == "max" else r * xp.minimum(1, epsilon / _rms(xp, r))
        x = xp.clip(x0 + r, *box).astype(x0.dtype)
    return x


def _rms(xp: ModuleType, r: Array) -> Array:
    """Root mean square of each image, with axes to divide by (N, 1, ...); never 0."""
    flat = r.reshape(len(r), -1).astype(xp.float64)
    size = xp.sqrt((flat * flat).mean(axis=1)).reshape(len(r), *[1] * (r.ndim - 1))
    return xp.maximum(size, np.finfo(np.float64).tiny)
