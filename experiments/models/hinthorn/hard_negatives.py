"""Hard-negative training over seeds, control and selective dropout: the runs of HI-T1 to HI-T3, HI-5 and HI-7 to HI-9.

For each seed 208 pairs are drawn from the pool, one of each perturbation group is held out as in the paper, and every
variant is trained from the same network on the rest, in the same order. All other pairs of the pool are fresh: no
network was trained on them, and there are enough of them to measure small differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.experiment import Context
from experiments.jobs import run_jobs
from experiments.models.hinthorn.base import (
    CONV,
    DENSE,
    PAPER,
    PAPER_PAIRS,
    SMOKE,
    Base,
    BaseNet,
    Pairs,
    adversarial_pairs,
    base_net,
)
from experiments.models.kept import kept_file
from nnpg import SGD, error_rate, load_network
from nnpg.analysis.groups import By
from nnpg.analysis.statistics import holm, paired_p
from nnpg.files import read_tensors, write_tensors
from nnpg.training_methods.selective_dropout import Retention, hard_negative_training
from nnpg_kernels import Array

LEVELS = ("held out", "fresh", "trained on", "originals", "test")  # of the accuracies at the end


class Variant(NamedTuple):
    """The layer whose units are selected, the share kept, and the rate at which that share grows to 1."""

    layer: str
    keep: float
    alpha: float = 0.0

    @property
    def name(self) -> str:
        """For tables."""
        if self.keep == 1:
            return "control"
        return f"{self.layer}, keep {self.keep:g}" + (f" growing at {self.alpha:g}" if self.alpha else "")

    @property
    def share(self) -> float | Callable[[int], float]:
        """What `hard_negative_training` takes."""
        return Retention(self.keep, self.alpha) if self.alpha else self.keep


CONTROL = Variant(CONV, 1.0)
PAPERS = tuple(Variant(layer, keep) for layer in (CONV, DENSE) for keep in (0.2, 0.5, 0.7))


@dataclass(frozen=True)
class Hard(Base):
    """The paper's learning rates; seeds; and the factor by which the change exceeds the least distortion.

    Each pair is one step, as in the paper; plain SGD, since the paper names no momentum for this stage.
    """

    rates: tuple[float, ...] = (0.001, 0.003)
    keeps: tuple[float, ...] = (0.2, 0.5, 0.7)
    seeds: int = 10
    rounds: int = 4  # epochs of hard-negative training
    drawn: int = PAPER_PAIRS
    beyond: float = 1.25
    judged: int = 200  # fresh pairs that are judged while training
    judge_every: int = 100  # steps


HARD_PAPER = Hard(**vars(PAPER) | {"pairs": 10208}, seeds=20, rounds=20)
HARD_SMOKE = Hard(**vars(SMOKE), rates=(0.01,), keeps=(0.5,), seeds=2, rounds=1, drawn=12, judged=4, judge_every=8)


@dataclass(frozen=True, eq=False)
class Runs:
    """The results of one variant at one learning rate, over R seeds.

    Parameters
    ----------
    final : mapping
        final["fresh"] is an array (R,) of accuracies at the end, for each of LEVELS.
    steps : array (T,)
    held_out, fresh : arrays (R, T)
        Accuracy during training, on the held-out pairs and on the first `judged` fresh pairs.
    instability : array (R, F)
    n_held_out : int
        Pairs held out in the first seed.
    """

    final: dict[str, Array]
    steps: Array
    held_out: Array
    fresh: Array
    instability: Array
    n_held_out: int


def hard_negative_runs(
    config: Hard, by: By, variants: Sequence[Variant], context: Context
) -> dict[tuple[float, Variant], Runs]:
    """Train every variant at every learning rate for every seed; runs that `context.models` holds are read."""
    base = base_net(config, context)
    pairs = adversarial_pairs(base, config, context).beyond(config.beyond)
    first = context.seed_or(config.seed)
    judged = np.random.default_rng(first).permutation(len(base.test))[:500]
    test = (base.test.x[judged], base.test.labels[judged])
    keys = [(rate, variant) for rate in config.rates for variant in variants]
    seeds = range(first, first + config.seeds)
    files = {(key, seed): _file(base, config, by, key, seed, context) for key in keys for seed in seeds}
    jobs = []
    for seed in seeds:
        missing = [(key, files[key, seed]) for key in keys if not files[key, seed].exists()]
        if missing:
            jobs.append((base.file, context.backend, pairs, test, config, by, missing, seed))
    run_jobs(_train, jobs, f"hard negatives, {by}", in_processes=config.in_processes, progress=context.progress)
    return {key: _joined([read_tensors(files[key, seed])[0] for seed in seeds]) for key in keys}


def chosen_variants(config: Hard) -> tuple[Variant, ...]:
    """The control, and selective dropout on either layer."""
    return (CONTROL, *(Variant(layer, keep) for layer in (CONV, DENSE) for keep in config.keeps))


Key = tuple[float, Variant]
Job = tuple[Path, str, Pairs, tuple[Array, Array], Hard, By, list[tuple[Key, Path]], int]


def _train(job: Job) -> None:
    """Draw the pairs of one seed, and train each variant from the same network."""
    where, backend, pool, test, config, by, wanted, seed = job
    net = load_network(where, backend)
    rng = np.random.default_rng([seed, 2])
    order = rng.permutation(len(pool))
    drawn, fresh = pool[order[: config.drawn]], pool[order[config.drawn :]]
    out = drawn.groups(by).hold_out(rng)
    learnt, held_out = drawn[~out], drawn[out]
    sets = {
        "held out": (held_out.adversarial, held_out.labels),
        "fresh": (fresh.adversarial, fresh.labels),
        "trained on": (learnt.adversarial, learnt.labels),
        "originals": (learnt.originals, learnt.labels),
        "test": test,
    }
    watched = {
        "held out": sets["held out"],
        "fresh": (fresh.adversarial[: config.judged], fresh.labels[: config.judged]),
    }
    for (rate, variant), file in wanted:
        done = hard_negative_training(
            net, learnt.adversarial, learnt.originals, learnt.labels, layer=variant.layer, keep=variant.share,
            epochs=config.rounds, rng=seed, optimiser=SGD(rate), judged_on=watched, judge_every=config.judge_every,
            progress=False,
        )  # fmt: skip
        tensors = {
            "final": np.array([1 - error_rate(done.training.net, *sets[level]) for level in LEVELS]),
            "steps": done.steps,
            "held out": done.accuracy["held out"],
            "fresh": done.accuracy["fresh"],
            "instability": done.instability,
            "n held out": np.array([len(held_out)]),
        }
        write_tensors(file, tensors, {})


def _joined(seeds: Sequence[Mapping[str, Array]]) -> Runs:
    T = min(len(run["steps"]) for run in seeds)  # the numbers of groups, and so of steps, differ slightly
    final = np.stack([run["final"] for run in seeds])
    return Runs(
        {level: final[:, i] for i, level in enumerate(LEVELS)},
        seeds[0]["steps"][:T],
        np.stack([run["held out"][:T] for run in seeds]),
        np.stack([run["fresh"][:T] for run in seeds]),
        np.stack([run["instability"] for run in seeds]),
        int(seeds[0]["n held out"][0]),
    )


def _file(base: BaseNet, config: Hard, by: By, key: tuple[float, Variant], seed: int, context: Context) -> Path:
    rate, variant = key
    facts = {"network": base.file.stem, "first seed": context.seed_or(config.seed), "seed": seed, "by": by}
    facts |= {"rate": rate, "variant": variant, "pairs": config.pairs, "drawn": config.drawn, "beyond": config.beyond}
    facts |= {"rounds": config.rounds, "judged": config.judged, "every": config.judge_every}
    return kept_file(context, "hard negatives", facts)


class Compared(NamedTuple):
    """A variant minus the control for each seed, and the p of the paired t test, corrected for all variants (Holm)."""

    difference: Array
    p: float


def against_control(
    runs: Mapping[tuple[float, Variant], Runs], values: Callable[[Runs], Array]
) -> dict[tuple[float, Variant], Compared]:
    """Compare every variant with the control of its learning rate."""
    keys = [key for key in runs if key[1] != CONTROL]
    differences = [values(runs[key]) - values(runs[key[0], CONTROL]) for key in keys]
    corrected = holm(np.nan_to_num([paired_p(d) for d in differences], nan=1.0))
    return {key: Compared(d, float(p)) for key, d, p in zip(keys, differences, corrected, strict=True)}


def steps_to_optimum(steps: Array, curves: Array, within: float = 0.01) -> Array:
    """Steps (R,) after which each curve (R, T) first was no more than `within` below its highest value."""
    reached = curves >= curves.max(axis=1, keepdims=True) - within
    return steps[reached.argmax(axis=1)]
