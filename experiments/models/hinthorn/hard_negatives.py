"""Hard-negative training over seeds, control and selective dropout: the runs of HI-T1 to HI-T3, HI-5 and HI-7 to HI-9.

For each seed 208 pairs are drawn from the pool, one of each perturbation group is held out as in the paper, and every
variant is trained from the same network on the rest, in the same order. All other pairs of the pool are fresh: no
network was trained on them, and there are enough of them to measure small differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.experiment import Context
from experiments.models.hinthorn.base import BaseNet, base_net
from experiments.models.hinthorn.pairs import Pairs, adversarial_pairs
from experiments.models.hinthorn.runs import LEVELS, Runs, joined
from experiments.models.hinthorn.variants import Hard, Key, Variant
from experiments.models.kept import kept_file
from nnpg import SGD, error_rate, load_network
from nnpg.analysis.groups import By
from nnpg.files import read_tensors, write_tensors
from nnpg.training_methods.hard_negatives import hard_negative_training
from nnpg_kernels import Array


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
    jobs = {}
    for seed in seeds:
        missing = [(key, files[key, seed]) for key in keys if not files[key, seed].exists()]
        if missing:
            jobs[f"seed {seed}"] = (base.file, context.backend, pairs, test, config, by, missing, seed)
    context.run_jobs(_train, jobs, f"hard negatives, {by}", long=config.long)
    return {key: joined([read_tensors(files[key, seed])[0] for seed in seeds]) for key in keys}


Job = tuple[Path, str, Pairs, tuple[Array, Array], Hard, By, list[tuple[Key, Path]], int]


def _train(job: Job) -> None:
    """Draw the pairs of one seed, and train each variant from the same network."""
    where, backend, pool, test, config, by, wanted, seed = job
    net = load_network(where, backend)
    rng = np.random.default_rng([seed, 2])
    order = rng.permutation(len(pool))
    drawn, fresh = pool[order[: config.drawn]], pool[order[config.drawn :]]
    out = drawn.groups(by).hold_out(rng=rng)
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


def _file(base: BaseNet, config: Hard, by: By, key: tuple[float, Variant], seed: int, context: Context) -> Path:
    rate, variant = key
    facts = {"network": base.file.stem, "first seed": context.seed_or(config.seed), "seed": seed, "by": by}
    facts |= {"rate": rate, "variant": variant, "pairs": config.pairs, "drawn": config.drawn, "beyond": config.beyond}
    facts |= {"rounds": config.rounds, "judged": config.judged, "every": config.judge_every}
    return kept_file(context, "hard negatives", facts)
