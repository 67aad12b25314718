"""SZ-3: adversarial examples of convolutional networks for photographs (Szegedy et al. 2013, Fig. 5).

python -m experiments run SZ-3        (the training of two nets A unless done already, then about 2 minutes)

Expected: every image can be misclassified after a change that is hard to see. The paper's network is AlexNet on
ImageNet, mean distortion 0.006508 over 64 images; ours are nets A on CIFAR-10, so only the order of magnitude need
agree, and every verdict stays open.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, row, row_named
from experiments.models import cifar
from experiments.models.kept import kept_file
from nnpg import Network, predict
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import share_interval
from nnpg.attacks import Distorted, minimal_distortion
from nnpg.attacks.targets import Rule
from nnpg.data import Dataset
from nnpg.plots import image_grid
from nnpg_kernels import Array

PAPER = 0.006508
RULES: tuple[Rule, ...] = ("random", "nearest")
SHOWN = 6
MAGNIFIED = 10  # around middle grey, as in the paper


@dataclass(frozen=True)
class Config(cifar.Config):
    """Correctly recognised test images of each net that are attacked."""

    attacked: int = 64


def run(config: Config, context: Context) -> Result:
    images = cifar.load_images(config, context)
    nets = [training.net for training in cifar.nets_a(config, context, images)]
    attacked = [
        _recognised(net, images.test, config.attacked, seed)
        for net, seed in zip(nets, cifar.seeds(config, context), strict=True)
    ]
    found = {
        rule: [_distorted(net, images.test, n, rule, context) for net, n in zip(nets, attacked, strict=True)]
        for rule in RULES
    }
    rows, over = [], "nets"
    for rule, of_nets in found.items():
        fooled = share_interval([changed.success.mean() for changed in of_nets])
        size = mean_interval([changed.distortion[changed.success].mean() for changed in of_nets])
        by = "95% t over nets"
        rows.append(row(_fooled(rule), 1.0, fooled, len(nets), over, interval=by, verdict="open"))
        rows.append(row(_size(rule), PAPER, size, len(nets), over, unit="RMS", interval=by, verdict="open"))
    draw(images.test, attacked[0], found["nearest"][0], context.folder / "photographs.png")
    random, nearest = (row_named(rows, _size(rule)).ours for rule in RULES)
    every = all(row_named(rows, _fooled(rule)).ours == 1 for rule in RULES)
    verdict = (
        f"That every image can be changed to be classified as another class: open, because the paper's network is "
        f"AlexNet on ImageNet, and these are {len(nets)} nets A on CIFAR-10. Here {'every' if every else 'not every'} "
        f"one of {len(attacked[0])} images of each net can; the mean distortion is {nearest:.4f} to the nearest class "
        f"and {random:.4f} to a random one (the paper's AlexNet: {PAPER:.4f})."
    )
    return Result(tuple(rows), verdict, ("photographs.png",))


def _recognised(net: Network, test: Dataset, most: int, seed: int) -> Array:
    """Return the indices of random images that the net recognises; of any images if it recognises none."""
    order = np.random.default_rng(seed).permutation(len(test))[: 4 * most]
    right = order[predict(net, test.x[order]).argmax(axis=1) == test.labels[order]][:most]
    return right if len(right) else order[:most]


def _distorted(net: Network, test: Dataset, n: Array, rule: Rule, context: Context) -> Distorted:
    """Find the least distortions of the images with these indices; they are kept, and gone on with."""
    x, labels = test.x[n], test.labels[n]
    file = kept_file(context, "photographs", {"network": net, "x": x, "labels": labels, "targets": rule})
    return minimal_distortion(
        net, x, rule, labels=labels, rng=0, checkpoint=file, resume=True, progress=context.progress
    )


def draw(test: Dataset, n: Array, found: Distorted, path: Path) -> None:
    """Draw a few images, the change magnified around middle grey, and the adversarial images."""
    few = min(SHOWN, len(n))
    x, adversarial, names = test.x[n[:few]], found.adversarial[:few], test.class_names
    change = np.clip(0.5 + MAGNIFIED * (adversarial - x), 0, 1)
    triples = np.stack([x, change, adversarial], axis=1).reshape(-1, *x.shape[1:])
    titles = [
        title
        for label, target, size in zip(test.labels[n[:few]], found.targets, found.distortion, strict=False)
        for title in (names[label], f"x {MAGNIFIED}", f"{names[target]} {size:.4f}")
    ]
    image_grid(triples, path, titles=titles, columns=min(6, len(triples)))


def _fooled(rule: str) -> str:
    return f"images that fool the network, {rule} target"


def _size(rule: str) -> str:
    return f"distortion, {rule} target"


EXPERIMENT = Experiment(
    "SZ-3",
    "Adversarial photographs, on CIFAR-10",
    "Szegedy et al. 2013, Fig. 5",
    {
        "smoke": Config(**asdict(cifar.SCALES["smoke"]), attacked=1),
        "quick": Config(**asdict(cifar.SCALES["quick"])),
        "paper": Config(**asdict(cifar.SCALES["paper"]), attacked=64),
    },
    run,
)
