"""The training loop: forward, seed, backward, gradients, step.

trace = net.forward(x, stop=loss.layer)
deltas = net.backward(trace, loss.seed(k, trace.y, targets) / N, stop=first layer with weights)
net = optimiser.step(net, net.gradients(trace, deltas))
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg import programs
from nnpg.files.checkpoints import open_checkpoint
from nnpg.files.training_state import read_training, restore_generator, run_identity, size_of, write_training
from nnpg.layers.blocks import first_with_weights
from nnpg.losses import Loss, LossMaker, loss_for
from nnpg.network import Network, as_network
from nnpg.optimisers import SGD, SGDState, as_optimiser
from nnpg.prediction import predict
from nnpg.programs.tasks import Train
from nnpg.support.arguments import as_count, as_flag, as_function, as_generator, as_path
from nnpg.support.network_arguments import as_examples, as_images, as_pair_of_examples, as_targets
from nnpg.support.progress import progress_bar
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array, one_blas_thread

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from nnpg.programs.numba.training import Session


class Epoch(NamedTuple):
    """The results of one epoch. Errors are fractions of images."""

    epoch: int
    loss: float  # mean over the epoch's images, each computed before the step of its batch
    error: float  # also
    validation_error: float | None
    seconds: float


_COLUMNS = ("epoch", "loss", "training error", "held-out error", "seconds")


@dataclass(frozen=True)
class Training:
    """A trained network and its history, which it prints as a table.

    Parameters
    ----------
    net : Network
    history : tuple of Epoch
    computed : str
        "compiled" or "layer by layer, because ...".
    """

    net: Network
    history: tuple[Epoch, ...]
    computed: str = ""

    def __str__(self) -> str:
        return text_table(_COLUMNS, self._rows())

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per epoch: epoch, loss, training error, held-out error, seconds."""
        return data_frame(_COLUMNS, self._rows())

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw loss and errors over the epochs."""
        from nnpg.plots import training_history

        return training_history(self.history, path)

    def _rows(self) -> list[tuple[object, ...]]:
        return [(e.epoch, e.loss, e.error, e.validation_error, e.seconds) for e in self.history]


TakeStep = Callable[[Network, Array, Array, Loss, SGD, SGDState, Array], tuple[Network, SGDState, Array, int]]


class TrainingDiverged(ArithmeticError):
    """The loss became infinite or NaN. The message names epoch, step, layer and the likely cause."""


def train(
    net: Network,
    x: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    epochs: int,
    batch: int,
    rng: int | np.random.Generator,
    optimiser: SGD | None = None,
    loss: str | LossMaker = "softmax_cross_entropy",
    validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    take_step: TakeStep | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> Training:
    """Train by stochastic gradient descent, in a fresh random order each epoch.

    Parameters
    ----------
    net : Network
        Not changed.
    x : array (N, *net.input_shape)
    targets : array (N,) or (N, K)
        The aim of training: labels 0 .. K-1, or values of the outputs.
    epochs, batch : int
        The last batch of an epoch may be smaller; each step takes the mean gradient of its batch.
    rng : int or numpy.random.Generator
        Order of the images and dropout masks. The same seed gives the same bits.
    optimiser : SGD
        SGD(lr=0.1) by default.
    loss : str or function of the network
        "softmax_cross_entropy", "binary_cross_entropy", "squared_error", or your own; see `nnpg.losses`.
    validation : (x, targets), optional
        Error on these images after each epoch.
    take_step : function, optional
        Takes each step in place of `step`: called with the same arguments, then the indices of the batch's images. See
        `nnpg.training_methods.selective_dropout`. A checkpoint cannot hold its state, so it excludes `checkpoint`.
    checkpoint : path, optional
        File that holds the whole state after each epoch; written completely or not at all. Network, loss, optimiser
        and decay must be nnpg's own, because a file cannot show whether your own code has changed.
    resume : bool
        Continue from the checkpoint if it exists; on the same kind of processor the weights are bit-identical to those
        of an uninterrupted run. Only the number of epochs may differ: network and first weights, images, targets,
        validation set, loss, optimiser, batch, generator and backend must be those of the run that began it.
    progress : bool, optional
        Draw a progress bar; by default, only on a terminal.

    Returns
    -------
    Training
        The network and its history.

    Raises
    ------
    ValueError
        If images, targets or settings do not fit, the checkpoint is of another run or has more epochs, or a file
        cannot hold the network or name its loss or optimiser.
    FileExistsError
        If the checkpoint exists and `resume` is not set.
    ModelFileError
        If the checkpoint is damaged, or is not of a training.
    OSError
        If the checkpoint cannot be written, which is tried before the work. If writing fails later, the state is
        written to another file, which the message names.
    TrainingDiverged
        At the first loss that is infinite or NaN.

    Examples
    --------
    >>> import nnpg
    >>> x = np.array([[0.0], [1.0]])
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(1,), rng=0)
    >>> done = train(net, x, [0, 1], epochs=50, batch=2, rng=0, optimiser=SGD(lr=1.0))
    >>> nnpg.predict(done.net, x).argmax(axis=1), done.history[-1].error
    (array([0, 1]), 0.0)
    """
    net = as_network(net)
    x, targets = as_examples(net, x, targets)
    held_out = None if validation is None else as_pair_of_examples(net, validation, "validation")
    epochs, batch, rng = as_count(epochs, "epochs", least=0), as_count(batch, "batch"), as_generator(rng)
    optimiser = SGD(lr=0.1) if optimiser is None else as_optimiser(optimiser)
    resume, checkpoint = as_flag(resume, "resume"), None if checkpoint is None else as_path(checkpoint, "checkpoint")
    if take_step is not None:
        as_function(take_step, "take_step", "called as nnpg.training.step")
    if take_step is not None and checkpoint is not None:
        raise ValueError("a checkpoint cannot hold the state of take_step: train without one")
    criterion = loss_for(net, loss)
    state = optimiser.start(net)
    history: tuple[Epoch, ...] = ()
    task = Train(criterion, optimiser, take_step is not None, min(batch, len(x)))

    def this_run() -> dict[str, Any]:
        compiled = bool(programs.look(net, task))  # compiled steps round differently
        return run_identity(net, (x, targets), held_out, loss, optimiser, batch, rng) | {"compiled": compiled}

    store, saved = open_checkpoint(checkpoint, "training", this_run, resume=resume, size=size_of(net))
    if saved is not None:
        done = read_training(saved, net, epochs, -(-len(x) // batch))
        net, state, history = done.net, done.state, tuple(Epoch(*epoch) for epoch in done.history)
        restore_generator(rng, saved, done.generator)
    # an overflow raises an error below, so NumPy's warning is not needed
    quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
    program = programs.find(net, task)
    session = program.run(x, targets, batch, state) if program.run is not None and len(history) < epochs else None
    taken = state.t  # steps
    with quiet, one_blas_thread(), progress_bar("training", epochs, show=progress, done=len(history)) as advance:
        for epoch in range(len(history) + 1, epochs + 1):
            began, order, losses, wrong = time.perf_counter(), rng.permutation(len(x)), 0.0, 0
            if session is not None:
                taken, losses, wrong = _epoch(session, net, x, order, optimiser, taken, epoch)
                if epoch == epochs or held_out is not None or store is not None:
                    net, state = session.network(net), session.state(taken, optimiser)
            for first in range(0, len(x), batch) if session is None else ():
                rows = order[first : first + batch]
                arguments = (net.drawn(rng), x[rows], targets[rows], criterion, optimiser, state)
                net, state, values, misses = step(*arguments) if take_step is None else take_step(*arguments, rows)
                losses, wrong = losses + float(values.sum()), wrong + misses
                if not np.isfinite(losses) or (first + batch >= len(x) and not _finite(net)):
                    raise TrainingDiverged(_diagnosis(net, x[rows], optimiser, epoch, first // batch + 1))
            net = net.undrawn()
            missed = None if held_out is None else error_rate(net, *held_out)
            seconds = time.perf_counter() - began
            history += (Epoch(epoch, losses / len(x), wrong / len(x), missed, seconds),)
            if store is not None:
                write_training(store, net, state, history, rng)
            advance(loss=losses / len(x), error=wrong / len(x))
    return Training(net, history, program.computed)


def _epoch(
    session: Session, net: Network, x: Array, order: Array, optimiser: SGD, taken: int, epoch: int
) -> tuple[int, float, int]:
    """Run one epoch of compiled steps; return steps so far, the sum of the losses, and how many images were wrong."""
    batch = session.batch
    for done in session.epoch(order, optimiser, taken):
        losses = session.losses[: done * batch]
        if not np.isfinite(losses).all():
            first = int(np.flatnonzero(~np.isfinite(losses))[0]) // batch
            rows = order[first * batch : (first + 1) * batch]
            raise TrainingDiverged(_diagnosis(session.network(net), x[rows], optimiser, epoch, first + 1))
    steps = -(-len(order) // batch)
    if not all(np.isfinite(w).all() for arrays in session.weights.values() for w in arrays.values()):
        raise TrainingDiverged(_diagnosis(session.network(net), x[order[-batch:]], optimiser, epoch, steps))
    return taken + steps, float(session.losses.sum()), int(session.wrong.sum())


def step(
    net: Network, x: Array, targets: Array, loss: Loss, optimiser: SGD, state: SGDState
) -> tuple[Network, SGDState, Array, int]:
    """Take one step on one batch; return network, state, each image's loss (N,), and how many were wrong before it."""
    k = net.backend
    trace = net.forward(x, stop=loss.layer)
    z, t = trace.y, k.asarray(targets)
    deltas = net.backward(trace, loss.seed(k, z, t) / len(x), stop=first_with_weights(net.layers))
    after, state = optimiser.step(net, net.gradients(trace, deltas), state)
    return after, state, loss.value(k, z, t), int((k.to_numpy(z).argmax(axis=-1) != _labels(targets)).sum())


def error_rate(net: Network, x: npt.ArrayLike, targets: npt.ArrayLike, *, batch: int | None = None) -> float:
    """Return the fraction of images whose largest output is not their label; `batch` as in `predict`.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> error_rate(net, [[1.0, 0.0], [1.0, 0.0]], [0, 1])
    0.5
    """
    net = as_network(net)
    x = as_images(net, x, least=1, finite=True)
    targets = as_targets(targets, len(x), net.K)
    return float((predict(net, x, batch=batch).argmax(axis=1) != _labels(targets)).mean())


def _labels(targets: Array) -> Array:
    return targets if targets.ndim == 1 else targets.argmax(axis=-1)


def _finite(net: Network) -> bool:
    to_numpy = net.backend.to_numpy
    return all(np.isfinite(to_numpy(w)).all() for arrays in net.parameters.values() for w in arrays.values())


def _diagnosis(net: Network, x: Array, optimiser: SGD, epoch: int, number: int) -> str:
    """Say where the first number that is not finite is, and the likely cause."""
    where = f"training diverged at epoch {epoch}, step {number}: "
    advice = f"Lower the learning rate (lr={optimiser.lr:g}), or check the scale of the inputs and the initial weights."
    for name, arrays in net.parameters.items():
        for p, w in arrays.items():
            if not np.isfinite(net.backend.to_numpy(w)).all():
                return f"{where}{name}.{p} is no longer finite; the steps were too large for this layer. {advice}"
    trace = net.forward(x)
    for name in trace:
        if not np.isfinite(net.backend.to_numpy(trace[name])).all():
            return f"{where}the output of {name!r} overflowed. {advice}"
    return f"{where}the outputs are finite but the loss is not; a target has probability 0. {advice}"
