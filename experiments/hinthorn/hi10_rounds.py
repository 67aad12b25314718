"""HI-10: repeated rounds of attack and training (Hinthorn 2017, 6.3: future work).

python -m experiments run HI-10        (two minutes on two cores, with HI-0's network)

Each round attacks fresh training images with the least distortion that fools the network of that round, and then trains
the network on these pairs. Expected: the attack needs a larger distortion from round to round. Control and selective
dropout get the same images in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.jobs import run_jobs
from experiments.models.hard_negatives import CONTROL, HARD_PAPER, HARD_SMOKE, Hard, Variant
from experiments.models.hinthorn import CONV, DENSE, BaseNet, Pairs, base_net
from experiments.models.kept import kept_file
from nnpg import SGD, Network, error_rate, load_network
from nnpg.attacks import minimal_distortion
from nnpg.data import Dataset
from nnpg.files import read_tensors, write_tensors
from nnpg.plots import Measured, interval_plot
from nnpg.selective_dropout import hard_negative_training
from nnpg.statistics import holm, mean_interval, paired_p
from nnpg_kernels import Array

VARIANTS = (CONTROL, Variant(CONV, 0.2), Variant(DENSE, 0.5))


@dataclass(frozen=True)
class Config(Hard):
    """Images attacked per round, epochs on them, rounds of training, and the learning rate."""

    rates: tuple[float, ...] = (0.003,)
    seeds: int = 5
    images: int = 48
    epochs_a_round: int = 4
    evaluations: int = 1000  # per image, at most
    rounds: int = 4


def run(config: Config, context: Context) -> Result:
    base = base_net(config, context)
    first = context.seed_or(config.seed)
    seeds = range(first, first + config.seeds)
    files = {(v, seed): _file(base, config, v, seed, context) for v in VARIANTS for seed in seeds}
    jobs: list[Job] = []
    for seed in seeds:
        missing = {v: files[v, seed] for v in VARIANTS if not files[v, seed].exists()}
        if missing:
            jobs.append((base.file, context.backend, base.train, base.test, config, missing, seed))
    run_jobs(_play, jobs, "rounds", in_processes=config.in_processes, progress=context.progress)
    played = {v: [read_tensors(files[v, seed])[0] for seed in seeds] for v in VARIANTS}
    needed = {v: np.stack([run["distortion"] for run in runs]) for v, runs in played.items()}  # (R, rounds + 1)
    right = {v: np.stack([run["test"] for run in runs]) for v, runs in played.items()}
    rows = [r for v in VARIANTS for r in _rows(v, needed[v], right[v])]
    more = {v: needed[v][:, -1] - needed[CONTROL][:, -1] for v in VARIANTS[1:]}
    corrected = holm(np.nan_to_num([paired_p(d) for d in more.values()], nan=1.0))
    n, by = config.seeds, "95% t over seeds"
    for (v, d), p in zip(more.items(), corrected, strict=True):
        rows.append(row(f"{v.name} minus control, last round", None, mean_interval(d), n, unit="RMS", interval=by))
        rows.append(row(f"{v.name} minus control, last round, p", None, float(p), n, unit="p (paired t, Holm)"))
    interval_plot(
        [_panel("attack", needed, "distortion, RMS"), _panel("test images", right, "accuracy on test images")],
        context.folder / "rounds.png",
    )
    grew = [v.name for v in VARIANTS if row_named(rows, _growth_row(v.name)).held]
    apart = [f"{v.name} ({d.mean():+.4f})" for (v, d), p in zip(more.items(), corrected, strict=True) if p < 0.05]
    memory = ", ".join(f"{a[:, -1].mean():.0%} ({v.name})" for v, a in right.items())
    verdict = (
        f"After {config.rounds} rounds the attack needs significantly more distortion than before them against "
        f"{', '.join(grew) if grew else 'none of the networks'}; significantly different from the control in the last "
        f"round: {', '.join(apart) if apart else 'none'}; accuracy on the test images: {memory}."
    )
    return Result(tuple(rows), verdict, ("rounds.png",))


def _rows(variant: Variant, needed: Array, right: Array) -> list[Row]:
    n, by = len(needed), "95% t over seeds"
    growth = needed[:, -1] - needed[:, 0]
    p = paired_p(growth)
    name = variant.name
    return [
        *(row(f"{name}: distortion, round {i}", None, mean_interval(of_round), n, unit="RMS", interval=by)
          for i, of_round in enumerate(needed.T)),
        row(_growth_row(name), None, mean_interval(growth), n, unit="RMS", interval=by,
            held=bool(p < 0.05 and growth.mean() > 0)),
        row(f"{name}: accuracy on test images at the end", None, mean_interval(right[:, -1]), n, interval=by),
    ]  # fmt: skip


def _growth_row(name: str) -> str:
    return f"{name}: last round minus the first"


def _panel(title: str, values: dict[Variant, Array], xlabel: str) -> Measured:
    every = {
        f"{v.name}, round {i}": mean_interval(of_round)
        for v, runs in values.items()
        for i, of_round in enumerate(runs.T)
    }
    return Measured(title, every, xlabel)


Job = tuple[Path, str, Dataset, Dataset, Config, dict[Variant, Path], int]


def _play(job: Job) -> None:
    """All rounds of one seed. For every variant the first attack is on the base network; the last is not trained on."""
    where, backend, data, test, config, files, seed = job
    base = load_network(where, backend)
    opening = _attacked(base, data, config, np.random.default_rng([seed, 3, 0]))
    for variant, file in files.items():
        net, pairs = base, opening
        distortion, accuracy = [opening.distortion.mean()], [1 - error_rate(base, test.x, test.labels)]
        for number in range(config.rounds):
            larger = pairs.beyond(config.beyond)
            net = hard_negative_training(
                net, larger.adversarial, larger.originals, larger.labels, layer=variant.layer, keep=variant.share,
                epochs=config.epochs_a_round, rng=seed, optimiser=SGD(config.rates[0]), progress=False,
            ).training.net  # fmt: skip
            pairs = _attacked(net, data, config, np.random.default_rng([seed, 3, number + 1]))
            distortion.append(pairs.distortion.mean())
            accuracy.append(1 - error_rate(net, test.x, test.labels))
        write_tensors(file, {"distortion": np.array(distortion), "test": np.array(accuracy)}, {})


def _attacked(net: Network, data: Dataset, config: Config, rng: np.random.Generator) -> Pairs:
    """Attack correctly classified images; the target of each is a random other class."""
    tried = rng.permutation(len(data))[: 4 * config.images]
    shift = rng.integers(1, data.K, len(tried))
    right = np.flatnonzero(net.predict(data.x[tried]).argmax(axis=1) == data.labels[tried])[: config.images]
    x, labels = data.x[tried][right], data.labels[tried][right]
    targets = (labels + shift[right]) % data.K
    found = minimal_distortion(net, x, targets, polish=False, evaluations=config.evaluations, progress=False)
    return Pairs(x, found.x, labels, targets, found.distortion, len(x))[found.success]


def _file(base: BaseNet, config: Config, variant: Variant, seed: int, context: Context) -> Path:
    facts = {"network": base.file.stem, "variant": variant, "seed": seed, "rate": config.rates[0]}
    facts |= {"rounds": config.rounds, "images": config.images, "epochs": config.epochs_a_round}
    facts |= {"beyond": config.beyond, "evaluations": config.evaluations}
    return kept_file(context, "rounds of attack and training", facts)


EXPERIMENT = Experiment(
    "HI-10",
    "Repeated rounds of attack and training",
    "Hinthorn 2017, 6.3",
    {
        "smoke": Config(**vars(HARD_SMOKE) | {"rounds": 1, "seeds": 1}, images=3, epochs_a_round=1, evaluations=40),
        "quick": Config(),
        "paper": Config(**vars(HARD_PAPER) | {"rates": (0.003,), "rounds": 10}, images=208),
    },
    run,
)
