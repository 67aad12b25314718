"""SZ-T1: six networks, their errors, and the least distortions that fool them (Szegedy et al. 2013, Table 1).

python -m experiments run SZ-T1        (a quarter of an hour on 2 cores, nearly all of it training)

Expected: every image fools the network after a change, and the stronger the decay, the larger the change. Distortions
are RMS over the pixels, of the minimisers of c |r| + loss, as in the paper, for random targets and untargeted; polished
ones are beside them. The loss of a softmax layer has one minimum, so its networks differ only by where the training
stops: their intervals are those of images and targets. A table compares four readings of the decay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row
from experiments.models.mnist import margins
from experiments.models.mnist.decay_readings import IN_USE, readings_of_decay
from experiments.models.mnist.digits import as_rows, digits
from experiments.models.mnist.lbfgs import FULL, SIX, SMOKE, Training, with_images
from experiments.szegedy.distortions.attacked import (
    RULES,
    Attacked,
    attacked_by_seed,
    endings,
    size_rows,
    size_texts,
    sizes,
)
from experiments.szegedy.distortions.other_attacks import other_norms
from nnpg import error_rate
from nnpg.analysis.verdicts import all_of, at_least, equal_to, share_interval
from nnpg.data import Dataset
from nnpg.plots import image_grid

PAPER = {  # training and test error in %, distortion
    "softmax1": (6.7, 7.4, 0.062),
    "softmax2": (10, 9.4, 0.1),
    "softmax3": (21.2, 20, 0.14),
    "N100-100-10": (0, 1.64, 0.058),
    "N200-200-10": (0, 1.54, 0.065),
    "AE400-10": (0.57, 1.9, 0.086),
}
SIZES = {name: size for name, (_, _, size) in PAPER.items()}
EVERY = at_least(1, "for each sample, we always manage to generate very close ... adversarial examples")
# Of each network are judged whether all images fool it, its two errors, and its distortion for each rule.
CONFIDENCE = 1 - 0.05 / (len(PAPER) * (3 + len(RULES)))
SHOWN = 8


@dataclass(frozen=True)
class Config(Training):
    """Training images per seed that are distorted; iterations and images for the readings; the limit of a pixel."""

    images: int = 256
    calibration: int = 100
    tried_on: int = 4000
    epsilon: float = 0.3


def run(config: Config, context: Context) -> Result:
    train, test = digits(config.dataset, context.data_dir)
    groups = attacked_by_seed(SIX, train, config.images, config, context)
    table = [r for name in SIX for r in _rows(name, groups, train, test)]
    few = min(SHOWN, len(groups[0].x))
    shown = [np.stack([groups[0].x[:few], groups[0].distorted(name).adversarial[:few]], axis=1) for name in SIX]
    size = [float(np.mean(sizes(groups, name, "random targets"))) for name in SIX]
    image_grid(
        np.concatenate(shown).reshape(-1, *train.image_shape), context.folder / "distorted.png", columns=2 * few,
        row_labels=[f"{name} {s:.3f}" for name, s in zip(SIX, size, strict=True)],
    )  # fmt: skip
    readings, fits = readings_of_decay(train, config.tried_on, config.calibration, config, context)
    every = all_of(r.verdict for r in table if r.verdict and r.claim == EVERY.quoted)
    equal = [r for r in table if r.verdict and r.claim != EVERY.quoted]
    counts = ", ".join(
        f"{n} {verdict}" for verdict, n in sorted(Counter(r.verdict for r in equal if r.verdict).items())
    )
    off = [100 * (ours / SIZES[name] - 1) for ours, name in zip(size, SIX, strict=True)]
    rising = "rise" if size[0] < size[1] < size[2] else "do not rise"
    verdict = (
        f"That every image can be changed to fool the network: {every}, over {len(groups)} networks of each kind. The "
        f"{len(equal)} comparisons with the paper's errors and distortions: {counts}. The mean distortions for random "
        f"targets ({', '.join(f'{s:.3f}' for s in size)}) {rising} with the "
        f"decay of the softmax layers and are {min(off):+.0f}% to {max(off):+.0f}% off the paper's. The decay is read "
        f"as '{IN_USE}'; held-out training images choose '{fits}'."
    )
    texts = (Text("Four readings of the decay", readings), endings(groups))
    rows = (*table, *other_norms(groups, "N100-100-10", config.epsilon))
    rows = tuple(r._replace(name=with_images(r.name, config)) for r in rows)
    return Result(rows, verdict, ("distorted.png",), (*size_texts(groups, SIZES), *texts))


def _rows(name: str, groups: Sequence[Attacked], train: Dataset, test: Dataset) -> list[Row]:
    rows, n, by = list[Row](), len(groups), f"{CONFIDENCE:.2%} t over nets"
    for words, data, paper in (("training", train, PAPER[name][0]), ("test", test, PAPER[name][1])):
        errors = [error_rate(group.nets[name].net, as_rows(data), data.labels) for group in groups]
        claim = equal_to(paper / 100, margins.ERROR, f"{words} error {paper:g}%")
        ours = share_interval(errors, confidence=CONFIDENCE)
        rows.append(row(f"{name}: {words} error", paper / 100, ours, n, "nets", interval=by, claim=claim))
    fooled = share_interval([group.distorted(name).success.mean() for group in groups], confidence=CONFIDENCE)
    rows.append(row(f"{name}: images that fool it", 1.0, fooled, n, "nets", interval=by, claim=EVERY))
    return rows + size_rows(groups, name, SIZES[name], CONFIDENCE)


EXPERIMENT = Experiment(
    "SZ-T1",
    "Six MNIST networks: errors and least distortion",
    "Szegedy et al. 2013, Table 1",
    {
        "smoke": Config(**SMOKE, images=4, calibration=3, tried_on=20),
        "quick": Config(),
        "paper": Config(**FULL, images=128, calibration=300, tried_on=10000),
    },
    run,
    notes="images=0 distorts the whole training set",
    version=3,
)
