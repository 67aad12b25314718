"""For SZ-T1: four readings of the paper's decay, chosen between by errors on images that no verdict is about."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

import nnpg
from experiments.experiment import Context
from experiments.models.kept import kept_file
from experiments.models.mnist.digits import as_rows
from experiments.models.mnist.lbfgs import MODELS, READINGS, Training, facts, fully_trained
from nnpg import error_rate
from nnpg.data import Dataset

PAPER = {"softmax2": 0.094, "softmax3": 0.2, "N100-100-10": 0.0164, "N200-200-10": 0.0154}  # test errors
IN_USE = READINGS[0]


def readings_of_decay(
    train: Dataset, images: int, iterations: int, config: Training, context: Context
) -> tuple[str, str]:
    """Train four networks in each reading on some training images, and measure their errors on as many others.

    Returns
    -------
    table, reading : str
        The reading whose errors on the others are the nearest to the paper's test errors in logarithm.
    """
    seed = context.seed_or(config.seed)
    order = np.random.default_rng(seed).permutation(len(train))
    fitted, others = train.subset(order[:images]), train.subset(order[images : 2 * images])
    config = replace(config, iterations=iterations)
    pairs = [(name, reading) for name in sorted(PAPER, reverse=True) for reading in READINGS]
    made_from = {"data": fitted, "seed": seed}
    files = {
        (name, reading): kept_file(
            context,
            "a reading of the decay",
            {"name": name, "reading": reading} | made_from | facts(MODELS[name], config),
        )
        for name, reading in pairs
    }
    work = partial(_train, fitted, config, seed, context.backend)
    missing = {", ".join(pair): (*pair, file) for pair, file in files.items() if not file.exists()}
    context.run_jobs(work, missing, "readings of the decay", long=config.dataset == "mnist")
    lines = [f"{'added to':12}" + "".join(f"{name + ' fitted others':>30}" for name in PAPER)]
    off = {}
    for reading in READINGS:
        nets = {name: nnpg.load_network(files[name, reading], context.backend) for name in PAPER}
        errors = {
            name: [error_rate(net, as_rows(data), data.labels) for data in (fitted, others)]
            for name, net in nets.items()
        }
        off[reading] = sum(np.log(max(errors[name][1], 1e-9) / paper) ** 2 for name, paper in PAPER.items())
        lines.append(f"{reading:12}" + "".join(f"{a:21.2%} {b:8.2%}" for a, b in errors.values()))
    lines.append(f"{'the paper':12}" + "".join(f"{'':21} {paper:8.2%}" for paper in PAPER.values()))
    lines.append(
        f"n = {images} training images that were fitted, and as many others; up to {iterations} iterations. The "
        "paper's errors are of networks of 60,000 images. The test images play no part."
    )
    return "\n".join(lines), min(off, key=lambda reading: off[reading])


def _train(fitted: Dataset, config: Training, seed: int, backend: str, job: tuple[str, str, Path]) -> None:
    name, reading, file = job
    done = fully_trained(MODELS[name], as_rows(fitted), fitted.labels, fitted.K, config, seed, backend, reading)
    nnpg.save(done.net, file)
