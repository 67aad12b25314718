"""Szegedy's models for MNIST, and how each is trained by full-batch L-BFGS.

The paper leaves open whether its decay, lambda sum w^2 / k, is added to the mean or to the sum of the losses, and
whether it is divided by k. SZ-T1 tests all four readings. The errors of the softmax layers are nearest the paper's with
the mean and without k; this reading is used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import nnpg
from nnpg import Network
from nnpg.analysis.directions import features
from nnpg.recipes.networks import Step
from nnpg.training_methods.sparsity import Sparsity
from nnpg_kernels import Array

CODER = 1e-3  # decay of the autoencoder
SPARSITY = Sparsity("sigmoid1")  # of the autoencoder
TOLERANCE = 1e-5
BATCH = 1024  # images at a time, whose outputs stay in the cache
READINGS = ("mean", "mean, / k", "sum", "sum, / k")  # of the losses that lambda sum w^2 is added to; / k or not


@dataclass(frozen=True)
class Model:
    """Units of each sigmoid layer, lambda of each layer, and the part of the training images it is trained on.

    An autoencoder's one hidden layer is learned without labels and then fixed. `start` is added to the seed of the
    initial weights, so that two networks may differ in nothing else.
    """

    hidden: tuple[int, ...]
    decay: tuple[float, ...]
    part: str = "all"
    autoencoder: bool = False
    start: int = 0


WEAK = (1e-5, 1e-5, 1e-6)
MODELS = {
    "softmax1": Model((), (1e-4,)),
    "softmax2": Model((), (1e-2,)),
    "softmax3": Model((), (1.0,)),
    "N100-100-10": Model((100, 100), WEAK),
    "N200-200-10": Model((200, 200), WEAK),
    "AE400-10": Model((400,), (0.0, 1e-6), autoencoder=True),
    "M1": Model((100, 100), WEAK, "P1"),
    "M1'": Model((123, 456), WEAK, "P1"),
    "M2": Model((100, 100), WEAK, "P2"),
    "M1, other weights": Model((100, 100), WEAK, "P1", start=1000),
}
SIX, THREE = tuple(MODELS)[:6], tuple(MODELS)[6:9]
CODED = "AE400-10"


@dataclass(frozen=True)
class Training:
    """Data set, most L-BFGS iterations, those of the autoencoder and its images, first seed, and how many of them.

    A seed gives initial weights, the division into halves, and the images that are distorted, with their targets.
    """

    dataset: str = "mnist"
    iterations: int = 300
    coding: int = 150
    unlabelled: int = 10000
    seed: int = 0
    nets: int = 2


# Of the experiments at the scale of the paper. It names neither a number of iterations nor settings of the autoencoder.
FULL: dict[str, Any] = {"iterations": 500, "coding": 300, "unlabelled": 10000, "nets": 5}
SMOKE: dict[str, Any] = {"dataset": "faces", "iterations": 4, "coding": 3, "unlabelled": 40}


def facts(model: Model, config: Training) -> dict[str, object]:
    """Return what the bits of a trained model depend on, beside the images, the seed and the backend."""
    settings: dict[str, object] = {"model": model, "dtype": _dtype(model), "tolerance": TOLERANCE, "batch": BATCH}
    settings["iterations"] = config.iterations
    if model.autoencoder:
        settings |= {"coding": config.coding, "unlabelled": config.unlabelled, "decay": CODER, "sparsity": SPARSITY}
    return settings


def with_images(name: str, config: Training) -> str:
    """Return a row's name that says, where it is about the autoencoder, how many images its features are learned from.

    Examples
    --------
    >>> with_images("AE400-10: test error", Training())
    'AE400-10, features of 10,000 images: test error'
    """
    return name.replace(CODED, f"{CODED}, features of {config.unlabelled:,} images")


def _dtype(model: Model) -> str:
    """The minimum of a strong decay is too flat to be found in float32."""
    return "float32" if model.hidden else "float64"


def fully_trained(
    model: Model, x: Array, t: Array, K: int, config: Training, seed: int, backend: str, reading: str = "mean"
) -> nnpg.LBFGSTraining:
    """Train a model on all labelled images, with one of the four readings of its decay."""
    recipe: list[Step] = [step for units in model.hidden for step in (nnpg.dense(units), nnpg.Sigmoid())]
    recipe += [nnpg.dense(K), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=x.shape[1:], rng=seed + model.start, dtype=_dtype(model), backend=backend)
    decay = decay_of(net, model.decay, len(x), reading)
    x = x.astype(net.dtype, copy=False)  # once, not in each pass
    done = nnpg.train_lbfgs(
        net, x, t, iterations=config.iterations, decay=decay, tolerance=TOLERANCE, batch=BATCH, progress=False
    )
    return replace(done, net=done.net.astype("float32"))


def decay_of(net: Network, strengths: Sequence[float], N: int, reading: str = "mean") -> nnpg.DecayPerUnit:
    """Return the paper's decay in one of the four readings, as the penalty added to the mean loss of N images."""
    share = 1 / N if reading.startswith("sum") else 1.0
    layers = zip(net.parameters.items(), strengths, strict=True)
    units = {name: (1 if reading.endswith("/ k") else len(arrays["W"])) for name, arrays in net.parameters.items()}
    return nnpg.DecayPerUnit({name: share * units[name] * strength for (name, _), strength in layers})


def autoencoder(
    model: Model, x: Array, t: Array, K: int, config: Training, seed: int, backend: str
) -> nnpg.LBFGSTraining:
    """Learn a sparse sigmoid layer without labels, then softmax on top.

    The paper gives no settings. Ours: KL to a rate of 0.05 with weight 3, and a decay of 1e-3 sum w^2.
    """
    unlabelled = x[np.random.default_rng(seed).permutation(len(x))[: config.unlabelled]]
    recipe: list[Step] = [nnpg.dense(model.hidden[0]), nnpg.Sigmoid(), nnpg.dense(x.shape[1]), nnpg.Sigmoid()]
    coder = nnpg.build(recipe, input_shape=x.shape[1:], rng=seed, backend=backend)
    learnt = nnpg.train_lbfgs(
        coder, unlabelled, unlabelled, iterations=config.coding, loss="squared_error", sparsity=SPARSITY,
        decay=decay_of(coder, (CODER, CODER), len(unlabelled)), tolerance=TOLERANCE, batch=BATCH, progress=False,
    ).net  # fmt: skip
    head = Model((), model.decay[1:])
    done = fully_trained(head, features(learnt, x, layer="sigmoid1", batch=BATCH), t, K, config, seed, backend)
    layers = {"dense1": learnt.layers["dense1"], "sigmoid1": learnt.layers["sigmoid1"]}
    layers |= {"dense2": done.net.layers["dense1"], "softmax1": done.net.layers["softmax1"]}
    return replace(done, net=replace(learnt, layers=layers))
