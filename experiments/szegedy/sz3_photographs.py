"""SZ-3: adversarial examples of a convolutional network for photographs (Szegedy et al. 2013, Fig. 5).

python -m experiments run SZ-3        (the training of LD-7's net A unless done already, then about 1 minute)

Expected: every image can be misclassified after a change that is hard to see. The paper's network is AlexNet on
ImageNet, mean distortion 0.006508 over 64 images; ours is net A on CIFAR-10, so only the order of magnitude need agree.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, row, row_named
from experiments.models import cifar
from nnpg import predict
from nnpg.analysis.statistics import mean_interval, wilson
from nnpg.attacks import minimal_distortion
from nnpg.plots import image_grid

PAPER = 0.006508
SHOWN = 6
MAGNIFIED = 10  # around middle grey, as in the paper


@dataclass(frozen=True)
class Config(cifar.Config):
    """Correctly recognised test images that are attacked."""

    attacked: int = 64


def run(config: Config, context: Context) -> Result:
    images = cifar.load_images(config, context)
    net, seed = cifar.net_a(config, context, images).net, context.seed_or(config.seed)
    test = images.test
    order = np.random.default_rng(seed).permutation(len(test))[: 4 * config.attacked]
    right = order[predict(net, test.x[order]).argmax(axis=1) == test.labels[order]][: config.attacked]
    attacked = right if len(right) else order[: config.attacked]
    x, labels = test.x[attacked], test.labels[attacked]
    found = {
        rule: minimal_distortion(net, x, rule, labels=labels, rng=seed, progress=context.progress)
        for rule in ("random", "nearest")
    }
    n, by, over = len(x), "95% t over images", "images of one net"
    rows = []
    for rule, changed in found.items():
        fooled, size = wilson(int(changed.success.sum()), n), mean_interval(changed.distortion[changed.success])
        rows.append(row(_fooled(rule), 1.0, fooled, n, over, interval="95% Wilson", verdict="open"))
        rows.append(row(_size(rule), PAPER, size, int(changed.success.sum()), over, unit="RMS", interval=by,
                        verdict="open"))  # fmt: skip
    few = min(SHOWN, n)
    near = found["nearest"]
    change = np.clip(0.5 + MAGNIFIED * (near.adversarial - x), 0, 1)
    triples = np.stack([x[:few], change[:few], near.adversarial[:few]], axis=1).reshape(-1, *x.shape[1:])
    names = test.class_names
    titles = [
        title
        for label, target, size in zip(labels[:few], near.targets, near.distortion, strict=False)
        for title in (names[label], f"x {MAGNIFIED}", f"{names[target]} {size:.4f}")
    ]
    image_grid(triples, context.folder / "photographs.png", titles=titles, columns=min(6, len(triples)))
    random, nearest = (row_named(rows, _size(rule)).ours for rule in found)
    all_fooled = all(row_named(rows, _fooled(rule)).ours == 1 for rule in found)
    verdict = (
        f"That every image can be changed to be classified as another class: open, because the paper's network is "
        f"AlexNet on ImageNet, and this is one net A on CIFAR-10. Here {'every' if all_fooled else 'not every'} image "
        f"can; the mean distortion is {nearest:.4f} to the nearest class and {random:.4f} to a random one (the paper's "
        f"AlexNet: {PAPER:.4f})."
    )
    return Result(tuple(rows), verdict, ("photographs.png",))


def _fooled(rule: str) -> str:
    return f"images fooled, {rule} target"


def _size(rule: str) -> str:
    return f"distortion, {rule} target"


EXPERIMENT = Experiment(
    "SZ-3",
    "Adversarial photographs, on CIFAR-10",
    "Szegedy et al. 2013, Fig. 5",
    {
        "smoke": Config(**asdict(cifar.SCALES["smoke"]), attacked=3),
        "quick": Config(**asdict(cifar.SCALES["quick"])),
        "paper": Config(**asdict(cifar.SCALES["paper"]), attacked=1024),
    },
    run,
)
