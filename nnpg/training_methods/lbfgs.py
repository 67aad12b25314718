"""Full-batch training by L-BFGS, through SciPy: what Szegedy et al. (2013, 4.2) train their MNIST networks with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnpg.divergence import TrainingDiverged
from nnpg.losses import LossMaker, loss_for
from nnpg.network import Network, as_network
from nnpg.optimisers import Decay, as_decay
from nnpg.support.arguments import as_count, as_instance, as_number
from nnpg.support.network_arguments import as_examples, placed
from nnpg.support.progress import progress_bar
from nnpg.support.tables import data_frame, text_table
from nnpg.training_methods.full_batch import batches_of, flatten, mean_loss, split, unflatten
from nnpg.training_methods.sparsity import Sparsity
from nnpg_kernels import Array, one_blas_thread

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class LBFGSTraining:
    """A network at a minimum or near one, and the losses on the way; prints as a table of at most 12 of them.

    Parameters
    ----------
    net : Network
    losses : tuple of float
        Mean loss, decay included, after each iteration; the first is before any.
    evaluations : int
        Passes over all images.
    converged : bool
    message : str
        Why SciPy stopped.
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
        Images at a time; it bounds the memory, and changes the result by no more than rounding.
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
    tolerance, criterion, evaluations = as_number(tolerance, "tolerance", least=0), loss_for(net, loss), 0
    decay = None if decay is None else as_decay(decay)
    sparsity = None if sparsity is None else as_instance(sparsity, Sparsity, "sparsity")
    if sparsity is not None and sparsity.layer not in (inner := net.names[1 : net.names.index(criterion.layer)]):
        raise ValueError(f"sparsity needs an output between the input and the loss, {inner}, not {sparsity.layer!r}")
    x, targets = placed(net, x), placed(net, targets, "targets")
    losses: list[float] = []
    batches = batches_of(net, x, batch)
    with one_blas_thread(), progress_bar("L-BFGS", iterations, show=progress) as advance:

        def value_and_gradient(w: Array) -> tuple[float, Array]:
            nonlocal evaluations
            evaluations += 1
            value, gradient = mean_loss(
                *(unflatten(net, w), x, targets, criterion), weights=split(net, w), decay=decay, sparsity=sparsity,
                batch=batch, batches=batches,
            )  # fmt: skip
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
        solution = minimize(
            value_and_gradient,
            flatten(net, net.parameters),
            jac=True,
            method="L-BFGS-B",
            callback=callback,
            options=options,
        )
    message = solution.message if isinstance(solution.message, str) else solution.message.decode()
    return LBFGSTraining(unflatten(net, solution.x), tuple(losses), evaluations, bool(solution.success), message)
