"""MNIST networks trained with pools of adversarial examples, with decay and with dropout, for SZ-5. Trained once.

Each method has a grid of settings of the same size. A few networks are trained with each setting; the setting with the
fewest errors on images held out is chosen, and the networks that are tested are trained with it on all images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

import nnpg
from experiments.experiment import Context
from experiments.models.kept import kept_file
from experiments.models.mnist.digits import as_rows, digits
from experiments.models.mnist.lbfgs import decay_of
from nnpg import SGD, Network
from nnpg.attacks.targets import Rule
from nnpg.data import Dataset
from nnpg.recipes.networks import Step
from nnpg.training_methods.adversarial_pool import AdversarialPool

POOL = "adversarial pool"
POOLED = {  # which outputs have a pool
    POOL: ("input", "sigmoid1", "sigmoid2"),
    "pool of the input only": ("input",),
    "pool of the hidden layers": ("sigmoid1", "sigmoid2"),
}
METHODS = ("decay", "dropout", *POOLED)
DECAY = (1e-5, 1e-5, 1e-6)  # the paper's, of each layer
MOMENTUM = 0.9


@dataclass(frozen=True)
class PoolTraining:
    """Training images (0 for all), those held out to choose, epochs, networks of each setting, and the grids."""

    dataset: str = "mnist"
    images: int = 12000
    held_out: int = 2000
    epochs: int = 30
    tries: int = 1  # networks of each setting, to choose
    seeds: int = 3  # networks of each method that are tested
    seed: int = 0
    batch: int = 100
    lrs: tuple[float, ...] = (0.5,)  # of every method
    decays: tuple[float, ...] = (1.0, 4.0, 16.0, 64.0)  # times the paper's, which dropout and pools have
    pixels: tuple[float, ...] = (0.0, 0.1)  # share that dropout leaves out
    units: tuple[float, ...] = (0.1, 0.2)
    targets: tuple[Rule, ...] = ("nearest", "random")  # of the pools' examples
    shares: tuple[int, ...] = (20,)  # examples of each pool in a step
    pools: tuple[int, ...] = (100, 400)  # examples in a pool
    new: int = 100  # of them made at a time
    times: int = 2  # that they are made in an epoch


@dataclass(frozen=True)
class Setting:
    """What is chosen for a method; the fields that it does not use keep these values."""

    method: str
    lr: float
    decay: float = 1.0
    pixels: float = 0.0
    units: float = 0.0
    targets: Rule = "nearest"
    share: int = 0
    pool: int = 0

    def __str__(self) -> str:
        if self.method == "decay":
            return f"lr {self.lr:g}, decay x {self.decay:g}"
        if self.method == "dropout":
            return f"lr {self.lr:g}, without {self.pixels:.0%} of the pixels and {self.units:.0%} of the units"
        return f"lr {self.lr:g}, {self.targets} targets, {self.share} of a pool of {self.pool} in a step"


class Tried(NamedTuple):
    """A setting, and the error on the images held out, the mean over the networks trained with it on the others."""

    setting: Setting
    error: float


def grid(method: str, config: PoolTraining) -> list[Setting]:
    """Return the settings of a method."""
    if method == "decay":
        return [Setting(method, lr, decay=c) for lr, c in product(config.lrs, config.decays)]
    if method == "dropout":
        rates = product(config.lrs, config.pixels, config.units)
        return [Setting(method, lr, pixels=pixels, units=units) for lr, pixels, units in rates]
    pools = product(config.lrs, config.targets, config.shares, config.pools)
    return [Setting(method, lr, targets=targets, share=share, pool=pool) for lr, targets, share, pool in pools]


def try_settings(config: PoolTraining, train: Dataset, context: Context) -> dict[str, list[Tried]]:
    """Train networks with every setting of every method without the images held out; return their errors on these."""
    _, held_out = divided(config, train)
    settings = [setting for method in METHODS for setting in grid(method, config)]
    first = context.seed_or(config.seed)
    wanted = [(setting, seed, "fit") for setting in settings for seed in range(first, first + config.tries)]
    x, labels = as_rows(train)[held_out], train.labels[held_out]
    errors = [nnpg.error_rate(net, x, labels) for net in _trained(wanted, config, train, context)]
    means = np.reshape(errors, (len(settings), config.tries)).mean(axis=1)
    tried = [Tried(setting, float(error)) for setting, error in zip(settings, means, strict=True)]
    return {method: [t for t in tried if t.setting.method == method] for method in METHODS}


def chosen(tried: Sequence[Tried]) -> Setting:
    """Return the setting with the fewest errors on the images held out; of equal ones the first."""
    return min(tried, key=lambda t: t.error).setting


def choice_table(tried: Mapping[str, Sequence[Tried]]) -> str:
    """Return a line for each setting; a star marks the chosen ones."""
    return "\n".join(
        f"{'*' if setting == chosen(of_method) else ' '} {method:26} {100 * error:.2f}%  {setting}"
        for method, of_method in tried.items()
        for setting, error in of_method
    )


def final_nets(
    tried: Mapping[str, Sequence[Tried]], config: PoolTraining, train: Dataset, context: Context
) -> dict[str, list[Network]]:
    """Train the networks that are tested, with the chosen settings, on all images; their seeds are new."""
    first = context.seed_or(config.seed) + config.tries
    wanted = [(chosen(t), seed, "all") for t in tried.values() for seed in range(first, first + config.seeds)]
    nets = _trained(wanted, config, train, context)
    return {method: nets[i * config.seeds : (i + 1) * config.seeds] for i, method in enumerate(tried)}


def divided(config: PoolTraining, train: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the images that settings are fitted to, and of those held out; the seed changes nothing."""
    order = np.random.default_rng(0).permutation(len(train))[: config.images or None]
    return np.sort(order[config.held_out :]), np.sort(order[: config.held_out])


def images_of(part: str, config: PoolTraining, train: Dataset) -> Dataset:
    """Return the training images of "fit" (without those held out) or "all"."""
    fit, held_out = divided(config, train)
    return train.subset(fit if part == "fit" else np.sort(np.concatenate([fit, held_out])))


def _trained(
    wanted: Sequence[tuple[Setting, int, str]], config: PoolTraining, train: Dataset, context: Context
) -> list[Network]:
    """Return the network of each setting, seed and part; those that `context.models` holds are loaded."""
    parts = {part: images_of(part, config, train) for part in {part for _, _, part in wanted}}
    files = [_file(s, seed, config, parts[part], context) for s, seed, part in wanted]
    jobs = sorted(zip(wanted, files, strict=True), key=lambda job: -len(POOLED.get(job[0][0].method, ())))
    longest_first = {
        f"{s.method}, {s}, seed {seed}, {part}": (s, seed, part, config, context, file)
        for (s, seed, part), file in jobs
        if not file.exists()
    }
    context.run_jobs(_train, longest_first, f"training {len(longest_first)} networks", long=config.dataset == "mnist")
    return [nnpg.load_network(file, context.backend) for file in files]


def _train(job: tuple[Setting, int, str, PoolTraining, Context, Path]) -> None:
    setting, seed, part, config, context, file = job
    data = images_of(part, config, digits(config.dataset, context.data_dir)[0])
    x, labels = as_rows(data), data.labels
    net, optimiser = _start(setting, seed, config, data, context)
    pool = AdversarialPool(
        x, labels, layers=POOLED[setting.method], size=setting.pool, new=min(config.new, setting.pool),
        every=-(-_steps(config, len(x)) // config.times), targets=setting.targets, seed=seed, batch=setting.share,
    ) if setting.method in POOLED else None  # fmt: skip
    done = nnpg.train(
        net, x, labels, epochs=config.epochs, batch=config.batch, rng=seed, optimiser=optimiser, take_step=pool,
        progress=False,
    )  # fmt: skip
    last = done.history[-1]
    nnpg.save(done.net, file, {"method": setting.method, "loss": last.loss, "training error": last.error})


def _start(setting: Setting, seed: int, config: PoolTraining, data: Dataset, context: Context) -> tuple[Network, SGD]:
    """The untrained network of a setting, and the optimiser, whose last step is a tenth of the first."""

    def without(share: float) -> list[Step]:
        return [nnpg.Dropout(share)] if share else []

    recipe = without(setting.pixels)
    for _ in range(2):
        recipe += [nnpg.dense(100), nnpg.Sigmoid(), *without(setting.units)]
    recipe += [nnpg.dense(data.K), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=(data.x[0].size,), rng=seed, backend=context.backend)
    decay = decay_of(net, [setting.decay * strength for strength in DECAY], len(data))
    return net, SGD(setting.lr, MOMENTUM, decay, lr_decay=9 / (config.epochs * _steps(config, len(data))))


def _steps(config: PoolTraining, images: int) -> int:
    """Steps per epoch."""
    return -(-images // config.batch)


def _file(setting: Setting, seed: int, config: PoolTraining, data: Dataset, context: Context) -> Path:
    net, optimiser = _start(setting, seed, config, data, context)
    facts: dict[str, object] = {"setting": setting, "network": net, "optimiser": optimiser, "data": data, "seed": seed}
    facts |= {"epochs": config.epochs, "batch": config.batch}
    if setting.method in POOLED:
        facts |= {"layers": POOLED[setting.method], "new": config.new, "times": config.times}
    return kept_file(context, f"SZ-5 {setting.method}", facts)
