"""Nets A and M of Lo & Ding (2015, VII.A and X.B) on CIFAR-10, and the masks of LD-11: for LD-7 to LD-14.

Each network is trained once, each sweep is run once; both are kept in the folder of models, and resumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from experiments.experiment import Context
from experiments.models.kept import KeptTraining, kept_file
from nnpg import SGD, Center, Flatten, MaxPool, Network, Softmax, Tanh, Training, build, dense
from nnpg.attacks import Sweep, linear, mask_sweep
from nnpg.data import Dataset, faces, load, stratified_split
from nnpg.recipes.models import cifar_net
from nnpg.seeds import Of

BATCH = 128
CLASSES_FOR_TRIAL, TRIAL_SIZE = 4, 24  # of the built-in faces, which stand in for CIFAR-10 at the smallest scale
LONGEST = 12750.0  # the paper's largest eta, 50 x 255
PER_GREY = 255.0  # eta W in grey levels of 0 .. 255, W = dy/dx with x in 0 .. 1: eta / 255 in units of 0 .. 1
PER_GREY_SQUARED = 255.0**2  # the same with W = dy/dx with x in 0 .. 255


@dataclass(frozen=True)
class Config:
    """Data set, training, and the number of masked images. The experiments of the group share it, and their nets."""

    dataset: str = "cifar10"
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


def etas(config: Config, per: float = PER_GREY) -> NDArray[np.float64]:
    """Return the step sizes, 0 to the paper's 12750, in the units of pixels in 0 .. 1."""
    return np.linspace(0, LONGEST, config.steps) / per


def training_sweep(
    config: Config, context: Context, images: Images, *, victim: str = "A", of: Of = "prob", clip: bool = False
) -> Sweep:
    """LD-11's sweep: net A's masks for training images, all targets, tested on net A or on net M (LD-14)."""
    a = net_a(config, context, images).net
    net = a if victim == "A" else net_m(config, context, images).net
    rows = spread_indices(images.train, config.images)
    data, steps = images.train.subset(rows), etas(config)
    facts = {"victim": net, "masks of": a, "of": of, "clip": clip, "data": data, "etas": steps}
    return mask_sweep(
        net, data.x, data.labels, "all", steps, masks=linear(a, of=of), clip=clip,
        checkpoint=kept_file(context, f"masks of net A on net {victim}", facts), resume=True, progress=context.progress,
    )  # fmt: skip


def best_etas(sweep: Sweep, K: int) -> NDArray[np.float64]:
    """Return each target's best step size (K,)."""
    return sweep.etas[[sweep.best(target) for target in range(K)]]


def in_colour(masks: NDArray[np.float32], largest: float | None = None) -> NDArray[np.float32]:
    """Return masks (N, C, H, W) as pictures, grey where nothing changes: a change of `largest` is black or white.

    0.5 is the true contrast. Unless `largest` is given, it is the largest change of each mask, so each fills the scale.
    """
    size = abs(masks).max(axis=(1, 2, 3), keepdims=True) if largest is None else np.float32(largest)
    return np.clip(0.5 + 0.5 * masks / np.maximum(size, np.finfo(np.float32).tiny), 0, 1)
