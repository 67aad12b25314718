"""The training loop: forward, seed, backward, gradients, step.

trace = net.forward(x, stop=loss.layer)
deltas = net.backward(trace, loss.seed(k, trace.y, targets) / N, stop=first layer with weights)
net = optimiser.step(net, net.gradients(trace, deltas))
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg import programs
from nnpg.divergence import RunningLosses, TrainingDiverged, diagnosis, finite
from nnpg.files.checkpoints import open_checkpoint
from nnpg.files.training_state import read_training, restore_generator, run_identity, size_of, write_training
from nnpg.layers.blocks import first_with_weights
from nnpg.losses import Loss, LossMaker, loss_for
from nnpg.network import Network, as_network
from nnpg.optimisers import SGD, SGDState, as_optimiser
from nnpg.prediction import predict
from nnpg.programs.tasks import PlannedStep, Train
from nnpg.support.arguments import as_count, as_flag, as_function, as_generator, as_path, is_on_device
from nnpg.support.network_arguments import as_examples, as_images, as_pair_of_examples, as_targets, placed
from nnpg.support.progress import progress_bar
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array, one_blas_thread

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from nnpg.programs.tasks import Session


LOOK = 0.1  # seconds of training on a device between two looks at its losses


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


TakeStep = Callable[[Network, Array, Array, Loss, SGD, SGDState, Array], tuple[Network, SGDState, Array, Any]]


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
        Takes each step in place of `step`: called with the same arguments, then the indices of the batch's images, all
        of them arrays of the network's backend. See `nnpg.training_methods.selective_dropout`, whose steps and those
        of `adversarial_pool` may be compiled; a subclass of theirs is called. A checkpoint cannot hold
        its state, so it excludes `checkpoint`. On a device a training that diverges takes some steps a second time.
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
    pixels, wanted = as_examples(net, x, targets)
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
    images = min(batch, len(pixels))
    planned = take_step.task(net, criterion, optimiser, images) if isinstance(take_step, PlannedStep) else None
    task = planned or Train(criterion, optimiser, take_step is not None, images)

    def this_run() -> dict[str, Any]:
        compiled = bool(programs.look(net, task))  # compiled steps round differently
        return run_identity(net, (pixels, wanted), held_out, loss, optimiser, batch, rng) | {"compiled": compiled}

    store, saved = open_checkpoint(checkpoint, "training", this_run, resume=resume, size=size_of(net))
    if saved is not None:
        done = read_training(saved, net, epochs, -(-len(pixels) // batch))
        net, state, history = done.net, done.state, tuple(Epoch(*epoch) for epoch in done.history)
        restore_generator(rng, saved, done.generator)
    # an overflow raises an error below, so NumPy's warning is not needed
    quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
    program = programs.find(net, task)
    pixels, wanted = placed(net, pixels), wanted if program else placed(net, wanted, "targets")
    held_out = None if held_out is None else (placed(net, held_out[0], "validation"), held_out[1])
    session = program.run(pixels, wanted, batch, state) if program.run is not None and len(history) < epochs else None
    taken = state.t  # steps
    with quiet, one_blas_thread(), progress_bar("training", epochs, show=progress, done=len(history)) as advance:
        for epoch in range(len(history) + 1, epochs + 1):
            began, order = time.perf_counter(), rng.permutation(len(pixels))
            if session is not None:
                taken, losses, wrong = _epoch(session, net, pixels, order, optimiser, taken, epoch)
                if epoch == epochs or held_out is not None or store is not None:
                    net, state = session.network(net), session.state(taken, optimiser)
            else:
                steps = _Steps(pixels, wanted, order, batch, criterion, optimiser, rng, take_step, epoch)
                net, state, losses, wrong = steps.run(net, state)
            net = net.undrawn()
            missed = None if held_out is None else _error(net, *held_out, None)
            seconds = time.perf_counter() - began
            history += (Epoch(epoch, losses / len(pixels), wrong / len(pixels), missed, seconds),)
            if store is not None:
                write_training(store, net, state, history, rng)
            advance(loss=losses / len(pixels), error=wrong / len(pixels))
    return Training(net, history, program.computed)


@dataclass(frozen=True)
class _Steps:
    """The steps of one epoch, layer by layer."""

    x: Array
    targets: Array
    order: Array
    batch: int
    loss: Loss
    optimiser: SGD
    rng: np.random.Generator
    take_step: Callable[..., tuple[Network, Any, Array, Any]] | None
    epoch: int

    def run(
        self, net: Network, state: SGDState, first: int = 0, seconds: float | None = None
    ) -> tuple[Network, SGDState, float, int]:
        """Take the steps from image `first` of the order on; return network, state, sum of losses, and wrong images.

        On a device a loss that is not finite is seen late: the steps since the last look are then taken again, one
        after the other, to find the first that diverged.
        """
        k, N = net.backend, len(self.order)
        device = is_on_device(self.x)
        seconds = (LOOK if device else 0.0) if seconds is None else seconds
        order, losses = k.asarray(self.order) if device else self.order, RunningLosses(k, seconds)
        seen = first, net, state, deepcopy(self.rng) if seconds else self.rng
        for at in range(first, N, self.batch):
            rows, last = order[at : at + self.batch], at + self.batch >= N
            arguments = (net.drawn(self.rng), self.x[rows], self.targets[rows], self.loss, self.optimiser, state)
            net, state, values, wrong = step(*arguments) if self.take_step is None else self.take_step(*arguments, rows)
            if not losses.add(values, wrong) and not last:
                continue
            if not losses.settle() or (last and not finite(net)):
                if seconds:
                    replace(self, rng=seen[3]).run(seen[1], seen[2], seen[0], seconds=0.0)
                where = at // self.batch + 1
                raise TrainingDiverged(diagnosis(net, self.x[rows], self.optimiser.lr, self.epoch, where))
            seen = at + self.batch, net, state, deepcopy(self.rng) if seconds else self.rng
        return net, state, losses.total, losses.wrong


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
            raise TrainingDiverged(diagnosis(session.network(net), x[rows], optimiser.lr, epoch, first + 1))
    steps = -(-len(order) // batch)
    if not session.finite():
        raise TrainingDiverged(diagnosis(session.network(net), x[order[-batch:]], optimiser.lr, epoch, steps))
    return taken + steps * session.steps_per_batch, float(session.losses.sum()), int(session.wrong.sum())


def step(
    net: Network, x: Array, targets: Array, loss: Loss, optimiser: SGD, state: SGDState
) -> tuple[Network, SGDState, Array, Array]:
    """Take one step on one batch; return network, state, each image's loss (N,), and how many were wrong before it, ().

    All of them are numbers of the network's backend: nothing waits for a device.
    """
    k = net.backend
    trace = net.forward(x, stop=loss.layer)
    z, t = trace.y, k.asarray(targets)
    deltas = net.backward(trace, loss.seed(k, z, t) / len(x), stop=first_with_weights(net.layers))
    after, state = optimiser.step(net, net.gradients(trace, deltas), state)
    return after, state, loss.value(k, z, t), (z.argmax(axis=-1) != _labels(t)).sum()


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
    return _error(net, x, as_targets(targets, len(x), net.K), batch)


def _error(net: Network, x: Array, targets: Array, batch: int | None) -> float:
    return float((predict(net, x, batch=batch).argmax(axis=1) != _labels(targets)).mean())


def _labels(targets: Array) -> Array:
    return targets if targets.ndim == 1 else targets.argmax(axis=-1)
