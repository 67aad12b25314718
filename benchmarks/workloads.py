"""What is timed: the networks, the sizes, and the ratios that the project asks for, in one table.

Images are random, weights are Glorot's, biases small and random (a forgotten bias changes the result); everything is
float32 and comes from fixed seeds. Nothing that is timed depends on what the images show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal, NamedTuple

import numpy as np

import nnpg
from benchmarks.kinks import near_a_kink
from nnpg.data import DataError, load
from nnpg.layers import Layer
from nnpg.programs.plan import plan_of
from nnpg.recipes.networks import Step
from nnpg_kernels import Array

ACTIVATIONS: dict[str, type[Layer]] = {"tanh": nnpg.Tanh, "relu": nnpg.ReLU, "sigmoid": nnpg.Sigmoid}

Weights = tuple[tuple[Array, Array], ...]  # (W, b) of each layer, in order


class Block(NamedTuple):
    """Convolution, activation, maximum over windows; `pool` 1 is none, and they do not overlap unless `pool_stride`."""

    filters: int
    pool: int
    padding: int = 0
    size: int = 5
    stride: int = 1
    pool_stride: int | None = None


@dataclass(frozen=True)
class Architecture:
    """Blocks, then dense layers; softmax behind the last one."""

    input_shape: tuple[int, ...]
    blocks: tuple[Block, ...]
    activation: Literal["tanh", "relu", "sigmoid"]
    dense: tuple[int, ...]  # units; the last is K

    @property
    def K(self) -> int:
        """Number of classes."""
        return self.dense[-1]

    @property
    def steps_or_overlaps(self) -> bool:
        """Whether a filter steps over pixels, or pooling windows overlap or are left out."""
        return any(block.stride > 1 or block.pool_stride or block.pool == 1 for block in self.blocks)

    @property
    def units(self) -> int:
        """Number of rectifiers and pooling windows, roughly."""
        return sum(math.prod(block.z_shape) for block in plan_of(self.network()).blocks)

    def network(self) -> nnpg.Network:
        """Build the network on the reference backend."""
        act = ACTIVATIONS[self.activation]
        recipe: list[Step] = []
        for block in self.blocks:
            recipe += [nnpg.conv(block.filters, block.size, padding=block.padding, stride=block.stride), act()]
            recipe += [nnpg.MaxPool(block.pool, block.pool_stride)] if block.pool > 1 else []
        recipe += [nnpg.Flatten()] if self.blocks else []
        for units in self.dense[:-1]:
            recipe += [nnpg.dense(units), act()]
        recipe += [nnpg.dense(self.K), nnpg.Softmax()]
        rng = np.random.default_rng(0)
        net = nnpg.build(recipe, input_shape=self.input_shape, rng=rng, backend="numpy")
        biases = {
            name: {"b": rng.normal(0, 0.05, layer["b"].shape).astype("f4")} for name, layer in net.parameters.items()
        }
        return net.with_parameters(biases)


FACES = Architecture((1, 60, 60), (Block(5, 2), Block(8, 2), Block(10, 2)), "tanh", (20, 15))
DIGITS = Architecture((1, 28, 28), (Block(32, 3, padding=2), Block(64, 2, padding=2)), "relu", (200, 10))
COLOURS = Architecture((3, 32, 32), tuple(Block(f, 2, padding=2) for f in (32, 32, 64)), "relu", (10,))
ALEXNET = Architecture(  # the layers of Krizhevsky et al. 2012 in one column, with smaller dense layers
    (3, 227, 227),
    (
        Block(64, 3, 2, 11, stride=4, pool_stride=2),
        Block(192, 3, 2, 5, pool_stride=2),
        Block(384, 1, 1, 3),
        Block(256, 1, 1, 3),
        Block(256, 3, 1, 3, pool_stride=2),
    ),
    "relu",
    (1024, 100),
)
VGG = Architecture((3, 56, 56), (Block(64, 1, 1, 3), Block(64, 2, 1, 3), Block(128, 2, 1, 3)), "relu", (10,))
LENET = Architecture((1, 28, 28), (Block(20, 2), Block(50, 2)), "relu", (500, 10))
MANY_CLASSES = replace(COLOURS, dense=(1000,))
MLP = Architecture((784,), (), "sigmoid", (100, 100, 10))

HINTHORN = replace(DIGITS, blocks=(Block(32, 3), Block(64, 2)))  # his network for digits (2017, 2.2)
OF_LAYERS = {"layers": (2.0, 3.0), "torch": (1.0, 3.0)}

Kind = Literal["train", "selected", "pooled", "lbfgs", "jacobian", "sweep", "gradients", "predict", "saliency"]
Bars = Mapping[str, tuple[float, float]]  # framework -> the ratio that must be reached, and the goal


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    Parameters
    ----------
    kind : "train", "selected", "pooled", "lbfgs", "jacobian", "sweep", "gradients", "predict" or "saliency"
        One training step; a pair of steps of selective dropout, on half of the images and on the other half as their
        originals; a step with examples of adversarial pools; full-batch L-BFGS; dy_c/do of every block's output
        for all classes c; knock-out sweeps; the class gradients of a data set; the probabilities; or dy_c/dx of each
        image's class.
    N : int
        Images.
    bars : mapping
        framework -> (must, goal): their median time over ours.
    competitors : frameworks measured unless more are asked for
    classes : "true" or "all"
        Of "gradients".
    present : int, optional
        How many of the classes occur among the labels; "gradients" are then those of their rows alone.
    identities : int
        Sweeps of "sweep", each through all filters in an order of its own.
    batch : int
        Of the epoch that "gradients" is compared with.
    steps : int
        Of one call of `train`, at least; iterations of "lbfgs".
    digits : bool
        The images are MNIST's, or random ones from 0 to 1 where there is no MNIST: `data` says which.
    layer, keep : str, float
        Of "selected": whose units are selected, and the share that learns.
    wide : bool
        A net so wide that torch.compile may win, and that the faster of our program and our layers is chosen.
    """

    name: str
    kind: Kind
    net: Architecture
    N: int
    bars: Bars = field(default_factory=dict)
    competitors: tuple[str, ...] = ("torch",)
    lr: float = 1e-2  # shows a step above the rounding of the weights; the last step costs what the first did
    momentum: float = 0.0
    classes: Literal["true", "all"] = "all"
    present: int | None = None
    identities: int = 5
    batch: int = 32
    steps: int = 60
    layer: str = ""
    keep: float = 1.0
    wide: bool = False
    digits: bool = False

    def inputs(self) -> tuple[Array, Array]:
        """Return images (N, C, H, W) and labels (N,)."""
        if self.digits:
            x, labels, _ = _digits()
            return x[: self.N], labels[: self.N]
        return _inputs(self.net, self.N, self.present)

    @property
    def data(self) -> str:
        """Say what the images are."""
        return _digits()[2] if self.digits else "random images"

    def weights(self) -> Weights:
        """Return (W, b) of each layer, in order."""
        return tuple((layer["W"], layer["b"]) for layer in self.net.network().parameters.values())

    def orders(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Return, for each identity, all filters (block, filter) in the order in which they are knocked out."""
        rng = np.random.default_rng(2)
        filters = [(b, f) for b, block in enumerate(self.net.blocks) for f in range(block.filters)]
        return tuple(tuple(filters[i] for i in rng.permutation(len(filters))) for _ in range(self.identities))

    def at_most(self, images: int, identities: int = 5) -> Workload:
        """Return the same workload with fewer images, steps and sweeps."""
        return replace(self, N=min(self.N, images), identities=min(self.identities, identities), steps=4)


@cache
def _inputs(net: Architecture, N: int, present: int | None) -> tuple[Array, Array]:
    rng, network = np.random.default_rng(1), net.network()
    x = np.empty((N, *net.input_shape), "f4")
    again = np.ones(N, bool)
    while again.any():
        x[again] = rng.standard_normal((again.sum(), *net.input_shape))
        again[again] = near_a_kink(network, x[again])
    x.flags.writeable = False
    if present is None:
        return x, rng.integers(0, net.K, N)
    return x, rng.permutation(net.K)[:present][np.arange(N) % present]


@cache
def _digits() -> tuple[Array, Array, str]:
    """Return 60,000 images (N, 784) of digits and their labels, and what they are."""
    try:
        train = load("mnist")
    except DataError:
        rng = np.random.default_rng(1)
        x = rng.random((60_000, 784), np.float32)
        return x, rng.integers(0, 10, len(x)), "random images from 0 to 1 in the shape of MNIST, which is not here"
    return train.x.reshape(len(train), -1), train.labels, "MNIST, training images"


def _wide(name: str, net: Architecture, N: int, goal: float) -> tuple[Workload, ...]:
    """Return prediction, dy/dx and a training step of one of the wide nets; to be as fast is a must."""
    kinds: dict[str, Kind] = {"predict": "predict", "saliency": "saliency", "step": "train"}
    bars = {"torch": (1.0, goal)}
    return tuple(Workload(f"W7-{name}-{what}", kind, net, N, bars, steps=8, wide=True) for what, kind in kinds.items())


WORKLOADS: tuple[Workload, ...] = (
    Workload("W1-b1", "train", FACES, 1, {"torch": (10, 15)}, ("torch", "jax"), steps=2560),
    Workload("W1-b32", "train", FACES, 32, {"torch": (4, 8)}),
    Workload("W1-b124", "train", FACES, 124, {"torch": (4, 8)}),
    Workload("W2", "train", DIGITS, 100, {"torch": (1.2, 2)}, momentum=0.9),
    Workload("W3", "train", COLOURS, 128, {"torch": (1.0, 2)}, momentum=0.9),
    Workload("W4", "train", MLP, 100, {"torch": (1.5, 2.5), "jax": (1.0, 1.5)}, ("torch", "jax"), steps=400),
    Workload("W5-W1", "jacobian", FACES, 165, {"torch": (4, 6)}),
    Workload("W5-W3", "jacobian", COLOURS, 256, {"torch": (1.3, 3)}),
    Workload("W6", "sweep", FACES, 165, {"torch": (5, 8)}),
    *_wide("vgg", VGG, 4, 1.1),
    *_wide("alexnet", ALEXNET, 4, 1.5),
    *_wide("lenet", LENET, 64, 2),
    Workload("W9", "lbfgs", MLP, 60_000, {"torch": (1.0, 3.0)}, steps=10, digits=True),
    Workload("W10-dropout", "selected", HINTHORN, 2, OF_LAYERS, ("layers", "torch"), layer="conv2", keep=0.2),
    Workload("W10-group", "selected", HINTHORN, 40, {"layers": (2, 3)}, ("layers",), layer="dense1", keep=0.2),
    Workload("W10-pool", "pooled", MLP, 100, {"layers": (2, 3)}, ("layers",), momentum=0.9, steps=200),
    Workload("A-predict", "predict", ALEXNET, 32),
    Workload("A-saliency", "saliency", ALEXNET, 32),
    Workload("A-step", "train", ALEXNET, 32, steps=4),
    Workload("gradients-true", "gradients", FACES, 165, {"nnpg": (1.0, 2.0)}, ("nnpg",), classes="true"),
    Workload("gradients-all", "gradients", FACES, 165, {}, ("nnpg",), classes="all"),
    Workload("gradients-K1000", "gradients", MANY_CLASSES, 64, classes="true", present=4),
)


def choose(only: str | None) -> tuple[Workload, ...]:
    """Return the named workloads, or all if none is named; "W1" stands for W1-b1, W1-b32 and W1-b124.

    "W7-vgg" stands for the three that begin with it.

    Raises
    ------
    ValueError
        For a name that no workload has.

    Examples
    --------
    >>> [w.name for w in choose("W1-b1,W5")]
    ['W1-b1', 'W5-W1', 'W5-W3']
    """
    if only is None:
        return WORKLOADS
    names = [name.strip().lower() for name in only.split(",")]
    for name in names:
        if not any(named(w.name, name) for w in WORKLOADS):
            known = ", ".join(w.name for w in WORKLOADS)
            raise ValueError(f"no workload {name!r}: choose of {known}, or the start of a name before a dash")
    return tuple(w for w in WORKLOADS if any(named(w.name, name) for name in names))


def named(full_name: str, name: str) -> bool:
    """Say whether a name is this one, or its start before a dash.

    Examples
    --------
    >>> named("W1-b32", "w1"), named("W1-b32", "w1-b3"), named("W7-vgg-step", "w7-vgg")
    (True, False, True)
    """
    return f"{full_name.lower()}-".startswith(f"{name}-")
