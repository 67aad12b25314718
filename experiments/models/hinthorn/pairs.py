"""Adversarial pairs of Hinthorn's network: images, and the same images changed so that their class is another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from experiments.experiment import Context
from experiments.models.hinthorn.base import Base, BaseNet
from experiments.models.kept import kept_file
from nnpg import load_network, predict
from nnpg.analysis.groups import By, Groups, perturbation_groups
from nnpg.attacks import minimal_distortion
from nnpg_kernels import Array

CHUNK = 256  # images attacked at a time: an interruption loses at most the work on these


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
        return perturbation_groups(self.labels, self.targets, by=by)

    def beyond(self, factor: float) -> Pairs:
        """Return the pairs with the change `factor` times as large, clipped to the box, and with the new distortions.

        The least distortion ends on the decision boundary, where any change of the weights may make the attack fail.
        """
        adversarial = np.clip(self.originals + factor * (self.adversarial - self.originals), 0, 1, dtype=np.float32)
        rms = ((adversarial - self.originals) ** 2).mean(axis=(1, 2, 3)) ** 0.5
        return replace(self, adversarial=adversarial, distortion=rms)

    def noisy(self, rng: np.random.Generator) -> Array:
        """Return the originals with Gaussian noise that is as large (RMS) as the change of each."""
        noise = rng.standard_normal(self.originals.shape)
        size = self.distortion[:, None, None, None] / (noise**2).mean(axis=(1, 2, 3), keepdims=True) ** 0.5
        return np.asarray(self.originals + size * noise, np.float32)


def adversarial_pairs(base: BaseNet, config: Base, context: Context) -> Pairs:
    """Attack correctly classified training images, each for a random other class, until the wanted pairs are found.

    The attack is the least distortion of Szegedy et al. (2013, 4.1), by batched L-BFGS-B. On several cores, several
    chunks are attacked at once.
    """
    data, rng = base.train, np.random.default_rng([base.seed, 1])
    order = rng.permutation(len(data))
    tried = order[: config.pairs + config.pairs // 10 + 20]
    right = predict(base.net, data.x[tried]).argmax(axis=1) == data.labels[tried]
    chosen = tried[right][: config.pairs]
    labels = data.labels[chosen]
    targets = (labels + rng.integers(1, data.K, len(chosen))) % data.K
    jobs: dict[str, tuple[Path, str, Array, Array, Path]] = {}
    for n in range(0, len(chosen), CHUNK):
        part, wanted = data.x[chosen[n : n + CHUNK]], targets[n : n + CHUNK]
        file = kept_file(context, "pairs", {"network": base.file.stem, "x": part, "targets": wanted})
        jobs[f"images from {n} on"] = (base.file, context.backend, part, wanted, file)
    found = context.run_jobs(_attack, jobs, "attack", long=config.long)
    x, success, rms = (np.concatenate(parts) for parts in zip(*found.values(), strict=True))
    pairs = Pairs(data.x[chosen], x, labels, targets, rms, len(chosen))
    return pairs[success]


def _attack(job: tuple[Path, str, Array, Array, Path]) -> tuple[Array, Array, Array]:
    where, backend, x, targets, file = job
    net = load_network(where, backend)
    done = minimal_distortion(net, x, targets, polish=False, checkpoint=file, resume=True, progress=False)
    return done.adversarial, done.success, done.distortion
