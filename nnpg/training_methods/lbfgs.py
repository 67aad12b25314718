"""Full-batch training by L-BFGS, through SciPy: what Szegedy et al. (2013, 4.2) train their MNIST networks with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnpg.layers.blocks import first_with_weights
from nnpg.losses import Loss, LossMaker, loss_for
from nnpg.network import Network, as_network
from nnpg.optimisers import Decay, Parameters, as_decay, penalised, penalty
from nnpg.support.arguments import as_count, as_instance, as_number
from nnpg.support.network_arguments import as_examples
from nnpg.support.progress import progress_bar
from nnpg.support.tables import data_frame, text_table
from nnpg.training import TrainingDiverged
from nnpg.training_methods.sparsity import Sparsity
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class LBFGSTraining:
    """A network at a minimum, or on its way to one, and the losses on the way; prints as a table of some of them.

    Parameters
    ----------
    net : Network
    losses : tuple of float
        Mean loss, decay included, after each iteration; the first is before any.
    evaluations : int
        Passes over all images.
    converged : bool
    message : str
        SciPy's word on why it stopped.
    """

    net: Network
    losses: tuple[float, ...]
    evaluations: int
    converged: bool
    message: str

    def __str__(self) -> str:
        shown = np.unique(np.linspace(0, len(self.losses) - 1, 12).round().astype(int))
        table = text_table(("iteration", "loss"), [(int(n), self.losses[n]) for n in shown])
        return f"{table}\n{self.evaluations} evaluations; {self.message}"

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per iteration: iteration, loss."""
        return data_frame(("iteration", "loss"), list(enumerate(self.losses)))

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the loss over the iterations."""
        from nnpg.plots import loss_curve

        return loss_curve(self.losses, path, xlabel="iteration", start=0)


def train_lbfgs(
    net: Network,
    x: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    iterations: int = 1000,
    loss: str | LossMaker = "softmax_cross_entropy",
    decay: Decay | None = None,
    sparsity: Sparsity | None = None,
    memory: int = 10,
    tolerance: float = 1e-6,
    batch: int = 1024,
    progress: bool | None = None,
) -> LBFGSTraining:
    """Minimise the mean loss over all images, plus the decay, by L-BFGS with a line search.

    Parameters
    ----------
    net, x, targets, loss
        As in `train`.
    iterations : int
        At most.
    decay : Decay, optional
        `DecayPerUnit` for Szegedy's.
    sparsity : Sparsity, optional
        A penalty on the mean outputs of one layer's units, for an autoencoder: the targets are then x itself, or
        part of it.
    memory : int
        Curvature pairs that are kept.
    tolerance : float
        Converged when no component of the gradient is larger.
    batch : int
        Images at a time; it bounds the memory and changes nothing else.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Raises
    ------
    ValueError
        If images or targets do not fit.
    TrainingDiverged
        If the loss is infinite or NaN.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(1,), rng=0, dtype="float64")
    >>> done = train_lbfgs(net, [[0.0], [1.0]], [0, 1], decay=nnpg.DecayPerUnit(0.01))
    >>> done.converged, nnpg.predict(done.net, [[0.0], [1.0]]).argmax(axis=1)
    (True, array([0, 1]))
    """
    from scipy.optimize import minimize

    net = as_network(net)
    x, targets = as_examples(net, x, targets)
    iterations, memory, batch = (
        as_count(n, name) for n, name in ((iterations, "iterations"), (memory, "memory"), (batch, "batch"))
    )
    tolerance, how, evaluations = as_number(tolerance, "tolerance", least=0), loss_for(net, loss), 0
    decay = None if decay is None else as_decay(decay)
    sparsity = None if sparsity is None else as_instance(sparsity, Sparsity, "sparsity")
    if sparsity is not None and sparsity.layer not in (inner := net.names[1 : net.names.index(how.layer)]):
        raise ValueError(f"sparsity needs an output between the input and the loss, {inner}, not {sparsity.layer!r}")
    losses: list[float] = []
    with progress_bar("L-BFGS", iterations, show=progress) as advance:

        def value_and_gradient(w: Array) -> tuple[float, Array]:
            nonlocal evaluations
            evaluations += 1
            value, gradient = _mean_loss(_unflatten(net, w), x, targets, how, decay, batch, sparsity)
            if not np.isfinite(value):
                raise TrainingDiverged(
                    f"L-BFGS met a loss of {value} at evaluation {evaluations}: check the scale of the inputs and "
                    "of the initial weights, or train in float64 (net.astype('float64'))"
                )
            if not losses:
                losses.append(value)
            return value, gradient

        def callback(intermediate_result: Any) -> None:
            losses.append(float(intermediate_result.fun))
            advance(loss=losses[-1])

        options = {"maxiter": iterations, "maxcor": memory, "gtol": tolerance, "ftol": 0.0, "maxfun": 20 * iterations}
        found = minimize(
            value_and_gradient,
            _flatten(net.parameters, net),
            jac=True,
            method="L-BFGS-B",
            callback=callback,
            options=options,
        )
    message = found.message if isinstance(found.message, str) else found.message.decode()
    return LBFGSTraining(_unflatten(net, found.x), tuple(losses), evaluations, bool(found.success), message)


def _mean_loss(
    net: Network, x: Array, targets: Array, loss: Loss, decay: Decay | None, batch: int, sparsity: Sparsity | None
) -> tuple[float, Array]:
    """Mean loss over all images plus the penalties, and its gradient with respect to all weights in one row."""
    k, stop = net.backend, first_with_weights(net.layers)
    value, total = 0.0, np.zeros(net.n_parameters)
    rates = None if sparsity is None else _mean_outputs(net, x, sparsity.layer, batch)
    for n in range(0, len(x), batch):
        images, t = x[n : n + batch], k.asarray(targets[n : n + batch])
        trace = net.forward(images, stop=loss.layer)
        seed, start = loss.seed(k, trace.y, t), loss.layer
        value += float(loss.value(k, trace.y, t).sum(dtype=np.float64))
        deltas: dict[str, Array] = {}
        if sparsity is not None and rates is not None:  # each image has its share in the mean: 1/N, taken out below
            deltas, start = net.backward(trace, seed, start=start, stop=sparsity.layer), sparsity.layer
            seed = deltas[start] + k.asarray(sparsity.gradient(rates)).astype(net.dtype)
        deltas |= net.backward(trace, seed, start=start, stop=stop)
        total = total + _flatten(net.gradients(trace, deltas), net)
    of_decay = _flatten(penalised(net, _zeros(net), decay), net)
    sparse = 0.0 if sparsity is None or rates is None else sparsity.value(rates)
    return value / len(x) + penalty(net, decay) + sparse, total / len(x) + of_decay


def _mean_outputs(net: Network, x: Array, at: str, batch: int) -> npt.NDArray[np.float64]:
    """Mean over all images of the output `at`, (F,) or (F, H, W)."""
    sums = [
        net.backend.to_numpy(net.forward(x[n : n + batch], stop=at).y).sum(axis=0, dtype=np.float64)
        for n in range(0, len(x), batch)
    ]
    return np.asarray(sum(sums) / len(x))


def _zeros(net: Network) -> Parameters:
    return {n: {p: w * 0 for p, w in own.items()} for n, own in net.parameters.items()}


def _flatten(parameters: Parameters, net: Network) -> Array:
    to_numpy: Callable[[Array], Array] = net.backend.to_numpy
    rows = [to_numpy(parameters[n][p]).ravel() for n, own in net.parameters.items() for p in own]
    return np.concatenate(rows).astype(np.float64)


def _unflatten(net: Network, w: Array) -> Network:
    new: Parameters = {}
    first = 0
    for n, own in net.parameters.items():
        new[n] = {}
        for p, old in own.items():
            new[n][p] = net.backend.asarray(w[first : first + old.size].reshape(old.shape).astype(old.dtype))
            first += old.size
    return net.with_parameters(new)
