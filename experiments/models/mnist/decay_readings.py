"""For SZ-T1: four readings of the paper's decay, judged by the errors of its softmax layers."""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context
from experiments.models.mnist.digits import as_rows, random_images
from experiments.models.mnist.lbfgs import MODELS, READINGS, Training, fully_trained
from nnpg import error_rate
from nnpg.data import Dataset

PAPER = {"softmax2": 0.1, "softmax3": 0.212}  # training errors


def readings_of_decay(
    train: Dataset, test: Dataset, images: int, config: Training, context: Context
) -> tuple[str, str]:
    """Train softmax2 and softmax3 in each reading; return a table, and the reading nearest in log error."""
    seed = context.seed_or(config.seed)
    x, labels = random_images(train, images, seed)
    lines = ["decay added to     softmax2: training test    softmax3: training test    (the paper: 10 9.4, 21.2 20)"]
    off = dict.fromkeys(READINGS, 0.0)
    for reading in READINGS:
        errors = []
        for name, paper in PAPER.items():
            net = fully_trained(MODELS[name], x, labels, train.K, config, seed, context.backend, reading).net
            training, testing = error_rate(net, x, labels), error_rate(net, as_rows(test), test.labels)
            errors += [training, testing]
            off[reading] += np.log(max(training, 1e-9) / paper) ** 2
        lines.append(f"{reading:16} {errors[0]:19.2%} {errors[1]:6.2%} {errors[2]:18.2%} {errors[3]:6.2%}")
    return "\n".join(lines), min(off, key=lambda reading: off[reading])
