"""One mask for all images, learned with frozen weights and the target as every label (Lo & Ding 2015, VIII.A)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from nnpg.attacks.checks import images_in_box
from nnpg.attacks.objective import objective_of
from nnpg.network import Network
from nnpg.support.arguments import as_class, as_count, as_generator, as_number
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
    """

    W: Array
    target: int
    losses: NDArray[np.float64]

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
    rng: int | np.random.Generator,
    batch: int = 128,
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
    rng : int or numpy.random.Generator
        Order of the images.
    batch : int
        Images per step.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    ClassMask

    Raises
    ------
    ValueError
        If images, target or settings do not fit.

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
    x = images_in_box(net, x, box)
    target = as_class(target, net.K, "target")
    epochs, batch, rng = as_count(epochs, "epochs"), as_count(batch, "batch"), as_generator(rng)
    lr, momentum = as_number(lr, "lr", above=0), as_number(momentum, "momentum", least=0, below=1)
    objective = objective_of(net, "softmax_cross_entropy")
    W = np.zeros(net.input_shape, x.dtype)
    velocity, losses = W.copy(), []
    with one_blas_thread(), progress_bar("class mask", epochs, show=progress) as advance:
        for _ in range(epochs):
            order, total = rng.permutation(len(x)), 0.0
            for first in range(0, len(x), batch):
                images = x[order[first : first + batch]]
                loss, g = objective.loss_and_gradient(images + W, np.full(len(images), target))
                total += float(loss.sum())
                velocity = momentum * velocity + g.mean(axis=0)
                W = (W - lr * velocity).astype(x.dtype)
            losses.append(total / len(x))
            advance(loss=losses[-1])
    return ClassMask(W, int(target), np.array(losses))
