"""Hinthorn's network for digits and its adversarial pairs, for HI-0 to HI-10. Made once, kept, reused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from experiments.experiment import Context
from experiments.jobs import run_jobs
from experiments.models.kept import KeptTraining, kept_file
from nnpg import SGD, Network, PlainDecay, Training, load_network, predict, save
from nnpg.analysis.groups import By, Groups, perturbation_groups
from nnpg.attacks import minimal_distortion
from nnpg.data import Dataset, faces, load, stratified_split
from nnpg.recipes.models import digit_net
from nnpg_kernels import Array

PAPER_PAIRS = 208
CONV, DENSE = "conv2", "dense1"  # the layers of the paper's tables
MAPS, NEURONS = "pool2", "relu3"  # where their units are read
CHUNK = 256  # images attacked at a time: an interruption loses at most the work on these


@dataclass(frozen=True)
class Base:
    """The training of the network, and the number of pairs.

    The paper: lr 1e-4, lr decay 5e-7, momentum 0.9, weight decay 1e-3, 100 epochs; it does not give the batch.
    """

    dataset: str = "mnist"
    epochs: int = 4
    lr: float = 0.05
    lr_decay: float = 1e-3
    batch: int = 100
    pairs: int = 2208  # the paper's 208, and 2,000 to judge the trained networks
    seed: int = 0

    @property
    def in_processes(self) -> bool:
        """Whether the work is worth the start of processes."""
        return self.dataset == "mnist"


SMOKE = Base("faces", epochs=3, lr=0.02, batch=4, pairs=20)
PAPER = Base(epochs=100, lr=1e-4, lr_decay=5e-7, batch=10)


@dataclass(frozen=True, eq=False)
class BaseNet:
    """The trained network, and the images that it was trained and tested on."""

    training: Training
    train: Dataset
    test: Dataset
    file: Path  # of the network alone: other processes load it from there

    @property
    def net(self) -> Network:
        """The network."""
        return self.training.net


@dataclass(frozen=True, eq=False)
class Pairs:
    """Correctly classified training images, and images classified as their target."""

    originals: Array  # (N, C, H, W)
    adversarial: Array
    labels: Array  # (N,)
    targets: Array
    distortion: Array  # RMS over the pixels
    attacked: int  # number of images tried

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Array | slice) -> Pairs:
        arrays = (self.originals, self.adversarial, self.labels, self.targets, self.distortion)
        x, adversarial, labels, targets, distortion = (a[rows] for a in arrays)
        return Pairs(x, adversarial, labels, targets, distortion, self.attacked)

    def groups(self, by: By) -> Groups:
        """Perturbation groups of these pairs."""
        return perturbation_groups(self.labels, self.targets, by)

    def beyond(self, factor: float) -> Pairs:
        """Return the pairs with the change `factor` times as large, clipped to the box, and with the new distortions.

        The least distortion ends on the decision boundary, where any change of the weights may make the attack fail.
        """
        changed = np.clip(self.originals + factor * (self.adversarial - self.originals), 0, 1, dtype=np.float32)
        rms = ((changed - self.originals) ** 2).mean(axis=(1, 2, 3)) ** 0.5
        return replace(self, adversarial=changed, distortion=rms)


def base_net(config: Base, context: Context) -> BaseNet:
    """Train the network, resume its training, or load it."""
    seen, unseen = _images(config, context)
    seed = context.seed_or(config.seed)
    net = digit_net(seen.x, seen.K, seed, backend=context.backend)
    optimiser = SGD(config.lr, momentum=0.9, decay=PlainDecay(1e-3), lr_decay=config.lr_decay)
    kept = KeptTraining("net H, training", net, seen, config.epochs, config.batch, optimiser, seed, validation=unseen)
    training = kept.run(context, context.progress)
    file = kept_file(context, "net H", kept.facts)
    if not file.exists():
        save(training.net, file)
    return BaseNet(training, seen, unseen, file)


def _images(config: Base, context: Context) -> tuple[Dataset, Dataset]:
    """Training and test images: MNIST, or for the smoke scale three built-in faces at its size."""
    if config.dataset == "mnist":
        return load("mnist", context.data_dir), load("mnist", context.data_dir, split="test")
    three = faces(identities=3, size=28)
    return stratified_split(three).apply(three)


def adversarial_pairs(base: BaseNet, config: Base, context: Context) -> Pairs:
    """Attack correctly classified training images, each for a random other class, until the wanted pairs are found.

    The attack is the least distortion of Szegedy et al. (2013, 4.1), by batched L-BFGS-B. On several cores, several
    chunks are attacked at once.
    """
    data, rng = base.train, np.random.default_rng([context.seed_or(config.seed), 1])
    order = rng.permutation(len(data))
    tried = order[: config.pairs + config.pairs // 10 + 20]
    right = predict(base.net, data.x[tried]).argmax(axis=1) == data.labels[tried]
    chosen = tried[right][: config.pairs]
    labels = data.labels[chosen]
    targets = (labels + rng.integers(1, data.K, len(chosen))) % data.K
    jobs: list[tuple[Path, str, Array, Array, Path]] = []
    for n in range(0, len(chosen), CHUNK):
        part, wanted = data.x[chosen[n : n + CHUNK]], targets[n : n + CHUNK]
        file = kept_file(context, "pairs", {"network": base.file.stem, "x": part, "targets": wanted})
        jobs.append((base.file, context.backend, part, wanted, file))
    found = run_jobs(_attack, jobs, "attack", in_processes=config.in_processes, progress=context.progress)
    x, success, rms = (np.concatenate(parts) for parts in zip(*found, strict=True))
    pairs = Pairs(data.x[chosen], x, labels, targets, rms, len(chosen))
    return pairs[success]


def _attack(job: tuple[Path, str, Array, Array, Path]) -> tuple[Array, Array, Array]:
    where, backend, x, targets, file = job
    net = load_network(where, backend)
    done = minimal_distortion(net, x, targets, polish=False, checkpoint=file, resume=True, progress=False)
    return done.x, done.success, done.distortion
