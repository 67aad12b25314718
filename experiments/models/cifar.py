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
RATE_A = SGD(lr=0.01, momentum=0.9)
CLASSES_FOR_TRIAL, TRIAL_SIZE = 4, 24  # of the built-in faces, which stand in for CIFAR-10 at the smallest scale


@dataclass(frozen=True)
class Config:
    """Data set, training, and the number of masked images. The experiments of the group share it, and their nets."""

    dataset: str = CIFAR10
    nets: int = 2  # of each kind, from `seed` on
    iterations: int = 2100  # of training, each of 128 images
    images: int = 300  # training images that are masked
    queries: int = 200  # test images that are masked
    trial: int = 40  # training images for comparisons with other attacks
    seed: int = 0


SCALES = {
    "smoke": Config("faces", iterations=3, images=12, queries=8, trial=3),
    "quick": Config(),
    "paper": Config(nets=5, iterations=10_000, images=5000, queries=2000, trial=400),
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


def halved(images: Images) -> Images:
    """Return the same images with half as many pixels on each side, the means of 2 x 2."""
    return replace(images, train=_halved(images.train), test=_halved(images.test))


def _halved(data: Dataset) -> Dataset:
    N, C, H, W = data.x.shape
    return replace(data, x=data.x.reshape(N, C, H // 2, 2, W // 2, 2).mean(axis=(3, 5)), masks=None)


@cache
def _trial_images() -> tuple[Dataset, Dataset]:
    """Always the same, so drawn once per process."""
    every = replace(faces(identities=CLASSES_FOR_TRIAL, size=TRIAL_SIZE), conditions=None)
    return stratified_split(every, rng=0).apply(every)


def spread_indices(data: Dataset, n: int) -> NDArray[np.intp]:
    """Return the indices of n images, evenly spread over the data; all of them if there are no more."""
    return np.unique(np.linspace(0, len(data) - 1, min(n, len(data))).astype(np.intp))


def nets_a(config: Config, context: Context, images: Images, pool: str = "3/2") -> list[Training]:
    """Nets A, the "pseudo-AlexNet", one for each seed: pooling 3 x 3 with stride 2, or "2/2"."""
    return [net_a(config, context, images, pool, seed) for seed in seeds(config, context)]


def nets_m(config: Config, context: Context, images: Images) -> list[Training]:
    """Nets M, one for each seed: one hidden layer of 500 tanh units."""
    return [_net_m(config, context, images, seed) for seed in seeds(config, context)]


def seeds(config: Config, context: Context) -> range:
    """Return the seeds of the nets."""
    first = context.seed_or(config.seed)
    return range(first, first + config.nets)


def net_a(config: Config, context: Context, images: Images, pool: str = "3/2", seed: int | None = None) -> Training:
    """Net A of one seed: the config's unless one is given."""
    seed = context.seed_or(config.seed) if seed is None else seed
    net = cifar_net(images.train.x[images.fit], images.train.K, rng=seed, backend=context.backend)
    if pool == "2/2":
        for name in ("pool1", "pool2", "pool3"):
            net = net.replace(name, MaxPool(2))  # maps keep their size, so the weights fit
    return trained(f"net A, pool {pool}", net, RATE_A, seed, config.iterations, context, images)


def _net_m(config: Config, context: Context, images: Images, seed: int) -> Training:
    mean = images.train.x[images.fit].mean(axis=(0, 2, 3))[:, None, None]
    net = build(
        [Center(mean), Flatten(), dense(500), Tanh(), dense(images.train.K), Softmax()],
        input_shape=images.train.image_shape,
        rng=seed,
        backend=context.backend,
    )
    return trained("net M", net, SGD(lr=0.1), seed, config.iterations, context, images)


def trained(
    name: str, net: Network, optimiser: SGD, seed: int, iterations: int, context: Context, images: Images
) -> Training:
    """Train for whole epochs that come nearest to so many iterations; or read what was kept."""
    epochs = max(1, round(iterations / epoch_steps(images)))
    seen, held_out = images.train.subset(images.fit), images.train.subset(images.held_out)
    training = KeptTraining(name, net, seen, epochs, BATCH, optimiser, seed, validation=held_out)
    return training.run(context, context.progress)


def epoch_steps(images: Images) -> int:
    """Return the iterations of one epoch."""
    return math.ceil(len(images.fit) / BATCH)
