"""Selective dropout: train on adversarial images only those units that they change most (Hinthorn 2017, 5.3 and 5.4).

Each step takes pairs of an adversarial image x' and its original x, and the class of both:

    select    the ceil(keep F) units of one layer with the largest volatility | ||a'|| - ||a|| |
    step      on x', in which no other unit of that layer learns
    step      on x, likewise

Both are the steps of `nnpg.train`. A unit that is not selected does not change in any bit, in its weights or in its
velocity. The other layers learn as always. With keep = 1 all units learn, which is the control.

The paper selects for single pairs in 5.3 and speaks of the blame for a certain class of adversarial images there too:
with `groups`, the volatility is the mean over all pairs of that perturbation group.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, fields, replace
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from nnpg.analysis.concentration import units_in_share
from nnpg.interventions import Override
from nnpg.losses import Loss
from nnpg.network import Network
from nnpg.optimisers import SGD, SGDState
from nnpg.programs.tasks import PlannedStep, TrainSelected
from nnpg.support.arguments import as_choice, as_count, as_function, as_number, as_numbers, as_text, as_whole, described
from nnpg.support.network_arguments import placed
from nnpg.training import step
from nnpg.training_methods.masked_sgd import MaskedSGD
from nnpg.training_methods.volatility import MEASURES, Measure, change_of, unit_output
from nnpg_kernels import Array

Mode: TypeAlias = Literal["gradient", "forward"]
Watch: TypeAlias = Callable[[int, Network, Array], None]


class Selected(NamedTuple):
    """Which units learn (F,), and whether all do, which the host knows."""

    units: Array
    all: bool


@dataclass(frozen=True, eq=False)
class SelectiveState(SGDState):
    """The state of the optimiser, the units (F,) that were selected last, and the pairs where the network is."""

    selected: Selected | None = None
    originals: Array | None = None
    adversarial: Array | None = None
    times: Array | None = None  # how often each unit was selected since the last call of `watch`


@dataclass(frozen=True, eq=False)
class SelectiveDropout(PlannedStep):
    """A step of `nnpg.train` on adversarial images and then on their originals that trains volatile units only.

    Pass it as `take_step` to `nnpg.train(net, adversarial, labels, ...)`, or use
    `nnpg.training_methods.hard_negatives.hard_negative_training`. On a device the pairs go up once, and no step waits,
    except that with `groups` or `clusters` the host looks at the batch, or at the changes, in each selection.

    Parameters
    ----------
    originals : array (N, *net.input_shape)
        Row n is the original of training image n.
    layer : str
        The layer with weights whose units are selected; their outputs are read after its activation and pooling.
    keep : float in (0, 1], or function of t
        Share of units that learns, see `Retention`; t counts the pairs of steps. (The paper's p in 5.4 and 5.5; its p
        in 3.4 is the share that does not.)
    mode : "gradient" or "forward"
        The other units take part in the forward pass but do not learn ("gradient"), or their outputs are 0 in the
        training steps too ("forward").
    measure : "volatility" or "shift"
        Of the change of a unit, averaged over the pairs of the batch.
    every : int
        Pairs of steps from one selection to the next.
    adversarial : array (N, *net.input_shape), optional
        The images trained on; needed with `groups`.
    groups : array (N,), optional
        Group of each pair, such as `perturbation_groups(...).index`: the change is then averaged over all pairs of the
        groups that occur in the batch.
    clusters : array (F,), int, optional
        Cluster of each unit, such as `volatility_clusters(...)`: the change of a unit is then the mean over its
        cluster, so that clusters are selected as a whole, except the last one that fits in part (6.2). A unit of a
        negative cluster is by itself.
    watch : function, optional
        Called after each pair of steps with the number of steps taken, the network, and the units (F,) that learnt, an
        array of its backend.
    watch_after : function, optional
        `watch` is called only after the pairs of steps for which watch_after(steps) is true, and gets how often each
        unit (F,) has learnt since its last call.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(4), nnpg.ReLU(), nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> x, adversarial = np.array([[1.0, 0.0]]), np.array([[0.6, 0.5]])
    >>> volatile = SelectiveDropout(x, layer="dense1", keep=0.5)
    >>> done = nnpg.train(net, adversarial, [0], epochs=1, batch=1, rng=0, take_step=volatile)
    >>> int((done.net.layers["dense1"].b == 0).sum())       # two of four did not learn
    2
    """

    originals: Array
    _: KW_ONLY
    layer: str
    keep: float | Callable[[int], float] = 1.0
    mode: Mode = "gradient"
    measure: Measure = "volatility"
    every: int = 1
    adversarial: Array | None = None
    groups: Array | None = None
    clusters: Array | None = None
    watch: Watch | None = None
    watch_after: Callable[[int], bool] | None = None

    def __post_init__(self) -> None:
        expected = "an array (N, *net.input_shape)"
        originals = as_numbers(self.originals, "originals", expected, finite=True, stays=True)
        object.__setattr__(self, "originals", originals)
        if self.groups is not None:
            self._check_groups(self.groups)
        if self.clusters is not None:
            object.__setattr__(self, "clusters", as_whole(self.clusters, "clusters", "clusters (F,)", ndim=1))
        as_text(self.layer, "layer")
        if not callable(self.keep) or isinstance(self.keep, type):
            as_number(self.keep, "keep, the share of units that learns,", above=0, most=1)
        as_choice(self.mode, "mode", ("gradient", "forward"))
        as_choice(self.measure, "measure", MEASURES)
        object.__setattr__(self, "every", as_count(self.every, "every"))
        if self.watch is not None:
            as_function(self.watch, "watch", "watch(steps, net, units)")
        if self.watch_after is not None:
            as_function(self.watch_after, "watch_after", "watch_after(steps)")

    def __call__(
        self, net: Network, x: Array, targets: Array, loss: Loss, optimiser: SGD, state: SGDState, rows: Array
    ) -> tuple[Network, SGDState, Array, Any]:
        """Take a step on adversarial images x and one on their originals; return the losses and errors of the first."""
        before, pairs = state, self._pairs(net, state)
        originals = pairs[0][rows]
        selected = self._select(net, x, pairs, state, rows)
        training, moving, chosen = net, optimiser, selected.units
        if not selected.all:
            settings = {f.name: getattr(optimiser, f.name) for f in fields(SGD)}
            moving = MaskedSGD(**settings, units={self.layer: chosen})
            training = self._silence(net, chosen) if self.mode == "forward" else net
        training, state, values, wrong = step(training, x, targets, loss, moving, state)
        training, state, _, _ = step(training, originals, targets, loss, moving, state)
        net = replace(training, interventions=net.interventions)
        times = self._watched(state.t, net, chosen, before)
        return net, SelectiveState(state.t, state.velocity, selected, *pairs, times), values, wrong

    def task(self, net: Network, loss: Loss, optimiser: SGD, images: int) -> TrainSelected | None:
        """Return what the steps do, for a program; None for a subclass, whose steps may do anything else."""
        output, F = unit_output(net, layer=self.layer), len(net.parameters[self.layer]["W"])
        if type(self) is not SelectiveDropout or (self.clusters is not None and len(self.clusters) != F):
            return None
        groups = self.groups
        return TrainSelected(
            loss, optimiser, images, self.layer, output, self.originals, partial(self._retained, F), self.every,
            self.mode == "forward", self.measure == "shift", None if groups is None else partial(_members, groups),
            None if groups is None else self.adversarial,
            None if self.clusters is None else _cluster_of_each(self.clusters, F), self.watch, self.watch_after,
        )  # fmt: skip

    def _watched(self, steps: int, net: Network, chosen: Array, state: SGDState) -> Array | None:
        """Call `watch` where it is due; return how often each unit was selected since its last call."""
        if self.watch is None:
            return None
        if self.watch_after is None:
            self.watch(steps, net, chosen)
            return None
        earlier = state.times if isinstance(state, SelectiveState) else None
        times = chosen.astype(np.int64) if earlier is None else earlier + chosen
        if not self.watch_after(steps):
            return times
        self.watch(steps, net, times)
        return None

    def _retained(self, F: int, pair: int) -> int:
        """Return how many of F units learn."""
        share = self.keep(pair) if callable(self.keep) else self.keep
        return min(F, units_in_share(share, F))

    def _pairs(self, net: Network, state: SGDState) -> tuple[Array, Array | None]:
        """Return the originals, and with groups the adversarial images, in the memory of the network's backend."""
        if isinstance(state, SelectiveState) and state.originals is not None:
            return state.originals, state.adversarial
        needed = None if self.groups is None else self.adversarial
        adversarial = None if needed is None else placed(net, needed, "adversarial")
        return placed(net, self.originals, "originals"), adversarial

    def _check_groups(self, groups: Array) -> None:
        N, shape = len(self.originals), self.originals.shape
        groups = as_numbers(groups, "groups", f"an array ({N},)", ndim=1, finite=True)
        if len(groups) != N:
            raise ValueError(f"groups must be an array ({N},), one for each pair, not {described(groups)}")
        if self.adversarial is None:
            raise ValueError("groups need `adversarial`: the change is averaged over all pairs of a group")
        adversarial = as_numbers(self.adversarial, "adversarial", f"an array {shape}", finite=True, stays=True)
        if adversarial.shape != shape:
            raise ValueError(f"adversarial must be an array {shape} like the originals, not {described(adversarial)}")
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "adversarial", adversarial)

    def _select(
        self, net: Network, x: Array, pairs: tuple[Array, Array | None], state: SGDState, rows: Array
    ) -> Selected:
        """Return which units learn now (F,): the most volatile, the first of equals; or those of the last selection."""
        k, xp, pair = net.backend, net.backend.xp, state.t // 2
        if isinstance(state, SelectiveState) and state.selected is not None and pair % self.every:
            return state.selected
        F = len(net.parameters[self.layer]["W"])
        retained = self._retained(F, pair)
        if retained == F:
            return Selected(xp.ones(F, bool), all=True)
        originals, adversarial = pairs[0][rows], pairs[1]
        if self.groups is not None and adversarial is not None:
            members = k.asarray(_members(self.groups, k.to_numpy(rows)))
            x, originals = (images[members].astype(x.dtype) for images in (adversarial, pairs[0]))
        output, N = unit_output(net, layer=self.layer), len(x)
        a = net.forward(xp.concatenate([x, originals]), stop=output).y
        change = change_of(a[N:], a[:N]).of(self.measure).mean(axis=0)  # (F,)
        if self.clusters is not None:
            change = k.asarray(self._by_cluster(self.clusters, k.to_numpy(change)))
        chosen = xp.zeros(F, bool)
        chosen[xp.argsort(-change, kind="stable")[:retained]] = True
        return Selected(chosen, all=False)

    @staticmethod
    def _by_cluster(clusters: Array, change: Array) -> Array:
        """Return the change (F,) of each unit's cluster."""
        cluster = _cluster_of_each(clusters, len(change))
        return np.asarray((np.bincount(cluster, change) / np.bincount(cluster))[cluster])

    def _silence(self, net: Network, chosen: Array) -> Network:
        """Return the network with the outputs of all units that were not selected at 0."""
        output = unit_output(net, layer=self.layer)
        ones = [1] * (len(net.shapes[output]) - 1)
        return net.intervene(output, Override(~chosen.reshape(len(chosen), *ones), net.backend.xp.zeros(())))


def _members(groups: Array, rows: Array) -> Array:
    """Return all pairs of the groups that occur in a batch."""
    return np.flatnonzero(np.isin(groups, groups[rows]))


def _cluster_of_each(clusters: Array, F: int) -> Array:
    """Return the cluster of each unit (F,), counted from 0; a unit of a negative cluster has one of its own."""
    if len(clusters) != F:
        raise ValueError(f"clusters must be {F}, one for each unit, not {described(clusters)}")
    alone = clusters.max() + 1 + np.arange(F)
    _, cluster = np.unique(np.where(clusters < 0, alone, clusters), return_inverse=True)
    return cluster.astype(np.int64)


@dataclass(frozen=True)
class Retention:
    """The share of units that learns grows from p0 to 1: p_t = 1 - e^(-alpha t) + p0 e^(-alpha t) (Hinthorn 2017, 6).

    Parameters
    ----------
    p0 : float
        Share at the start, above 0 and up to 1.
    alpha : float
        Rate of growth; t counts the pairs of steps.

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
        """Return p_t."""
        decay = math.exp(-self.alpha * t)
        return 1 - decay + self.p0 * decay
