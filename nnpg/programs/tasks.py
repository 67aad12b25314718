"""Tasks: the work of public functions for a network, with the arguments and results of the programs.

Axes: N images, S classes, T filters that are knocked out, K outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

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
    comes_down : bool
        Whether the result is wanted in arrays of the host: then those of a device may come down while it computes.
    """

    layers: tuple[str, ...]
    of: str = "prob"
    images: int | None = None
    comes_down: bool = False
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
class KnockOuts:
    """Several sweeps at once: `run(x, means)` gives the predicted classes (T + 1, N) of each, as `KnockOut` does.

    Parameters
    ----------
    sweeps : tuple of KnockOut
        One or more, with the same `to`.
    """

    sweeps: tuple[KnockOut, ...]
    name: ClassVar[str] = "knock_out_curves"


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


@dataclass(frozen=True, eq=False)
class TrainSelected:
    """Selective dropout: `run(x, targets, batch, optimiser_state)` gives a session, which takes two steps a batch.

    The first step is on a batch of x, the second on its originals. In both, only the chosen units of one layer learn.

    Parameters
    ----------
    loss, optimiser, images
        As in `Train`.
    layer, output : str
        The layer whose units are chosen, and the output at which their change from original to x is measured.
    originals : array (N, ...)
    retained : function
        retained(pair) is the number of units that learn from the pair of steps with this number on.
    every : int
        Pairs of steps from one choice to the next.
    silent, shift : bool
        Whether the outputs of the other units are 0; whether the change is the norm of the difference.
    members : function, optional
        members(rows) are the images whose mean change decides for a batch, pairs of `adversarial` and originals.
    adversarial : array (N, ...), optional
    clusters : array (F,), optional
        Numbers from 0 on: the change of a unit is the mean over its cluster.
    watch, watch_after : functions, optional
        watch(steps, net, units) is called after the pairs of steps for which watch_after(steps) is true, or after each.
    """

    loss: Loss
    optimiser: SGD
    images: int
    layer: str
    output: str
    originals: Array
    retained: Callable[[int], int]
    every: int = 1
    silent: bool = False
    shift: bool = False
    members: Callable[[Array], Array] | None = None
    adversarial: Array | None = None
    clusters: Array | None = None
    watch: Callable[[int, Network, Array], None] | None = None
    watch_after: Callable[[int], bool] | None = None
    name: ClassVar[str] = "SelectiveDropout"


class Pool(NamedTuple):
    """Examples of one output (P, ...), and the labels of their images (P,), in the memory of the network's backend."""

    examples: Array
    labels: Array


@dataclass(frozen=True, eq=False)
class TrainPooled:
    """Training on images and on examples from pools: `run(x, targets, batch, optimiser_state)` gives a session.

    Parameters
    ----------
    loss, optimiser, images
        As in `Train`.
    layers : names
        The outputs whose examples are pooled, and at which they enter.
    size : int
        Examples in each pool, at most.
    batch : int
        Examples of each pool in a step.
    every : int
        Steps from one renewal of the pools to the next.
    generator : function
        generator(t) makes the generator of step t, which draws the examples of each pool that has any.
    renewed : function
        renewed(net, pools, generator) returns the pools by layer, with new examples for this network.
    """

    loss: Loss
    optimiser: SGD
    images: int
    layers: tuple[str, ...]
    size: int
    batch: int
    every: int
    generator: Callable[[int], np.random.Generator]
    renewed: Callable[[Network, Mapping[str, Pool], np.random.Generator], Mapping[str, Pool]]
    name: ClassVar[str] = "AdversarialPool"


class PlannedStep:
    """A `take_step` of `nnpg.train` for which there may be a program: `task` says what it does."""

    def task(self, net: Network, loss: Loss, optimiser: SGD, images: int) -> Task | None:
        """Return the task of steps with at most so many images, or None: then the steps are taken one by one."""
        return None


class Session(Protocol):
    """A training that runs. Between two epochs, `losses` and `wrong` (N,) hold a number for each place of the order."""

    @property
    def batch(self) -> int: ...
    @property
    def steps_per_batch(self) -> int: ...
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
class BoundaryStep:
    """A step of descents along a decision boundary: `run(pixels, kept, margins, multiplier, numbers, newton_steps)`.

    It steps in place: see `step_by_arrays` of `nnpg.attacks.least_distortion.boundary.steps`, the definition.
    """

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
