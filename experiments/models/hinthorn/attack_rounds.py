"""Rounds of attack and hard-negative training, for HI-10: each round attacks the network that the last one trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.experiment import Context
from experiments.models.hinthorn.base import BaseNet
from experiments.models.hinthorn.other_bases import Beside
from experiments.models.hinthorn.pairs import Pairs
from experiments.models.hinthorn.variants import Variant
from experiments.models.kept import kept_file
from nnpg import SGD, Network, error_rate, load_network, predict
from nnpg.attacks import minimal_distortion
from nnpg.data import Dataset
from nnpg.support.progress import progress_bar
from nnpg.training_methods.hard_negatives import hard_negative_training
from nnpg_kernels import Array


@dataclass(frozen=True)
class Rounds(Beside):
    """Images attacked per round, epochs on them, rounds of training, and the learning rate."""

    rates: tuple[float, ...] = (0.003,)
    images: int = 48
    epochs_a_round: int = 4
    evaluations: int = 1000  # per image, at most
    rounds: int = 4


def attack_rounds(
    bases: Sequence[BaseNet], config: Rounds, variants: Sequence[Variant], context: Context
) -> dict[Variant, dict[str, Array]]:
    """Run all rounds of every variant from every base network; runs that `context.models` holds are read.

    Returns
    -------
    dict
        For each variant "distortion" and "test", each (nets, rounds + 1): the mean distortion of the attack, and the
        accuracy on the test images.
    """
    wanted = {f"seed {base.seed}, {v.name}": (base, v) for base in bases for v in variants}
    files = {name: _file(base, config, v, context) for name, (base, v) in wanted.items()}
    missing = [base for name, (base, _) in wanted.items() if not files[name].exists()]
    starts = {f"seed {b.seed}": Start(b.file, context.backend, b.train, b.test, config, b.seed) for b in missing}
    first = context.run_jobs(_first_attack, starts, "first attacks", long=config.long)
    jobs = {name: (starts.get(f"seed {b.seed}"), first.get(f"seed {b.seed}"), v) for name, (b, v) in wanted.items()}
    played = context.run_jobs(_play, jobs, "rounds", long=config.long, files=files)
    runs = {v: [played[f"seed {base.seed}, {v.name}"] for base in bases] for v in variants}
    return {v: {name: np.stack([run[name] for run in of_v]) for name in of_v[0]} for v, of_v in runs.items()}


class Start(NamedTuple):
    """What the rounds of a base network begin with."""

    file: Path
    backend: str
    train: Dataset
    test: Dataset
    config: Rounds
    seed: int


def _first_attack(start: Start) -> Pairs:
    """Attack the base network: the first attack for every variant."""
    net = load_network(start.file, start.backend)
    return _attacked(net, start.train, start.config, np.random.default_rng([start.seed, 3, 0]))


def _play(job: tuple[Start, Pairs, Variant]) -> dict[str, Array]:
    """All rounds of one net and variant; the last attack is not trained on."""
    (file, backend, data, test, config, seed), pairs, variant = job
    net = load_network(file, backend)
    distortion, accuracy = [pairs.distortion.mean()], [1 - error_rate(net, test.x, test.labels)]
    with progress_bar("rounds", config.rounds, show=False) as advance:
        for number in range(config.rounds):
            larger = pairs.beyond(config.beyond)
            net = hard_negative_training(
                net, larger.adversarial, larger.originals, larger.labels, layer=variant.layer, keep=variant.share,
                epochs=config.epochs_a_round, rng=seed, optimiser=SGD(config.rates[0]), progress=False,
            ).training.net  # fmt: skip
            pairs = _attacked(net, data, config, np.random.default_rng([seed, 3, number + 1]))
            distortion.append(pairs.distortion.mean())
            accuracy.append(1 - error_rate(net, test.x, test.labels))
            advance()
    return {"distortion": np.array(distortion), "test": np.array(accuracy)}


def _attacked(net: Network, data: Dataset, config: Rounds, rng: np.random.Generator) -> Pairs:
    """Attack correctly classified images; the target of each is a random other class."""
    tried = rng.permutation(len(data))[: 4 * config.images]
    shift = rng.integers(1, data.K, len(tried))
    right = np.flatnonzero(predict(net, data.x[tried]).argmax(axis=1) == data.labels[tried])[: config.images]
    x, labels = data.x[tried][right], data.labels[tried][right]
    targets = (labels + shift[right]) % data.K
    found = minimal_distortion(net, x, targets, polish=False, evaluations=config.evaluations, progress=False)
    return Pairs(x, found.adversarial, labels, targets, found.distortion, len(x))[found.success]


def _file(base: BaseNet, config: Rounds, variant: Variant, context: Context) -> Path:
    facts = {"network": base.file.stem, "variant": variant, "seed": base.seed, "rate": config.rates[0]}
    facts |= {"rounds": config.rounds, "images": config.images, "epochs": config.epochs_a_round}
    facts |= {"beyond": config.beyond, "evaluations": config.evaluations}
    return kept_file(context, "rounds of attack and training", facts)
