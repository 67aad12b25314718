"""Nets A and M of Lo & Ding (2015, VII.A and X.B) on CIFAR-10, for LD-7 to LD-14. Trained once, kept, and resumed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from experiments.data_sets import CIFAR10, noted
from experiments.experiment import Context
from experiments.models.kept import KeptTraining
from nnpg import SGD, Center, Flatten, MaxPool, Network, Softmax, Tanh, Training, build, dense
from nnpg.data import Dataset, faces, load, stratified_split
from nnpg.recipes.models import cifar_net

BATCH = 128
CLASSES_FOR_TRIAL, TRIAL_SIZE = 4, 24  # of the built-in faces, which stand in for CIFAR-10 at the smallest scale


@dataclass(frozen=True)
class Config:
    """Data set, training, and the number of masked images. The experiments of the group share it, and their nets."""

    dataset: str = CIFAR10
    iterations: int = 2100  # of training, each of 128 images
    images: int = 300  # training images that are masked
    queries: int = 200  # test images that are masked
    steps: int = 18  # step sizes from 0 to the paper's 12750
    learning: int = 1000  # training images that class-general masks are learned from
    epochs: int = 2  # of that
    trial: int = 40  # images for comparisons with other attacks and other readings of eta
    seed: int = 0


SCALES = {
    "smoke": Config("faces", iterations=3, images=6, queries=5, steps=4, learning=12, epochs=1, trial=3),
    "quick": Config(),
    "paper": Config(iterations=10_000, images=50_000, queries=10_000, steps=52, learning=45_000, trial=1000),
}


@dataclass(frozen=True, eq=False)
class Images:
    """The training file and the test file; `fit` and `held_out` are rows of the first: the nets learn from `fit`."""

    train: Dataset
    test: Dataset
    fit: NDArray[np.int64]
    held_out: NDArray[np.int64]


def load_images(config: Config, context: Context) -> Images:
    """Return CIFAR-10, a tenth of the training file held out for validation; or small built-in faces."""
    if config.dataset == "faces":
        known, test = _trial_images()
    else:
        known, test = (load(config.dataset, context.data_dir, split=split) for split in ("train", "test"))
    known, test = noted(known, config.dataset, "train"), noted(test, config.dataset, "test")
    order = np.random.default_rng(0).permutation(len(known))  # the split does not depend on the seed
    held_out = len(known) // 10
    return Images(known, test, np.sort(order[held_out:]), np.sort(order[:held_out]))


@cache
def _trial_images() -> tuple[Dataset, Dataset]:
    """Always the same, so drawn once per process."""
    every = replace(faces(identities=CLASSES_FOR_TRIAL, size=TRIAL_SIZE), conditions=None)
    return stratified_split(every, rng=0).apply(every)


def spread_indices(data: Dataset, n: int) -> NDArray[np.intp]:
    """Return the indices of n images, evenly spread over the data; all of them if there are no more."""
    return np.unique(np.linspace(0, len(data) - 1, min(n, len(data))).astype(np.intp))


def net_a(config: Config, context: Context, images: Images, pool: str = "3/2") -> Training:
    """Net A, the "pseudo-AlexNet": pooling 3 x 3 with stride 2, or "2/2"."""
    seen = images.train.x[images.fit]
    net = cifar_net(seen, images.train.K, rng=context.seed_or(config.seed), backend=context.backend)
    if pool == "2/2":
        for name in ("pool1", "pool2", "pool3"):
            net = net.replace(name, MaxPool(2))  # maps keep their size, so the weights fit
    return _trained(f"net A, pool {pool}", net, SGD(lr=0.01, momentum=0.9), config, context, images)


def net_m(config: Config, context: Context, images: Images) -> Training:
    """Net M: one hidden layer of 500 tanh units."""
    seen = images.train.x[images.fit]
    mean = seen.mean(axis=(0, 2, 3))[:, None, None]
    net = build(
        [Center(mean), Flatten(), dense(500), Tanh(), dense(images.train.K), Softmax()],
        input_shape=images.train.image_shape,
        rng=context.seed_or(config.seed),
        backend=context.backend,
    )
    return _trained("net M", net, SGD(lr=0.1), config, context, images)


def _trained(name: str, net: Network, optimiser: SGD, config: Config, context: Context, images: Images) -> Training:
    epochs = max(1, round(config.iterations / math.ceil(len(images.fit) / BATCH)))
    seen, held_out = images.train.subset(images.fit), images.train.subset(images.held_out)
    seed = context.seed_or(config.seed)
    training = KeptTraining(name, net, seen, epochs, BATCH, optimiser, seed, validation=held_out)
    return training.run(context, context.progress)
