"""Szegedy's MNIST networks, trained by full-batch L-BFGS, for the SZ experiments. Trained once, kept, reused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nnpg
from experiments.experiment import Context
from experiments.models.kept import kept_file
from experiments.models.mnist.digits import as_rows, digits, part_of
from experiments.models.mnist.lbfgs import MODELS, Training, autoencoder, facts, fully_trained
from nnpg import Network
from nnpg.attacks import Distorted, minimal_distortion
from nnpg.attacks.targets import Targets
from nnpg.data import Dataset
from nnpg.files import describe
from nnpg_kernels import Array


@dataclass(frozen=True)
class Trained:
    """A trained network, its seed, the indices of its training images, and the end of its training."""

    name: str
    net: Network
    seed: int
    seen: Array  # indices
    provenance: dict[str, Any]
    file: Path  # where the network is kept


def mnist_nets(names: Sequence[str], config: Training, context: Context) -> list[Trained]:
    """Train the named models of the first seed; see `nets_by_seed`."""
    return nets_by_seed(names, config, context, 1)[0]


def nets_by_seed(names: Sequence[str], config: Training, context: Context, seeds: int) -> list[list[Trained]]:
    """Train the named models of each seed, several at a time; models that `context.models` holds are loaded."""
    first = context.seed_or(config.seed)
    train, _ = digits(config.dataset, context.data_dir)
    jobs = [
        [
            (name, config, seed, _file(name, config, seed, train, context), context.data_dir, context.backend)
            for name in names
        ]
        for seed in range(first, first + seeds)
    ]
    largest_first = sorted((job for of_seed in jobs for job in of_seed), key=lambda job: -sum(MODELS[job[0]].hidden))
    missing = {f"{job[0]}, seed {job[2]}": job for job in largest_first if not job[3].exists()}
    context.run_jobs(_train, missing, "training by L-BFGS", long=config.dataset == "mnist")
    return [
        [
            Trained(
                name,
                nnpg.load_network(file, context.backend),
                seed,
                part_of(len(train), MODELS[name].part, seed),
                describe(file)["provenance"],
                file,
            )
            for name, _, seed, file, *_ in of_seed
        ]
        for of_seed in jobs
    ]


def training_ends(nets: Sequence[Trained]) -> str:
    """Return a line for each network: its loss at the end and before the last tenth, and why the training ended."""
    lines = [
        f"{n.name:17} seed {n.seed}: loss {n.provenance['loss']:.6f} ({n.provenance['loss before the last tenth']:.6f} "
        f"before the last tenth of {n.provenance['iterations']} iterations): {n.provenance['message']}"
        for n in nets
    ]
    return "\n".join([*lines, f"{sum(n.provenance['converged'] for n in nets)} of {len(nets)} converged."])


def _file(name: str, config: Training, seed: int, train: Dataset, context: Context) -> Path:
    return kept_file(context, "L-BFGS", {"name": name, "data": train, "seed": seed} | facts(MODELS[name], config))


def _train(job: tuple[str, Training, int, Path, str | None, str]) -> None:
    name, config, seed, file, data_dir, backend = job
    train, _ = digits(config.dataset, data_dir)
    seen = part_of(len(train), MODELS[name].part, seed)
    x, t = as_rows(train)[seen], train.labels[seen]
    train_model = autoencoder if MODELS[name].autoencoder else fully_trained
    done = train_model(MODELS[name], x, t, train.K, config, seed, backend)
    provenance = {
        "loss": done.losses[-1], "loss before the last tenth": done.losses[-1 - len(done.losses) // 10],
        "iterations": len(done.losses) - 1, "evaluations": done.evaluations, "converged": done.converged,
        "message": done.message,
    }  # fmt: skip
    nnpg.save(done.net, file, provenance)


def distorted(
    trained: Trained,
    x: Array,
    labels: Array,
    context: Context,
    targets: Targets = "random",
    polish: bool = True,
    **settings: Any,
) -> Distorted:
    """Return the images (N, m), with the least distortions found for their targets; kept like the networks.

    Random targets are drawn from the network's seed; `settings` are other arguments of `minimal_distortion`.
    """
    made_from = {"network": trained.file.stem, "x": x, "labels": labels, "targets": targets, "polish": polish}
    made_from |= {"seed": trained.seed, **settings}
    file = kept_file(context, f"distorted for {trained.name}", made_from)
    return minimal_distortion(
        trained.net, x, targets, labels=labels, rng=trained.seed, polish=polish, checkpoint=file, resume=True,
        progress=context.progress, **settings,
    )  # fmt: skip
