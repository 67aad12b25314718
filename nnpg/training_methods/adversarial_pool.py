"""Training with a pool of adversarial examples, of the images and of every layer's output (Szegedy et al. 2013, 4.2).

"by keeping a pool of adversarial examples a random subset of which is continuously replaced by newly generated
adversarial examples and which is mixed into the original training set all the time ... adversarial examples are
generated for each layer output and are used to train all the layers above."

An example of the output `at` is phi(x) + r, the nearest point found that the layers above take for another class. It
keeps the label of x, enters the network at `at`, and so trains what lies above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from nnpg.attacks.least_distortion.attack import minimal_distortion
from nnpg.attacks.targets import Rule
from nnpg.layers import Sigmoid, Softmax, Tanh
from nnpg.losses import Loss
from nnpg.network import INPUT, Network
from nnpg.optimisers import SGD, Parameters, SGDState
from nnpg.support.arguments import as_choice, as_count, as_names, as_numbers, as_whole
from nnpg.training import first_with_weights
from nnpg_kernels import Array

_BOXES: dict[type[Any], tuple[float, float]] = {Sigmoid: (0.0, 1.0), Softmax: (0.0, 1.0), Tanh: (-1.0, 1.0)}


class Pool(NamedTuple):
    """Examples of one output (P, ...), and their labels (P,)."""

    examples: Array
    labels: Array


@dataclass(frozen=True, eq=False)
class PoolState(SGDState):
    """The optimiser's state, and the pool of each output."""

    pools: Mapping[str, Pool] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class AdversarialPool:
    """A step of `nnpg.train` on a batch of images and, at the same weight each, on examples from the pools.

    Pass it as `take_step` to `nnpg.train(net, x, t, ...)`.

    Parameters
    ----------
    x, t : arrays (N, *net.input_shape), (N,)
        Training images and labels, from which examples are made.
    at : names
        The outputs whose examples are pooled: "input", and outputs of layers with a known range (Sigmoid, Tanh).
    size : int
        Examples in each pool, at most.
    new : int
        Examples of each output that are made at a time; they replace random ones where the pool is full.
    every : int
        Steps from one time to the next.
    batch : int
        Examples of each pool in a step.
    seed : int
        Of images, targets, and who is replaced.
    targets : "random", "nearest" or "least_likely"
        What the examples are to be taken for.

    Raises
    ------
    ValueError
        From a step, if an output has no known range.

    Examples
    --------
    >>> import nnpg
    >>> x, t = np.array([[0.2, 0.6], [0.7, 0.3]]), np.array([0, 1])
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Sigmoid(), nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> pool = AdversarialPool(x, t, at=("input", "sigmoid1"), size=4, new=2, every=50, batch=2)
    >>> done = nnpg.train(net, x, t, epochs=200, batch=2, rng=0, optimiser=nnpg.SGD(lr=2.0), take_step=pool)
    >>> done.net.predict(x).argmax(axis=1)
    array([0, 1])
    """

    x: Array
    t: Array
    at: Sequence[str]
    size: int = 3000
    new: int = 300
    every: int = 600
    batch: int = 50
    seed: int = 0
    targets: Rule = "random"

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", as_numbers(self.x, "x", "images (N, ...)", finite=True))
        N = len(np.atleast_1d(self.x))
        t = as_whole(self.t, "t", f"labels ({N},)", ndim=1, least=0)
        if self.x.ndim < 2 or len(t) != N:
            raise ValueError(f"x and t must be images and as many labels, not {self.x.shape} and {t.shape}")
        object.__setattr__(self, "t", t)
        if not as_names(self.at, "at"):
            raise ValueError(f"at must name at least one output, not {self.at!r}")
        for name in ("size", "new", "every", "batch"):
            object.__setattr__(self, name, as_count(getattr(self, name), name))
        object.__setattr__(self, "seed", as_count(self.seed, "seed", least=0))
        as_choice(self.targets, "targets", ("random", "nearest", "least_likely"))

    def __call__(
        self, net: Network, x: Array, t: Array, loss: Loss, optimiser: SGD, state: SGDState, some: Array
    ) -> tuple[Network, SGDState, Array, int]:
        """Take one step; return as `nnpg.training.step` does, loss and errors of the images alone."""
        k, draw = net.backend, np.random.default_rng([self.seed, state.t])
        pools = dict(state.pools) if isinstance(state, PoolState) else {}
        if state.t % self.every == 0:
            pools = {at: self._renewed(net, at, pools.get(at), draw) for at in self.at}
        chosen = {at: draw.integers(len(p.labels), size=self.batch) for at, p in pools.items() if len(p.labels)}
        total = len(x) + self.batch * len(chosen)
        trace = net.forward(x, upto=loss.at)
        deltas = net.backward(trace, loss.seed(k, trace.y, k.asarray(t)) / total, until=first_with_weights(net))
        gradients = net.gradients(trace, deltas)
        for at, n in chosen.items():
            examples, labels = k.asarray(pools[at].examples[n]), k.asarray(pools[at].labels[n])
            above = net.forward(examples, start=at, upto=loss.at)
            deltas = net.backward(above, loss.seed(k, above.y, labels) / total, until=_next_with_weights(net, at))
            gradients = _added(gradients, net.gradients(above, deltas))
        after, new = optimiser.step(net, gradients, state)
        wrong = int((k.to_numpy(trace.y).argmax(axis=-1) != t).sum())
        values = loss.value(k, trace.y, k.asarray(t))
        return after, PoolState(new.t, new.velocity, pools), values, wrong

    def _renewed(self, net: Network, at: str, pool: Pool | None, draw: np.random.Generator) -> Pool:
        """Make new examples of one output; put them behind those that are there, or in the place of random ones."""
        net = net.undrawn()
        n = draw.integers(len(self.x), size=self.new)
        x, t = self.x[n], self.t[n]
        h = x if at == INPUT else net.backend.to_numpy(net.forward(x, upto=at).y)
        found = minimal_distortion(
            _above(net, at), h, self.targets, labels=t, rng=draw, box=_box(net, at), tolerance=0.05, polish=False,
            evaluations=200, progress=False,
        )  # fmt: skip
        fresh = Pool(found.x[found.success], t[found.success])
        if pool is None:
            return fresh
        room = min(self.size - len(pool.labels), len(fresh.labels))
        gone = draw.permutation(len(pool.labels))[: len(fresh.labels) - room]
        kept = np.setdiff1d(np.arange(len(pool.labels)), gone)
        return Pool(*(np.concatenate([old[kept], new]) for old, new in zip(pool, fresh, strict=True)))


def _above(net: Network, at: str) -> Network:
    """Return the layers behind an output, as a network of its own."""
    names = net.names[net.names.index(at) + 1 :]
    shape = net.forward(np.zeros((1, *net.input_shape), net.dtype))[at].shape[1:]
    return replace(net, layers={name: net.layers[name] for name in names}, input_shape=shape)


def _box(net: Network, at: str) -> tuple[float, float]:
    """Range of an output: pixels in [0, 1], or what its layer can give."""
    if at == INPUT:
        return 0.0, 1.0
    kind = type(net.layers[at])
    if kind not in _BOXES:
        raise ValueError(
            f"examples of {at!r} need a known range, which a {kind.__name__} has not: pool 'input' and outputs of "
            f"{', '.join(own.__name__ for own in _BOXES)}"
        )
    return _BOXES[kind]


def _next_with_weights(net: Network, at: str) -> str:
    """The first layer behind an output that has weights."""
    names = net.names[net.names.index(at) + 1 :]
    return next(name for name in names if net.layers[name].parameters)


def _added(a: Parameters, b: Parameters) -> Parameters:
    return {n: {p: g + b[n][p] if n in b else g for p, g in own.items()} for n, own in a.items()}
