"""Tasks: the work of public functions for a network, with the arguments and results of the programs.

Axes: N images, S classes, T filters that are knocked out, K outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from nnpg.losses import Loss
from nnpg.network import Network
from nnpg.optimisers import SGD, SGDState
from nnpg_kernels import Array


class Task(Protocol):
    """Work that a compiled program may do in place of the layers."""

    name: ClassVar[str]  # the public function


@dataclass(frozen=True)
class Predict:
    """The last output: `run(x)` gives (N, ...).

    Parameters
    ----------
    images : int, optional
        N, if it is known.
    """

    images: int | None = None
    name: ClassVar[str] = "predict"


@dataclass(frozen=True)
class Gradients:
    """dy_c/do: `run(x, classes, labels, weights)` gives (S, N, ...) by name, or (1, N, ...) if there are labels.

    `classes` (S,); `labels` (N,) or None: the class of each image; `weights` (N,) or None multiply each image's seed.

    Parameters
    ----------
    layers : tuple of str
        The outputs o.
    of : "prob", "logit" or "logprob"
    images : int, optional
        N, if it is known.
    """

    layers: tuple[str, ...]
    of: str = "prob"
    images: int | None = None
    name: ClassVar[str] = "prediction_gradient"


@dataclass(frozen=True)
class ClassSums:
    """Sums over the images of each class: `run(delta, labels, K)` turns (S, N, units) into (S, K, units), float64."""

    name: ClassVar[str] = "class_gradient"


@dataclass(frozen=True)
class KnockOut:
    """A sweep: `run(x, means)` gives the predicted classes (T + 1, N), with all filters, and without the first 1 .. T.

    `means` holds the mean outputs (F, ...) by layer, if filters are set to these.

    Parameters
    ----------
    filters : tuple of (layer, index)
    to : "zero", "mean" or "resample"
    """

    filters: tuple[tuple[str, int], ...]
    to: str = "zero"
    name: ClassVar[str] = "knock_out_curve"


@dataclass(frozen=True)
class Train:
    """Gradient descent: `run(x, targets, batch, optimiser_state)` gives a session, which takes the steps of an epoch.

    Parameters
    ----------
    loss : Loss
    optimiser : SGD
    own_steps : bool
        Whether a function of the user takes the steps.
    images : int, optional
        The largest number of images in a batch.
    """

    loss: Loss
    optimiser: SGD
    own_steps: bool = False
    images: int | None = None
    name: ClassVar[str] = "train"


class Session(Protocol):
    """A training that runs. Between two epochs, `losses` and `wrong` (N,) hold a number for each place of the order."""

    @property
    def batch(self) -> int: ...
    @property
    def losses(self) -> Array: ...
    @property
    def wrong(self) -> Array: ...

    def epoch(self, order: Array, optimiser: SGD, t: int) -> Iterator[int]:
        """Take the steps of one epoch in this order, from step t on; from time to time, yield the number done."""

    def finite(self) -> bool:
        """Return whether all weights are finite."""

    def network(self, net: Network) -> Network:
        """Return the network with the current weights."""

    def state(self, t: int, optimiser: SGD) -> SGDState:
        """Return the optimiser's state after t steps."""


@dataclass(frozen=True)
class Reading:
    """The repeated step of an attack: `run()` gives a session, whose `session(x, seed)` gives scores and deltas.

    The scores z (N, K) in float64 are the output `layer`. `seed(z, rows)` returns the seeds (n, K) or (S, n, K) of the
    images `rows`, and the deltas (N, ...) or (S, N, ...) are the derivatives with respect to the images.
    The result for an image does not depend on the other images.

    Parameters
    ----------
    layer : str
        The output that the loss reads.
    """

    layer: str
    name: ClassVar[str] = "minimal_distortion"


@dataclass(frozen=True)
class Outputs:
    """Outputs of hidden layers: `run(x)` gives (N, ...) by name.

    Parameters
    ----------
    layers : tuple of str
    """

    layers: tuple[str, ...]
    name: ClassVar[str] = "unit_changes"
