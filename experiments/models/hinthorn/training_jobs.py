"""Hard-negative training from several base networks: a job and a kept file for each network, learning rate, variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Context
from experiments.models.hinthorn.base import BaseNet
from experiments.models.hinthorn.pairs import Pairs
from experiments.models.hinthorn.runs import LEVELS, Runs, joined
from experiments.models.hinthorn.variants import CLUSTERED, CLUSTERS, Hard, Key, Variant
from experiments.models.kept import kept_file
from nnpg import SGD, Network, error_rate, load_network
from nnpg.analysis.groups import By
from nnpg.training_methods.hard_negatives import hard_negative_training
from nnpg.training_methods.unit_clusters import volatility_clusters
from nnpg.training_methods.volatility import Measure, unit_changes, unit_output
from nnpg_kernels import Array

TEST_IMAGES = 500


@dataclass(frozen=True, eq=False)
class Start:
    """A base network, its adversarial pairs, and by how much their change exceeds the least distortion."""

    base: BaseNet
    pairs: Pairs
    factor: float


def trained_runs(
    starts: Sequence[Start], keys: Sequence[Key], config: Hard, by: By, context: Context
) -> dict[Key, Runs]:
    """Train every variant at its learning rate from every start; what `context.models` holds is read."""
    jobs, files = dict[str, Job](), dict[str, Path]()
    for start in starts:
        base, pool = start.base, start.pairs.beyond(start.factor)
        shown = np.random.default_rng(base.seed).permutation(len(base.test))[:TEST_IMAGES]
        test = (base.test.x[shown], base.test.labels[shown])
        for key in keys:
            jobs[_name(start, key)] = (base.file, context.backend, pool, test, config, by, key, base.seed)
            files[_name(start, key)] = _file(start, config, by, key, context)
    runs = context.run_jobs(_train, jobs, f"hard negatives, {by}", long=config.long, files=files)
    return {key: joined([runs[_name(start, key)] for start in starts]) for key in keys}


Job = tuple[Path, str, Pairs, tuple[Array, Array], Hard, By, Key, int]


def _name(start: Start, key: Key) -> str:
    rate, variant = key
    return f"seed {start.base.seed}, {start.factor:g} times, lr {rate:g}, {variant.name}"


def _train(job: Job) -> dict[str, Array]:
    """Draw the pairs of one base network, hold some out, and train one variant on the rest."""
    where, backend, pool, test, config, by, (rate, variant), seed = job
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
    reading = variant.reading
    measure: Measure = "volatility" if reading.measure == "clustered volatility" else reading.measure
    done = hard_negative_training(
        net, learnt.adversarial, learnt.originals, learnt.labels, layer=variant.layer, keep=variant.share,
        mode=reading.mode, measure=measure, every=reading.every, clusters=_clusters(net, learnt, variant),
        groups=learnt.groups(by).index if reading.grouped else None, epochs=variant.longer * config.rounds, rng=seed,
        optimiser=SGD(rate), judged_on=watched, judge_every=config.judge_every, progress=False,
    )  # fmt: skip
    return {
        "final": np.array([1 - error_rate(done.training.net, *sets[level]) for level in LEVELS]),
        "steps": done.steps,
        "held out": done.accuracy["held out"],
        "fresh": done.accuracy["fresh"],
        "instability": done.instability,
        "pairs": np.array([len(learnt)]),
    }


def _clusters(net: Network, learnt: Pairs, variant: Variant) -> Array | None:
    """Return the clusters that the base network's units form over the pairs trained on, if the variant takes them."""
    if variant.reading != CLUSTERED:
        return None
    layer = unit_output(net, layer=variant.layer)
    changes = unit_changes(net, learnt.originals, learnt.adversarial, layers=layer)
    return volatility_clusters(changes[layer].volatility, clusters=CLUSTERS)


def _file(start: Start, config: Hard, by: By, key: Key, context: Context) -> Path:
    rate, variant = key
    facts = {"network": start.base.file.stem, "seed": start.base.seed, "by": by, "rate": rate, "variant": variant}
    facts |= {"pairs": config.pairs, "drawn": config.drawn, "beyond": start.factor, "rounds": config.rounds}
    facts |= {"judged": config.judged, "every": config.judge_every}
    return kept_file(context, "hard negatives", facts)
