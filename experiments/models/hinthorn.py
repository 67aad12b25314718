"""Hinthorn's network for digits and its adversarial pairs: what HI-0 to HI-10 start from. Made once, kept, reused."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from experiments.experiment import Context
from experiments.models.faces import _leave_interrupts_to_the_parent
from nnpg import SGD, Network, PlainDecay, Training, load_network, save, train
from nnpg.attacks import minimal_distortion
from nnpg.data import Dataset, faces, load, stratified_split
from nnpg.models import digit_net
from nnpg.perturbation_groups import By, Groups, perturbation_groups
from nnpg.progress import progress as progress_bar
from nnpg_kernels import Array

Job = TypeVar("Job")
Done = TypeVar("Done")

PAPER_PAIRS = 208
CONV, DENSE = "conv2", "dense1"  # the layers of the paper's tables
MAPS, NEURONS = "pool2", "relu3"  # where their units are read
CHUNK = 256  # images attacked at a time: what an interruption costs at most


@dataclass(frozen=True)
class Base:
    """How the network is trained, and how many pairs are made.

    The paper: lr 1e-4, lr decay 5e-7, momentum 0.9, weight decay 1e-3, 100 epochs; it does not give the batch.
    """

    dataset: str = "mnist"
    epochs: int = 4
    lr: float = 0.05
    lr_decay: float = 1e-3
    batch: int = 100
    pairs: int = 2208  # the paper's 208, and 2,000 to judge what they teach
    seed: int = 0


SMOKE = Base("faces", epochs=3, lr=0.02, batch=4, pairs=20)
PAPER = Base(epochs=100, lr=1e-4, lr_decay=5e-7, batch=10)


@dataclass(frozen=True, eq=False)
class BaseNet:
    """The trained network, and the images that it was trained and tested on."""

    training: Training
    train: Dataset
    test: Dataset
    file: Path  # of the network alone: a process of its own loads it from there

    @property
    def net(self) -> Network:
        """The network."""
        return self.training.net


@dataclass(frozen=True, eq=False)
class Pairs:
    """Correctly classified training images, and images that are taken for the target."""

    originals: Array  # (N, C, H, W)
    adversarial: Array
    labels: Array  # (N,)
    targets: Array
    distortion: Array  # RMS over the pixels
    attacked: int  # how many images were tried

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, some: Array | slice) -> Pairs:
        arrays = (self.originals, self.adversarial, self.labels, self.targets, self.distortion)
        x, adversarial, labels, targets, distortion = (a[some] for a in arrays)
        return Pairs(x, adversarial, labels, targets, distortion, self.attacked)

    def groups(self, by: By) -> Groups:
        """Perturbation groups of these pairs."""
        return perturbation_groups(self.labels, self.targets, by)

    def beyond(self, factor: float) -> Pairs:
        """Return the pairs with the change `factor` times as large, cut to the box, distortions included.

        The least distortion ends on the decision boundary, where any change of the weights may undo it.
        """
        changed = np.clip(self.originals + factor * (self.adversarial - self.originals), 0, 1, dtype=np.float32)
        rms = ((changed - self.originals) ** 2).mean(axis=(1, 2, 3)) ** 0.5
        return replace(self, adversarial=changed, distortion=rms)


def base_net(config: Base, context: Context) -> BaseNet:
    """Train the network, resume its training, or load it."""
    seen, unseen = _images(config, context)
    training = train(
        digit_net(seen.x, seen.K, context.seed_or(config.seed), backend=context.backend),
        seen.x,
        seen.labels,
        epochs=config.epochs,
        batch=config.batch,
        optimiser=SGD(config.lr, momentum=0.9, decay=PlainDecay(1e-3), lr_decay=config.lr_decay),
        rng=context.seed_or(config.seed),
        validation=(unseen.x, unseen.labels),
        checkpoint=_file(config, context, ""),
        resume=True,
        progress=context.progress,
    )
    file = _file(config, context, "-net")
    if not file.exists():
        save(training.net, file)
    return BaseNet(training, seen, unseen, file)


def _images(config: Base, context: Context) -> tuple[Dataset, Dataset]:
    """Training and test images: MNIST, or three built-in faces at its size for a try."""
    if config.dataset == "mnist":
        return load("mnist", context.data_dir), load("mnist", context.data_dir, split="test")
    three = faces(identities=3, size=28)
    return stratified_split(three).apply(three)


def adversarial_pairs(base: BaseNet, config: Base, context: Context) -> Pairs:
    """Attack correctly classified training images, each for a random other class, until the wanted pairs are found.

    The attack is the least distortion of Szegedy et al. (2013, 4.1), by batched L-BFGS-B; where several cores are
    there, several chunks are attacked at once.
    """
    data, rng = base.train, np.random.default_rng([context.seed_or(config.seed), 1])
    order = rng.permutation(len(data))
    some = order[: config.pairs + config.pairs // 10 + 20]
    right = base.net.predict(data.x[some]).argmax(axis=1) == data.labels[some]
    chosen = some[right][: config.pairs]
    labels = data.labels[chosen]
    targets = (labels + rng.integers(1, data.K, len(chosen))) % data.K
    jobs = [
        (
            base.file,
            context.backend,
            data.x[own],
            targets[n : n + CHUNK],
            _file(config, context, f"-{config.pairs}-{n}"),
        )
        for n in range(0, len(chosen), CHUNK)
        for own in [chosen[n : n + CHUNK]]
    ]
    found = in_parallel("attack", _attack, jobs, config, context)
    x, success, rms = (np.concatenate(parts) for parts in zip(*found, strict=True))
    pairs = Pairs(data.x[chosen], x, labels, targets, rms, len(chosen))
    return pairs[success]


def in_parallel(
    label: str, do: Callable[[Job], Done], jobs: Sequence[Job], config: Base, context: Context
) -> list[Done]:
    """Do every job, as many at once as there are cores; a single one, or small ones for a try, in this process."""
    workers = min(os.cpu_count() or 1, len(jobs)) if config.dataset == "mnist" else 1
    with progress_bar(label, len(jobs), show=context.progress) as advance:
        results = []
        if workers <= 1:
            for job in jobs:
                results.append(do(job))
                advance()
            return results
        with get_context("spawn").Pool(workers, _leave_interrupts_to_the_parent) as pool:
            for result in pool.imap(do, jobs, chunksize=1):
                results.append(result)
                advance()
        return results


def _attack(job: tuple[Path, str, Array, Array, Path]) -> tuple[Array, Array, Array]:
    where, backend, x, targets, file = job
    net = load_network(where, backend)
    done = minimal_distortion(net, x, targets, polish=False, checkpoint=file, resume=True, progress=False)
    return done.x, done.success, done.distortion


def _file(config: Base, context: Context, what: str) -> Path:
    context.models.mkdir(parents=True, exist_ok=True)
    how = f"seed{context.seed_or(config.seed)}-epochs{config.epochs}-lr{config.lr:g}-batch{config.batch}"
    return context.models / f"netH-{config.dataset}-{how}-{context.backend}{what}.safetensors"
