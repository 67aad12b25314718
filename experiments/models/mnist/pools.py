"""MNIST networks trained with pools of adversarial examples, with decay and with dropout, for SZ-5. Trained once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nnpg
from experiments.experiment import Context
from experiments.models.kept import kept_file
from experiments.models.mnist.digits import digits, random_images
from experiments.models.mnist.lbfgs import decay_of
from nnpg import SGD, Network
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


def pool_nets(config: PoolTraining, train: Dataset, context: Context) -> dict[str, list[Network]]:
    """Train a network with every method for every seed; networks that `context.models` holds are loaded."""
    first = context.seed_or(config.seed)
    seeds = range(first, first + config.seeds)
    files = {(m, seed): _file(m, seed, config, train, context) for m in METHODS for seed in seeds}
    missing = {
        f"{m}, seed {seed}": (m, seed, config, context, file) for (m, seed), file in files.items() if not file.exists()
    }
    context.run_jobs(_train, missing, f"training {len(missing)} networks", long=config.dataset == "mnist")
    return {m: [nnpg.load_network(files[m, seed], context.backend) for seed in seeds] for m in METHODS}


def _train(job: tuple[str, int, PoolTraining, Context, Path]) -> None:
    method, seed, config, context, file = job
    train, _ = digits(config.dataset, context.data_dir)
    x, labels = random_images(train, config.images, 0)
    net, optimiser = _start(method, seed, config, train, context)
    pool = AdversarialPool(
        x, labels, layers=POOLED[method], size=config.pool, new=config.new, every=_steps(config, len(x)), seed=seed,
        batch=config.share,
    ) if method in POOLED else None  # fmt: skip
    done = nnpg.train(
        net, x, labels, epochs=config.epochs, batch=config.batch, rng=seed, optimiser=optimiser, take_step=pool,
        progress=False,
    )  # fmt: skip
    nnpg.save(done.net, file, {"method": method, "loss": done.history[-1].loss})


def _start(method: str, seed: int, config: PoolTraining, train: Dataset, context: Context) -> tuple[Network, SGD]:
    """The untrained network of a method, and the optimiser, whose last step is a tenth of the first."""
    dropout = [nnpg.Dropout(config.dropout)] if method == "dropout" else []
    recipe: list[Step] = [*dropout]
    for _ in range(2):
        recipe += [nnpg.dense(100), nnpg.Sigmoid(), *dropout]
    recipe += [nnpg.dense(train.K), nnpg.Softmax()]
    pixels = train.x[0].size
    net = nnpg.build(recipe, input_shape=(pixels,), rng=seed, backend=context.backend)
    images = min(config.images, len(train)) if config.images else len(train)
    decay = decay_of(net, (1e-5, 1e-5, 1e-6), images)
    return net, SGD(config.lr, 0.9, decay, lr_decay=9 / (config.epochs * _steps(config, images)))


def _steps(config: PoolTraining, images: int) -> int:
    """Steps per epoch."""
    return -(-images // config.batch)


def _file(method: str, seed: int, config: PoolTraining, train: Dataset, context: Context) -> Path:
    net, optimiser = _start(method, seed, config, train, context)
    facts: dict[str, object] = {"method": method, "network": net, "optimiser": optimiser, "data": train, "seed": seed}
    facts |= {"images": config.images, "epochs": config.epochs, "batch": config.batch}
    if method in POOLED:
        facts |= {"pool": config.pool, "new": config.new, "share": config.share}
    return kept_file(context, "SZ-5", facts)
