"""Training with a pool of adversarial examples, of the images and of every layer's output (Szegedy et al. 2013, 4.2).

"by keeping a pool of adversarial examples a random subset of which is continuously replaced by newly generated
adversarial examples and which is mixed into the original training set all the time ... adversarial examples are
generated for each layer output and are used to train all the layers above."

An example of the output `layer` is phi(x) + r, the nearest point found that the layers above take for another class. It
keeps the label of x, enters the network at that output, and so trains what lies above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import numpy as np

from nnpg.attacks.least_distortion.attack import minimal_distortion
from nnpg.attacks.targets import Rule
from nnpg.layers import Sigmoid, Softmax, Tanh
from nnpg.layers.blocks import first_with_weights
from nnpg.losses import Loss
from nnpg.network import INPUT, Network
from nnpg.optimisers import SGD, Parameters, SGDState
from nnpg.programs.tasks import PlannedStep, Pool, TrainPooled
from nnpg.support.arguments import as_choice, as_count, as_names, as_numbers, as_whole
from nnpg.support.network_arguments import placed
from nnpg_kernels import Array

_BOXES: dict[type[Any], tuple[float, float]] = {Sigmoid: (0.0, 1.0), Softmax: (0.0, 1.0), Tanh: (-1.0, 1.0)}


@dataclass(frozen=True, eq=False)
class PoolState(SGDState):
    """The optimiser's state, the pool of each output, and the training images where the network is."""

    pools: Mapping[str, Pool] = field(default_factory=dict)
    images: Array | None = None


@dataclass(frozen=True, eq=False)
class AdversarialPool(PlannedStep):
    """A step of `nnpg.train` on a batch of images and on examples from the pools, each with the same weight.

        L = 1/M (sum over the batch of L(x) + sum over the pools' examples of L(example)),    M of them in all

    Pass it as `take_step` to `nnpg.train(net, x, labels, ...)`. On a device images and pools stay there; a step sends
    up the numbers of its examples, which are drawn on the host, and waits only where new ones are made.

    Parameters
    ----------
    x, labels : arrays (N, *net.input_shape), (N,)
        Training images and labels, from which examples are made.
    layers : names
        The outputs whose examples are pooled: "input", and outputs of layers with a known range (Sigmoid, Tanh).
    size : int
        Examples in each pool, at most.
    new : int
        Examples of each output that are made at a time; they replace random ones where the pool is full.
    every : int
        Steps from one time to the next.
    targets : "random", "nearest" or "least_likely"
        The classes that the examples are to be taken for.
    seed : int
        Draws images, targets, and the examples that are replaced: step t has the generator of (seed, t).
    batch : int
        Examples of each pool in a step.

    Raises
    ------
    ValueError
        From a step, if an output has no known range.

    Examples
    --------
    >>> import nnpg
    >>> x, labels = np.array([[0.2, 0.6], [0.7, 0.3]]), np.array([0, 1])
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Sigmoid(), nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> pool = AdversarialPool(x, labels, layers=("input", "sigmoid1"), size=4, new=2, every=50, batch=2)
    >>> done = nnpg.train(net, x, labels, epochs=200, batch=2, rng=0, optimiser=nnpg.SGD(lr=2.0), take_step=pool)
    >>> nnpg.predict(done.net, x).argmax(axis=1)
    array([0, 1])
    """

    x: Array
    labels: Array
    _: KW_ONLY
    layers: Sequence[str]
    size: int = 3000
    new: int = 300
    every: int = 600
    targets: Rule = "random"
    seed: int = 0
    batch: int = 50

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", as_numbers(self.x, "x", "images (N, ...)", finite=True, stays=True))
        N = len(self.x) if self.x.ndim else 1
        labels = as_whole(self.labels, "labels", f"labels ({N},)", ndim=1, least=0)
        if self.x.ndim < 2 or len(labels) != N:
            raise ValueError(f"x and labels must be images and as many labels, not {self.x.shape} and {labels.shape}")
        object.__setattr__(self, "labels", labels)
        if not as_names(self.layers, "layers"):
            raise ValueError(f"layers must name at least one output, not {self.layers!r}")
        for name in ("size", "new", "every", "batch"):
            object.__setattr__(self, name, as_count(getattr(self, name), name))
        object.__setattr__(self, "seed", as_count(self.seed, "seed", least=0))
        as_choice(self.targets, "targets", ("random", "nearest", "least_likely"))

    def __call__(
        self, net: Network, x: Array, targets: Array, loss: Loss, optimiser: SGD, state: SGDState, rows: Array
    ) -> tuple[Network, SGDState, Array, Any]:
        """Take one step; return what `nnpg.training.step` does, losses and errors of the images only."""
        k, rng = net.backend, self._generator(state.t)
        pools = dict(state.pools) if isinstance(state, PoolState) else {}
        images = state.images if isinstance(state, PoolState) else None
        if state.t % self.every == 0:
            images = placed(net, self.x) if images is None else images
            pools = self._all_renewed(images, net, pools, rng)
        filled = {layer: len(p.labels) for layer, p in pools.items() if len(p.labels)}
        drawn = [rng.integers(n, size=self.batch) for n in filled.values()]
        chosen = dict(zip(filled, k.asarray(np.stack(drawn)) if drawn else [], strict=True))
        total = len(x) + self.batch * len(chosen)
        trace = net.forward(x, stop=loss.layer)
        deltas = net.backward(trace, loss.seed(k, trace.y, targets) / total, stop=first_with_weights(net.layers))
        gradients = net.gradients(trace, deltas)
        for layer, n in chosen.items():
            examples, labels = (a[n] for a in pools[layer])
            above = net.forward(examples, start=layer, stop=loss.layer)
            stop = first_with_weights(net.layers, after=layer)
            deltas = net.backward(above, loss.seed(k, above.y, labels) / total, stop=stop)
            gradients = _sum(gradients, net.gradients(above, deltas))
        after, new = optimiser.step(net, gradients, state)
        labels = targets if targets.ndim == 1 else targets.argmax(axis=-1)
        wrong = (trace.y.argmax(axis=-1) != labels).sum()
        return after, PoolState(new.t, new.velocity, pools, images), loss.value(k, trace.y, targets), wrong

    def task(self, net: Network, loss: Loss, optimiser: SGD, images: int) -> TrainPooled | None:
        """Return what the steps do, for a program; None for a subclass, whose steps may do anything else."""
        if type(self) is not AdversarialPool:
            return None
        layers, most = tuple(dict.fromkeys(self.layers)), max(self.size, self.new)

        def renewed(now: Network, pools: Mapping[str, Pool], rng: np.random.Generator) -> dict[str, Pool]:
            return self._all_renewed(placed(now, self.x), now, pools, rng)

        return TrainPooled(loss, optimiser, images, layers, most, self.batch, self.every, self._generator, renewed)

    def _generator(self, t: int) -> np.random.Generator:
        """Return the generator of a step."""
        return np.random.default_rng([self.seed, t])

    def _all_renewed(
        self, images: Array, net: Network, pools: Mapping[str, Pool], rng: np.random.Generator
    ) -> dict[str, Pool]:
        """Return the pools with new examples for a network."""
        return {layer: self._renewed(net, images, layer, pools.get(layer), rng) for layer in self.layers}

    def _renewed(self, net: Network, images: Array, layer: str, pool: Pool | None, rng: np.random.Generator) -> Pool:
        """Make new examples of one output; add them to the pool, in the place of random ones where it is full."""
        net, k = net.undrawn(), net.backend
        n = rng.integers(len(self.x), size=self.new)
        x, labels = images[k.asarray(n)], self.labels[n]
        h = x if layer == INPUT else net.forward(x, stop=layer).y
        distorted = minimal_distortion(
            _above(net, layer), h, self.targets, labels=labels, rng=rng, box=_box(net, layer), tolerance=0.05,
            polish=False, evaluations=200, progress=False,
        )  # fmt: skip
        fresh = Pool(*(k.asarray(a[distorted.success]) for a in (distorted.adversarial, labels)))
        if pool is None:
            return fresh
        N, added = len(pool.labels), len(fresh.labels)
        replaced = rng.permutation(N)[: added - min(self.size - N, added)]
        remaining = k.asarray(np.setdiff1d(np.arange(N), replaced))
        return Pool(*(k.xp.concatenate([old[remaining], new]) for old, new in zip(pool, fresh, strict=True)))


def _above(net: Network, layer: str) -> Network:
    """Return the layers after an output, as a network that takes the output."""
    names = net.names[net.names.index(layer) + 1 :]
    return replace(net, layers={name: net.layers[name] for name in names}, input_shape=net.shapes[layer])


def _box(net: Network, layer: str) -> tuple[float, float]:
    """Return the range of an output: [0, 1] for pixels, otherwise that of its layer."""
    if layer == INPUT:
        return 0.0, 1.0
    kind = type(net.layers[layer])
    if kind not in _BOXES:
        raise ValueError(
            f"examples of {layer!r} need a known range, and that of a {kind.__name__} is not known: pool 'input' and "
            f"outputs of {', '.join(known.__name__ for known in _BOXES)}"
        )
    return _BOXES[kind]


def _sum(a: Parameters, b: Parameters) -> Parameters:
    """Return the gradients a plus the gradients b of those layers that have both."""
    return {n: {p: g + b[n][p] if n in b else g for p, g in arrays.items()} for n, arrays in a.items()}
