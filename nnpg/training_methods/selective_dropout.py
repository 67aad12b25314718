"""Selective dropout: train on adversarial images only those units that they change most (Hinthorn 2017, 5.3 and 5.4).

Each step takes pairs of an adversarial image x' and its original x, and the class of both:

    select    the ceil(keep F) units of one layer with the largest volatility | ||a'|| - ||a|| |
    step      on x', with all other units of that layer left as they are
    step      on x, likewise

Both are the steps of `nnpg.train`. A unit that is not selected is not there for its optimiser: neither weights nor
velocity change, in no bit. The other layers learn as always; with keep = 1 all do, which is the control.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.interventions import Override
from nnpg.losses import Loss
from nnpg.network import Network, as_network
from nnpg.optimisers import SGD, Parameters, SGDState
from nnpg.support.arguments import (
    as_choice,
    as_count,
    as_function,
    as_generator,
    as_labels,
    as_mapping,
    as_number,
    as_numbers,
    as_text,
)
from nnpg.support.network_arguments import as_images, as_pair_of_examples
from nnpg.training import Training, error_rate, step, train
from nnpg.training_methods.volatility import MEASURES, Measure, change_of, how_many, unit_output
from nnpg_kernels import Array

Mode: TypeAlias = Literal["gradient", "forward"]
Watch: TypeAlias = Callable[[int, Network, Array], None]
Examples: TypeAlias = tuple[npt.ArrayLike, npt.ArrayLike]


@dataclass(frozen=True, eq=False)
class MaskedSGD(SGD):
    """SGD that leaves some units alone: their weights, biases and velocities stay as they are, in every bit.

    Parameters
    ----------
    units : mapping
        units["conv2"] is a bool array (F,): which units learn. Layers that it does not name learn whole.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2)], input_shape=(1,), rng=0, dtype="float64")
    >>> g = {"dense1": {"W": np.ones((2, 1)), "b": np.ones(2)}}
    >>> sgd = MaskedSGD(lr=0.1, units={"dense1": np.array([True, False])})
    >>> sgd.step(net, g, sgd.start(net))[0].layers["dense1"].b
    array([-0.1,  0. ])
    """

    units: Mapping[str, Array] = field(default_factory=dict)

    def step(self, net: Network, gradients: Parameters, state: SGDState) -> tuple[Network, SGDState]:
        """Return the network and the state one step on."""
        after, new = super().step(net, gradients, state)
        xp, weights, velocity = net.backend.xp, {}, dict(new.velocity)
        for name, chosen in self.units.items():
            old, own = net.parameters[name], after.parameters[name]

            def kept(moved: Array, still: Array, chosen: Array = chosen) -> Array:
                return xp.where(chosen.reshape(-1, *[1] * (moved.ndim - 1)), moved, still)

            weights[name] = {p: kept(own[p], w) for p, w in old.items()}
            if name in velocity:
                was = state.velocity.get(name) or {p: xp.zeros_like(v) for p, v in velocity[name].items()}
                velocity[name] = {p: kept(v, was[p]) for p, v in velocity[name].items()}
        return after.with_parameters(weights), replace(new, velocity=velocity)


@dataclass(frozen=True)
class Retention:
    """The share of units that learns grows from p0 to 1: p_t = 1 - e^(-alpha t) + p0 e^(-alpha t) (Hinthorn 2017, 6).

    Parameters
    ----------
    p0 : float
        Share at the start, above 0 and up to 1.
    alpha : float
        Rate, per pair of steps; t counts these.

    Examples
    --------
    >>> share = Retention(0.2, alpha=0.1)
    >>> share(0), round(share(10), 3), round(share(100), 3)
    (0.2, 0.706, 1.0)
    """

    p0: float
    alpha: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "p0", as_number(self.p0, "Retention: p0", above=0, most=1))
        object.__setattr__(self, "alpha", as_number(self.alpha, "Retention: alpha", least=0))

    def __call__(self, t: int) -> float:
        """p_t."""
        still = math.exp(-self.alpha * t)
        return 1 - still + self.p0 * still


@dataclass(frozen=True, eq=False)
class SelectiveState(SGDState):
    """The optimiser's state, and which units (F,) were selected last."""

    chosen: Array | None = None


@dataclass(frozen=True, eq=False)
class SelectiveDropout:
    """A step of `nnpg.train` on adversarial images and then on their originals that trains volatile units only.

    Pass it as `take_step` to `nnpg.train(net, adversarial, labels, ...)`, or use `hard_negative_training`.

    Parameters
    ----------
    originals : array (N, *net.input_shape)
        Row n is the original of training image n.
    layer : str
        The layer with weights whose units are selected; they are read behind its activation and pooling.
    keep : float in (0, 1], or function of t
        Share of units that learns, see `Retention`; t counts the pairs of steps. (The paper's p, in 5.4 and 5.5; in
        3.4 it is the share dropped.)
    mode : "gradient" or "forward"
        The others are left alone but take part ("gradient"), or are also silent while training ("forward").
    measure : "volatility" or "shift"
        Meaned over the pairs of the step.
    every : int
        Select anew at every such pair of steps.
    watch : function, optional
        Called after each pair of steps with the number of steps taken, the network, and the units (F,) that learnt.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(4), nnpg.ReLU(), nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> x, adversarial = np.array([[1.0, 0.0]]), np.array([[0.6, 0.5]])
    >>> volatile = SelectiveDropout(x, "dense1", keep=0.5)
    >>> done = nnpg.train(net, adversarial, [0], epochs=1, batch=1, rng=0, take_step=volatile)
    >>> int((done.net.layers["dense1"].b == 0).sum())       # two of four were left alone
    2
    """

    originals: Array
    layer: str
    keep: float | Callable[[int], float] = 1.0
    mode: Mode = "gradient"
    measure: Measure = "volatility"
    every: int = 1
    watch: Watch | None = None

    def __post_init__(self) -> None:
        originals = as_numbers(self.originals, "originals", "an array (N, *net.input_shape)", finite=True)
        object.__setattr__(self, "originals", originals)
        as_text(self.layer, "layer")
        if not callable(self.keep) or isinstance(self.keep, type):
            as_number(self.keep, "keep, the share of units that learns,", above=0, most=1)
        as_choice(self.mode, "mode", ("gradient", "forward"))
        as_choice(self.measure, "measure", MEASURES)
        object.__setattr__(self, "every", as_count(self.every, "every"))
        if self.watch is not None:
            as_function(self.watch, "watch", "watch(steps, net, units)")

    def __call__(
        self, net: Network, x: Array, t: Array, loss: Loss, optimiser: SGD, state: SGDState, some: Array
    ) -> tuple[Network, SGDState, Array, int]:
        """Take one step on adversarial images x, one on their originals; the losses and errors are the former's."""
        originals = self.originals[some]
        chosen = self._chosen(net, x, originals, state)
        train_all = bool(chosen.all())
        own = {f.name: getattr(optimiser, f.name) for f in fields(SGD)}
        how = optimiser if train_all else MaskedSGD(**own, units={self.layer: chosen})
        during = net
        if self.mode == "forward" and not train_all:
            at = unit_output(net, self.layer)
            unit = (len(chosen), *[1] * (net.forward(x[:1], stop=at).y.ndim - 2))
            during = net.intervene(at, Override(~chosen.reshape(unit), net.backend.xp.zeros(())))
        during, state, values, wrong = step(during, x, t, loss, how, state)
        during, state, _, _ = step(during, originals, t, loss, how, state)
        net = replace(during, interventions=net.interventions)
        if self.watch is not None:
            self.watch(state.t, net, net.backend.to_numpy(chosen))
        return net, SelectiveState(state.t, state.velocity, chosen), values, wrong

    def _chosen(self, net: Network, x: Array, originals: Array, state: SGDState) -> Array:
        """Which units learn now (F,): the most volatile, the first of equals; or those of the last selection."""
        k, pair = net.backend, state.t // 2
        if isinstance(state, SelectiveState) and state.chosen is not None and pair % self.every:
            return state.chosen
        F = len(net.parameters[self.layer]["W"])
        share = self.keep(pair) if callable(self.keep) else self.keep
        retained = min(F, how_many(share, F))
        if retained == F:
            return k.xp.ones(F, bool)
        at, n = unit_output(net, self.layer), len(x)
        a = net.forward(np.concatenate([x, originals]), stop=at).y
        change = change_of(a[n:], a[:n]).of(self.measure).mean(axis=0)  # (F,)
        chosen = np.zeros(F, bool)
        chosen[np.argsort(-k.to_numpy(change), kind="stable")[:retained]] = True
        return k.asarray(chosen)


@dataclass(frozen=True, eq=False)
class HardNegatives:
    """What hard-negative training came to.

    Parameters
    ----------
    training : Training
        The errors of its history are those on the adversarial images trained on.
    steps : array (T,)
        Steps of the optimiser before each evaluation, the first 0: two for each batch of pairs.
    accuracy : mapping
        accuracy["held out"] is an array (T,).
    instability : array (F,)
        Share of the selections in which each unit was chosen.
    """

    training: Training
    steps: npt.NDArray[np.int64]
    accuracy: dict[str, npt.NDArray[np.float64]]
    instability: npt.NDArray[np.float64]

    def steps_to_optimum(self, name: str, within: float = 0.0) -> int:
        """Return after how many steps an accuracy first was no more than `within` below its highest."""
        a = self.accuracy[name]
        return int(self.steps[np.flatnonzero(a >= a.max() - within)[0]])


def hard_negative_training(
    net: Network,
    adversarial: npt.ArrayLike,
    originals: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    layer: str,
    epochs: int,
    rng: int | np.random.Generator,
    optimiser: SGD | None = None,
    keep: float | Callable[[int], float] = 1.0,
    mode: Mode = "gradient",
    measure: Measure = "volatility",
    every: int = 1,
    batch: int = 1,
    judged_on: Mapping[str, Examples] | None = None,
    judge_every: int = 0,
    progress: bool | None = None,
) -> HardNegatives:
    """Train a network on adversarial images and their originals in turn, and watch what it learns and forgets.

    Parameters
    ----------
    net : Network
    adversarial, originals : arrays (N, *net.input_shape)
        Row n of both is one pair.
    labels : array (N,)
        Class of both.
    layer, keep, mode, measure, every
        See `SelectiveDropout`.
    epochs, rng, optimiser
        See `nnpg.train`.
    batch : int
        Pairs in a step.
    judged_on : mapping, optional
        judged_on["held out"] = (x, labels): accuracies to watch.
    judge_every : int
        Steps between two evaluations, about; 0 for one at the start and one at the end.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    HardNegatives

    Raises
    ------
    ValueError, KeyError
        If images, labels, layer or settings do not fit.
    TrainingDiverged
        At the first loss that is infinite or NaN.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(4), nnpg.ReLU(), nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> x, adversarial = np.eye(2), np.array([[0.4, 0.6], [0.6, 0.4]])
    >>> done = hard_negative_training(net, adversarial, x, [0, 1], layer="dense1", keep=0.25, epochs=20, rng=0,
    ...                               judged_on={"originals": (x, [0, 1])}, progress=False)
    >>> done.steps, done.instability.sum()
    (array([ 0, 80]), np.float64(1.0))
    """
    net = as_network(net)
    given, clean = (
        as_images(net, x, name, least=1, finite=True).astype(net.dtype, copy=False)
        for x, name in ((adversarial, "adversarial"), (originals, "originals"))
    )
    if len(given) != len(clean):
        raise ValueError(f"adversarial and originals must be as many images, not {len(given)} and {len(clean)}")
    t = as_labels(labels, len(given), net.K)
    unit_output(net, layer)
    epochs, batch = as_count(epochs, "epochs", least=0), as_count(batch, "batch")
    judge_every, rng = as_count(judge_every, "judge_every", least=0), as_generator(rng)
    judged = {} if judged_on is None else as_mapping(judged_on, "judged_on", "name to (x, labels)")
    sets = {name: as_pair_of_examples(net, own, f"judged_on[{name!r}]") for name, own in judged.items()}
    F = len(net.parameters[layer]["W"])
    steps, accuracy = [0], {name: [1 - error_rate(net, *own)] for name, own in sets.items()}
    counts, last = np.zeros(F), 2 * epochs * -(-len(given) // batch)

    def watch(done: int, now: Network, chosen: Array) -> None:
        counts[:] += chosen
        due = judge_every and done // judge_every > steps[-1] // judge_every
        if due or done == last:
            steps.append(done)
            for name, own in sets.items():
                accuracy[name].append(1 - error_rate(now, *own))

    volatile = SelectiveDropout(clean, layer, keep, mode, measure, every, watch)
    training = train(
        net, given, t, epochs=epochs, batch=batch, rng=rng, optimiser=optimiser, take_step=volatile, progress=progress
    )
    curves = {name: np.array(own) for name, own in accuracy.items()}
    return HardNegatives(training, np.array(steps), curves, counts / max(1, last // 2))
