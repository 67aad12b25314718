"""A small stand-in for QuocNet, for SZ-4: features learned without labels, and a classifier of cars on top of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

import nnpg
from experiments.data_sets import CIFAR10, noted
from experiments.experiment import Context
from experiments.models.cifar import CLASSES_FOR_TRIAL, TRIAL_SIZE
from nnpg import Dense, Network
from nnpg.analysis.directions import features
from nnpg.data import Dataset, faces, load, stratified_split
from nnpg.recipes.patch_features import as_convolution, random_patches, zca
from nnpg.training_methods.sparsity import Sparsity

CAR = 1  # CIFAR-10's automobile


@dataclass(frozen=True)
class Cars:
    """Patches and units; L-BFGS iterations of encoder and classifier; images of each kind; attacked cars; networks."""

    dataset: str = CIFAR10
    patches: int = 10000
    size: int = 8
    units: int = 100
    iterations: int = 150
    images: int = 5000
    attacked: int = 64
    nets: int = 2  # each of other patches, images and first weights
    seed: int = 0


def car_images(config: Cars, context: Context) -> tuple[Dataset, Dataset]:
    """Return training and test images, cars with label 1 and as many others with label 0."""
    seed = context.seed_or(config.seed)
    train, test = (_cars(data, config.images, seed) for data in _data(config, context, seed))
    return train, test


def _data(config: Cars, context: Context, seed: int) -> tuple[Dataset, Dataset]:
    if config.dataset == "faces":
        small = noted(faces(seed, identities=CLASSES_FOR_TRIAL, size=TRIAL_SIZE), "faces")
        return stratified_split(small, rng=seed).apply(replace(small, x=small.x.repeat(3, axis=1), conditions=None))
    train, test = (load(config.dataset, context.data_dir, split=split) for split in ("train", "test"))
    return noted(train, config.dataset, "train"), noted(test, config.dataset, "test")


def _cars(data: Dataset, N: int, seed: int) -> Dataset:
    """N cars and N random other images, labels 1 and 0."""
    draw = np.random.default_rng(seed)
    cars, others = (draw.permutation(np.flatnonzero(which)) for which in (data.labels == CAR, data.labels != CAR))
    n = min(N, len(cars), len(others))
    chosen = np.concatenate([cars[:n], others[:n]])
    return replace(
        data.subset(chosen), labels=(data.labels[chosen] == CAR).astype(np.int64), class_names=("other", "car"),
        masks=None, features=None,
    )  # fmt: skip


def car_net(config: Cars, context: Context, train: Dataset) -> Network:
    """Learn the encoder from unlabelled patches, make it a convolution, train softmax on the means of its maps."""
    C, seed = train.image_shape[0], context.seed_or(config.seed)
    patches = random_patches(train.x, config.patches, config.size, seed)
    whiten = zca(patches)
    white = whiten(patches).astype(np.float32)
    D = white.shape[1]
    coder = nnpg.build([nnpg.dense(config.units), nnpg.Sigmoid(), nnpg.dense(D)], input_shape=(D,), rng=seed)
    learnt = nnpg.train_lbfgs(
        coder, white, white, iterations=config.iterations, loss="squared_error", batch=2048,
        sparsity=Sparsity("sigmoid1", 0.035, 5.0), decay=nnpg.PlainDecay(3e-3), progress=context.progress,
    ).net  # fmt: skip
    encoder = learnt.layers["dense1"]
    assert isinstance(encoder, Dense)
    convolution = as_convolution(whiten.folded_into(encoder), C, stride=2)
    below = nnpg.build(
        [("encode", convolution), nnpg.Sigmoid(), nnpg.AvgPool(5, 4), nnpg.Flatten()],
        input_shape=train.image_shape, rng=seed, backend=context.backend,
    )  # fmt: skip
    phi = features(below, train.x, layer="flatten1")
    head = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=phi.shape[1:], rng=seed, backend=context.backend)
    head = nnpg.train_lbfgs(
        head, phi, train.labels, iterations=2 * config.iterations, decay=nnpg.DecayPerUnit(1e-4), batch=2048,
        progress=context.progress,
    ).net  # fmt: skip
    return replace(below, layers={**below.layers, **head.layers})
