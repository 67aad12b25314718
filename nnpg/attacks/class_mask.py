"""One mask for all images, learned with frozen weights and the target as every label (Lo & Ding 2015, VIII.A)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from nnpg.attacks.checks import images_in_box
from nnpg.attacks.objective import Objective, objective_of
from nnpg.files.checkpoints import State, open_checkpoint
from nnpg.files.identities import array_identity, identity
from nnpg.files.training_state import generator_state, restore_generator
from nnpg.network import Network
from nnpg.support.arguments import as_class, as_count, as_flag, as_generator, as_number, as_whole, described
from nnpg.support.network_arguments import placed
from nnpg.support.progress import progress_bar
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array, one_blas_thread

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class ClassMask:
    """A mask that is added to every image.

    Parameters
    ----------
    W : array (*input_shape)
        In units of the pixels.
    target : int
    losses : array (epochs,)
        Mean cross-entropy with the target over each epoch's images.
    kept : mapping of int -> array (*input_shape)
        The mask after these numbers of steps.
    """

    W: Array
    target: int
    losses: NDArray[np.float64]
    kept: Mapping[int, Array] = field(default_factory=dict)

    def __str__(self) -> str:
        return text_table(("epoch", "loss"), list(enumerate(self.losses, start=1)))

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per epoch: epoch, loss."""
        return data_frame(("epoch", "loss"), list(enumerate(map(float, self.losses), start=1)))

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the loss over the epochs."""
        from nnpg.plots import loss_curve

        return loss_curve(self.losses.tolist(), path)


def learn_class_mask(
    net: Network,
    x: npt.ArrayLike,
    target: int,
    *,
    epochs: int,
    lr: float = 0.01,
    momentum: float = 0.9,
    box: tuple[float, float] = (0.0, 1.0),
    keep: npt.ArrayLike = (),
    rng: int | np.random.Generator,
    batch: int = 128,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> ClassMask:
    """Learn one W for which the network takes x + W for the target, for all x (Lo & Ding 2015, VIII.A).

    Training with all labels := target, in which W alone learns: W <- W - lr v, v <- momentum v + dL/dW, and dL/dW is
    the sum of the batch's dL/dx, since W is added to each of its images.

    Parameters
    ----------
    net : Network
        Stays as it is.
    x : array (N, *net.input_shape)
        Inside the box. x + W is not clipped to it.
    target : int
    epochs : int
    lr, momentum : float
        Of plain stochastic gradient descent on the mean cross-entropy of a batch; lr in units of the pixel squared.
    box : (low, high)
    keep : array (S,), int
        Numbers of steps after which the mask is kept too, ascending, such as to see where learning ends.
    rng : int or numpy.random.Generator
        Order of the images.
    batch : int
        Images per step.
    checkpoint : path, optional
        File that holds the whole state after each epoch. The network must be nnpg's own.
    resume : bool
        Continue from the checkpoint if there is one: of the same network, images, target and settings. Only the number
        of epochs may differ.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    ClassMask

    Raises
    ------
    ValueError
        If images, target or settings do not fit, or the checkpoint is of another run or has more epochs.
    FileExistsError
        If the checkpoint exists and `resume` is not set.
    ModelFileError
        If the checkpoint is damaged, or is not one of a class mask.
    OSError
        If the checkpoint cannot be written, which is tried before the work.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.eye(2, dtype="float32"))
    >>> x = np.array([[0.8, 0.2], [0.6, 0.5]])
    >>> mask = learn_class_mask(net, x, 1, epochs=20, batch=2, rng=0, lr=0.1)
    >>> nnpg.predict(net, x + mask.W).argmax(axis=1)
    array([1, 1])
    """
    given = images_in_box(net, x, box)
    target = as_class(target, net.K, "target")
    epochs, batch, rng = as_count(epochs, "epochs"), as_count(batch, "batch"), as_generator(rng)
    lr, momentum = as_number(lr, "lr", above=0), as_number(momentum, "momentum", least=0, below=1)
    resume = as_flag(resume, "resume")
    steps_kept = _ascending(keep)
    objective = objective_of(net, "softmax_cross_entropy")
    W = np.zeros(net.input_shape, given.dtype)
    state, k = _State(W, W, (), {}), net.backend

    def this_run() -> dict[str, Any]:
        return {
            "network": identity(net, "the network"),
            "images": array_identity(given),
            "generator": array_identity(np.frombuffer(json.dumps(generator_state(rng)).encode(), np.uint8)),
            "settings": identity([target, lr, momentum, batch, *steps_kept], "the settings"),
        }

    size = (2 + len(steps_kept)) * W.nbytes + 100_000
    store, saved = open_checkpoint(checkpoint, "class-mask", this_run, resume=resume, size=size)
    if saved is not None:
        state = _read(saved, W, epochs, steps_kept, -(-len(given) // batch))
        restore_generator(rng, saved, saved.values.get("generator") or {})
    done, x = len(state.losses), placed(net, given)
    state = state._replace(W=k.asarray(state.W), velocity=k.asarray(state.velocity))
    with one_blas_thread(), progress_bar("class mask", epochs, show=progress, done=done) as advance:
        for _ in range(done, epochs):
            order = rng.permutation(len(x))
            state = _epoch(objective, state, x, order, (target, lr, momentum, batch), steps_kept)
            if store is not None:
                W, velocity = k.to_numpy(state.W), k.to_numpy(state.velocity)
                arrays = {"W": W, "velocity": velocity, "losses": np.array(state.losses)}
                kept = {f"kept/{step}": mask for step, mask in state.kept.items()}
                store.write(arrays | kept, {"generator": generator_state(rng)})
            advance(loss=state.losses[-1])
    return ClassMask(k.to_numpy(state.W), int(target), np.array(state.losses), state.kept)


class _State(NamedTuple):
    """The learning after an epoch; mask and velocity are arrays of the network's backend."""

    W: Array
    velocity: Array
    losses: tuple[float, ...]
    kept: dict[int, Array]


def _epoch(
    objective: Objective,
    state: _State,
    x: Array,
    order: Array,
    settings: tuple[int, float, float, int],
    steps_kept: list[int],
) -> _State:
    """Let the mask learn from all images in this order."""
    target, lr, momentum, batch = settings
    xp, k, (W, velocity, losses, kept) = objective.xp, objective.net.backend, state
    order = k.asarray(order)
    targets, placed_targets = (a.full(min(batch, len(x)), target) for a in (np, xp))
    sums = []
    taken = len(losses) * -(-len(x) // batch)
    for first in range(0, len(x), batch):
        images = x[order[first : first + batch]]
        loss, g = objective.loss_and_gradient(images + W, targets[: len(images)], placed_targets[: len(images)])
        sums.append(loss.sum())
        velocity = momentum * velocity + g.mean(axis=0)
        W = (W - lr * velocity).astype(x.dtype)
        taken += 1
        if taken in steps_kept:
            kept = {**kept, taken: k.to_numpy(W)}
    total = 0.0
    for loss_of_batch in k.to_numpy(xp.stack(sums)).tolist():
        total += loss_of_batch
    return _State(W, velocity.astype(x.dtype), (*losses, total / len(x)), kept)


def _ascending(keep: npt.ArrayLike) -> list[int]:
    """Return numbers of steps, of which there may be none."""
    if isinstance(keep, tuple | list) and len(keep) == 0:
        return []
    steps = as_whole(keep, "keep", "numbers of steps that ascend", ndim=1, least=1)
    if not (np.diff(steps) > 0).all():
        raise ValueError(f"keep must be numbers of steps that ascend, not {described(keep)}")
    return [int(step) for step in steps]


def _read(saved: State, like: Array, epochs: int, steps_kept: list[int], steps: int) -> _State:
    """Return the state in a checkpoint; `steps` are those of an epoch."""
    losses = saved.array("losses", (-1,), np.float64)
    if len(losses) > epochs:
        raise ValueError(
            f"{saved.path} holds {len(losses)} epochs, and {epochs} are asked for: ask for {len(losses)} or more, or "
            "use another file"
        )
    W, velocity = (saved.array(name, like.shape, like.dtype) for name in ("W", "velocity"))
    taken = [step for step in steps_kept if step <= steps * len(losses)]
    kept = {step: saved.array(f"kept/{step}", like.shape, like.dtype) for step in taken}
    return _State(W, velocity, tuple(map(float, losses)), kept)
