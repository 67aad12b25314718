"""MNIST networks trained with pools of adversarial examples, with decay and with dropout, for SZ-5. Trained once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nnpg
from experiments.experiment import Context
from experiments.jobs import run_jobs
from experiments.models.kept import kept_file
from experiments.models.mnist import decay_of, digits, random_images
from nnpg import SGD, Network
from nnpg.recipes.networks import Step
from nnpg.training_methods.adversarial_pool import AdversarialPool
from nnpg_kernels import Array

POOL = "adversarial pool"
POOLED = {  # which outputs have a pool
    POOL: ("input", "sigmoid1", "sigmoid2"),
    "pool of the input only": ("input",),
    "pool of the hidden layers": ("sigmoid1", "sigmoid2"),
}
METHODS = ("decay", "dropout", *POOLED)


@dataclass(frozen=True)
class PoolTraining:
    """Training images, 0 for all; seeds; examples in a pool, new examples per epoch, and examples per step."""

    dataset: str = "mnist"
    images: int = 10000
    epochs: int = 60
    seeds: int = 3
    seed: int = 0
    lr: float = 0.5
    batch: int = 100
    dropout: float = 0.1
    pool: int = 2000
    new: int = 200
    share: int = 20


Job = tuple[str, int, PoolTraining, str | None, str, Path]  # method, seed, ..., data folder, backend, where it is kept


def pool_nets(config: PoolTraining, x: Array, t: Array, context: Context) -> dict[str, list[Network]]:
    """Train a network with every method for every seed; networks that `context.models` holds are loaded.

    x (N, m), t (N,) are the `config.images` training images, for the names of the files.
    """
    first = context.seed_or(config.seed)
    jobs: list[Job] = [
        (method, seed, config, context.data_dir, context.backend, _file(method, seed, config, x, t, context))
        for method in METHODS
        for seed in range(first, first + config.seeds)
    ]
    missing = [job for job in jobs if not job[-1].exists()]
    run_jobs(
        _train,
        missing,
        f"training {len(missing)} networks",
        in_processes=config.dataset == "mnist",
        progress=context.progress,
    )
    return {m: [nnpg.load_network(job[-1], context.backend) for job in jobs if job[0] == m] for m in METHODS}


def _train(job: Job) -> None:
    method, seed, config, data_dir, backend, file = job
    train, _ = digits(config.dataset, data_dir)
    x, t = random_images(train, config.images, 0)
    net = _network(train.K, config.dropout if method == "dropout" else 0.0, x.shape[1], seed, backend)
    steps = -(-len(x) // config.batch)
    pool = AdversarialPool(
        x, t, POOLED[method], size=config.pool, new=config.new, every=steps, batch=config.share, seed=seed
    ) if method in POOLED else None  # fmt: skip
    step = SGD(
        config.lr, 0.9, decay_of(net, (1e-5, 1e-5, 1e-6), len(x)), lr_decay=9 / (config.epochs * steps)
    )  # the last step is a tenth of the first
    done = nnpg.train(net, x, t, epochs=config.epochs, batch=config.batch, rng=seed, optimiser=step, take_step=pool,
                      progress=False)  # fmt: skip
    nnpg.save(done.net, file, {"method": method, "loss": done.history[-1].loss})


def _network(K: int, dropout: float, m: int, seed: int, backend: str) -> Network:
    recipe: list[Step] = [nnpg.Dropout(dropout)] if dropout else []
    for _ in range(2):
        recipe += [nnpg.dense(100), nnpg.Sigmoid(), *([nnpg.Dropout(dropout)] if dropout else [])]
    return nnpg.build([*recipe, nnpg.dense(K), nnpg.Softmax()], input_shape=(m,), rng=seed, backend=backend)


def _file(method: str, seed: int, config: PoolTraining, x: Array, t: Array, context: Context) -> Path:
    facts: dict[str, object] = {"method": method, "x": x, "labels": t, "seed": seed}
    facts |= {"epochs": config.epochs, "lr": config.lr, "batch": config.batch}
    if method == "dropout":
        facts["dropout"] = config.dropout
    if method in POOLED:
        facts |= {"pool": config.pool, "new": config.new, "share": config.share}
    return kept_file(context, "SZ-5", facts)
