"""SZ-F7: distorted beside original digits, and digits in noise that can hardly be read (Szegedy et al. 2013, Fig. 7).

python -m experiments run SZ-F7        (the training of SZ-T1's networks unless done already, then seconds)

Expected: accuracy 0 on images that look unchanged, and about one half on images that noise of standard deviation 1 has
made unreadable. The paper does not say which network classifies these, so all networks are tested.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.models.mnist import margins
from experiments.models.mnist.digits import digits, random_images
from experiments.models.mnist.lbfgs import FULL, SIX, SMOKE, Training, with_images
from experiments.models.mnist.nets import Trained
from experiments.szegedy.distortions.attacked import (
    RULES,
    attacked_by_seed,
    endings,
    size_rows,
    size_texts,
    sizes_in_words,
)
from nnpg import predict
from nnpg.analysis.verdicts import all_of, any_of, at_most, equal_to, share_interval
from nnpg.plots import image_grid
from nnpg_kernels import Array

PAPER = {"softmax1": 0.06, "N200-200-10": 0.063}  # average distortion
READ = 0.51  # accuracy in noise; within `margins.CELL`, since the paper gives neither the network nor the images
NEVER = at_most(0, "the adversarial examples are never classified correctly")
HALF = equal_to(READ, margins.CELL, "still they are classified correctly in half of the cases")
CONFIDENCE = 1 - 0.05 / (len(PAPER) * (2 * len(RULES) + 1))  # accuracies and distortions of each rule, and in noise
SHOWN, COLUMNS = 24, 12


@dataclass(frozen=True)
class Config(Training):
    """Training images of each seed that are distorted; images that get noise; the standard deviation of the noise."""

    images: int = 256
    noisy: int = 2048
    noise: float = 1.0


def run(config: Config, context: Context) -> Result:
    train, _ = digits(config.dataset, context.data_dir)
    groups = attacked_by_seed(SIX, train, config.images, config, context)
    rows, figures, n = list[Row](), list[str](), len(groups)
    by = f"{CONFIDENCE:.1%} t over nets"
    for name, paper in PAPER.items():
        for rule in RULES:
            right = [_accuracy(g.nets[name], g.distorted(name, rule).adversarial, g.labels) for g in groups]
            ours = share_interval(right, confidence=CONFIDENCE)
            words = f"accuracy of {name} on its distorted images, {rule}"
            rows.append(row(words, 0.0, ours, n, "nets", interval=by, claim=NEVER))
        rows += size_rows(groups, name, paper, CONFIDENCE)
        changed = groups[0].distorted(name).adversarial
        figures.append(_draw(groups[0].x, changed, train.image_shape, context, f"distorted-{name.split('-')[0]}.png"))
    read = dict[str, float]()
    for name in SIX:
        accuracy = []
        for group in groups:
            x, labels = random_images(train, config.noisy, group.seed)
            noise = np.random.default_rng(group.seed).standard_normal(x.shape).astype(x.dtype)
            accuracy.append(_accuracy(group.nets[name], x + config.noise * noise, labels))
        read[name] = float(np.mean(accuracy))
        ours = share_interval(accuracy, confidence=CONFIDENCE)
        paper_read, claim = (READ, HALF) if name in PAPER else (None, None)
        rows.append(row(f"accuracy of {name} in noise of {config.noise:g}", paper_read, ours, n, "nets", interval=by,
                        claim=claim))  # fmt: skip
    x, noise = groups[0].x, np.random.default_rng(groups[0].seed).standard_normal(groups[0].x.shape)
    figures.append(_draw(x, x + config.noise * noise.astype(x.dtype), train.image_shape, context, "noise.png"))
    never = all_of(r.verdict for r in rows if r.verdict and r.claim == NEVER.quoted)
    half = any_of(r.verdict for r in rows if r.verdict and r.claim == HALF.quoted)
    verdict = (
        f"That images distorted for a network are never recognised: {never}. That half of the images in noise of "
        f"{config.noise:g} are, by one of the two networks: {half}. That the distortions are the paper's: "
        f"{sizes_in_words(rows)}. All are over {n} networks of each kind. In noise softmax1 still recognises "
        f"{read['softmax1']:.0%} and N200-200-10 {read['N200-200-10']:.0%}."
    )
    named = tuple(r._replace(name=with_images(r.name, config)) for r in rows)
    return Result(named, verdict, tuple(figures), (*size_texts(groups, PAPER), endings(groups)))


def _accuracy(net: Trained, x: Array, labels: Array) -> float:
    return float((predict(net.net, x).argmax(axis=1) == labels).mean())


def _draw(x: Array, changed: Array, shape: tuple[int, ...], context: Context, name: str) -> str:
    """Odd columns unchanged, even columns changed, as in the paper."""
    pairs = np.stack([x[:SHOWN], changed[:SHOWN].clip(0, 1)], axis=1).reshape(-1, *shape)
    image_grid(pairs, context.folder / name, columns=min(COLUMNS, len(pairs)))
    return name


EXPERIMENT = Experiment(
    "SZ-F7",
    "Distorted digits beside digits in noise",
    "Szegedy et al. 2013, Fig. 7",
    {
        "smoke": Config(**SMOKE, images=4, noisy=20),
        "quick": Config(),
        "paper": Config(**FULL, images=128, noisy=10000),
    },
    run,
    version=3,
)
