"""Szegedy's MNIST networks, trained by full-batch L-BFGS, for the SZ experiments. Trained once, kept, reused.

The paper leaves open whether its decay, lambda sum w^2 / k, is added to the mean or to the sum of the losses, and
whether it is divided by k. SZ-T1 tests all four readings. The errors of the softmax layers are nearest the paper's with
the mean and without k; this reading is used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import nnpg
from experiments.experiment import Context
from experiments.jobs import run_jobs
from experiments.models.kept import kept_file
from nnpg import Network
from nnpg.analysis.directions import features
from nnpg.attacks import Distorted, minimal_distortion
from nnpg.attacks.targets import Targets
from nnpg.data import Dataset, faces, load, stratified_split
from nnpg.files import describe
from nnpg.recipes.networks import Step
from nnpg.training_methods.sparsity import Sparsity
from nnpg_kernels import Array

CODER = 1e-3  # decay of the autoencoder
BATCH = 4096  # images at a time, to limit memory
READINGS = ("mean", "mean, / k", "sum", "sum, / k")  # of the losses that lambda sum w^2 is added to; / k or not


@dataclass(frozen=True)
class Model:
    """Units of each sigmoid layer, lambda of each layer, and the part of the training images it is trained on.

    An autoencoder's one hidden layer is learned without labels and then fixed.
    """

    hidden: tuple[int, ...]
    decay: tuple[float, ...]
    part: str = "all"
    autoencoder: bool = False


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
}
SIX, THREE = tuple(MODELS)[:6], tuple(MODELS)[6:]


@dataclass(frozen=True)
class Training:
    """Data set, most L-BFGS iterations, those of the autoencoder and its images, and the seed of the weights."""

    dataset: str = "mnist"
    iterations: int = 300
    coding: int = 150
    unlabelled: int = 10000
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """A trained network, the indices of its training images, and the end of its training."""

    name: str
    net: Network
    seen: Array  # indices
    provenance: dict[str, Any]
    file: Path  # where the network is kept


def digits(dataset: str, data_dir: str | None) -> tuple[Dataset, Dataset]:
    """Return training and test images: MNIST, or for the smoke scale a few built-in faces ("faces") of its size."""
    if dataset == "mnist":
        return load("mnist", data_dir), load("mnist", data_dir, split="test")
    few = faces(identities=4, size=28)
    return stratified_split(few).apply(few)


def as_rows(data: Dataset) -> Array:
    """Return the images as rows of pixels (N, m)."""
    return data.x.reshape(len(data), -1)


def random_images(data: Dataset, N: int, seed: int) -> tuple[Array, Array]:
    """Return N random images as rows, and their labels; all of them, in order, for N = 0."""
    indices = np.random.default_rng(seed).permutation(len(data))[:N] if N else np.arange(len(data))
    return as_rows(data)[indices], data.labels[indices]


def part_of(N: int, part: str) -> Array:
    """Return the indices of "all" of N images, or of one of two random halves "P1" and "P2" (4.2)."""
    order = np.random.default_rng(0).permutation(N)
    return np.sort({"all": order, "P1": order[: N // 2], "P2": order[N // 2 :]}[part])


def mnist_nets(names: Sequence[str], config: Training, context: Context) -> list[Trained]:
    """Train the named models, several at a time; models that `context.models` holds are loaded."""
    seed = context.seed_or(config.seed)
    train, _ = digits(config.dataset, context.data_dir)
    files = [_file(name, config, seed, train, context) for name in names]
    jobs = [(name, config, seed, f, context.data_dir, context.backend) for name, f in zip(names, files, strict=True)]
    missing = sorted((job for job in jobs if not job[3].exists()), key=lambda job: -sum(MODELS[job[0]].hidden))
    run_jobs(_train, missing, "training by L-BFGS", in_processes=config.dataset == "mnist", progress=context.progress)
    return [
        Trained(
            name,
            nnpg.load_network(file, context.backend),
            part_of(len(train), MODELS[name].part),
            describe(file)["provenance"],
            file,
        )
        for name, file in zip(names, files, strict=True)
    ]


def _file(name: str, config: Training, seed: int, train: Dataset, context: Context) -> Path:
    facts = {"name": name, "model": MODELS[name], "data": train, "iterations": config.iterations, "seed": seed}
    if MODELS[name].autoencoder:
        facts |= {"coding": config.coding, "unlabelled": config.unlabelled}
    return kept_file(context, "L-BFGS", facts)


def _train(job: tuple[str, Training, int, Path, str | None, str]) -> None:
    name, config, seed, file, data_dir, backend = job
    train, _ = digits(config.dataset, data_dir)
    seen = part_of(len(train), MODELS[name].part)
    x, t = as_rows(train)[seen], train.labels[seen]
    train_model = _autoencoder if MODELS[name].autoencoder else fully_trained
    done = train_model(MODELS[name], x, t, train.K, config, seed, backend)
    provenance = {
        "loss": done.losses[-1], "iterations": len(done.losses) - 1, "evaluations": done.evaluations,
        "converged": done.converged, "message": done.message,
    }  # fmt: skip
    nnpg.save(done.net, file, provenance)


def fully_trained(
    model: Model, x: Array, t: Array, K: int, config: Training, seed: int, backend: str, reading: str = "mean"
) -> nnpg.LBFGSTraining:
    """Train a model on all labelled images, with one of the four readings of its decay."""
    recipe: list[Step] = [step for units in model.hidden for step in (nnpg.dense(units), nnpg.Sigmoid())]
    recipe += [nnpg.dense(K), nnpg.Softmax()]
    dtype = "float32" if model.hidden else "float64"  # a strong decay's minimum is too flat to be found in float32
    net = nnpg.build(recipe, input_shape=x.shape[1:], rng=seed, dtype=dtype, backend=backend)
    decay = decay_of(net, model.decay, len(x), reading)
    done = nnpg.train_lbfgs(
        net, x, t, iterations=config.iterations, decay=decay, tolerance=1e-5, batch=BATCH, progress=False
    )
    return replace(done, net=done.net.astype("float32"))


def decay_of(net: Network, strengths: Sequence[float], N: int, reading: str = "mean") -> nnpg.DecayPerUnit:
    """Return the paper's decay in one of the four readings, as the penalty added to the mean loss of N images."""
    share = 1 / N if reading.startswith("sum") else 1.0
    layers = zip(net.parameters.items(), strengths, strict=True)
    units = {name: (1 if reading.endswith("/ k") else len(arrays["W"])) for name, arrays in net.parameters.items()}
    return nnpg.DecayPerUnit({name: share * units[name] * strength for (name, _), strength in layers})


def _autoencoder(
    model: Model, x: Array, t: Array, K: int, config: Training, seed: int, backend: str
) -> nnpg.LBFGSTraining:
    """Learn a sparse sigmoid layer without labels, then softmax on top.

    The paper gives no settings. Ours: KL to a rate of 0.05 with weight 3, and a decay of 1e-3 sum w^2.
    """
    unlabelled = x[np.random.default_rng(seed).permutation(len(x))[: config.unlabelled]]
    recipe: list[Step] = [nnpg.dense(model.hidden[0]), nnpg.Sigmoid(), nnpg.dense(x.shape[1]), nnpg.Sigmoid()]
    coder = nnpg.build(recipe, input_shape=x.shape[1:], rng=seed, backend=backend)
    learnt = nnpg.train_lbfgs(
        coder, unlabelled, unlabelled, iterations=config.coding, loss="squared_error", sparsity=Sparsity("sigmoid1"),
        decay=decay_of(coder, (CODER, CODER), len(unlabelled)), tolerance=1e-5, batch=BATCH, progress=False,
    ).net  # fmt: skip
    head = Model((), model.decay[1:])
    done = fully_trained(head, features(learnt, x, "sigmoid1", batch=BATCH), t, K, config, seed, backend)
    layers = {"dense1": learnt.layers["dense1"], "sigmoid1": learnt.layers["sigmoid1"]}
    layers |= {"dense2": done.net.layers["dense1"], "softmax1": done.net.layers["softmax1"]}
    return replace(done, net=replace(learnt, layers=layers))


def distorted(
    trained: Trained,
    x: Array,
    labels: Array,
    config: Training,
    context: Context,
    targets: Targets = "random",
    polish: bool = True,
) -> Distorted:
    """Return the images (N, m), with the least distortions found for their targets; kept like the networks."""
    seed = context.seed_or(config.seed)
    facts = {"network": trained.file.stem, "x": x, "labels": labels, "targets": targets, "polish": polish, "seed": seed}
    file = kept_file(context, f"distorted for {trained.name}", facts)
    return minimal_distortion(
        trained.net, x, targets, labels=labels, rng=seed, polish=polish, checkpoint=file, resume=True,
        progress=context.progress,
    )  # fmt: skip
