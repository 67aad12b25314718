"""The pictures and listings of HI-T1 to HI-T3: error against epochs, accuracies at the end, the attack."""

from __future__ import annotations

import numpy as np

from experiments.models.hinthorn.base import CONV, DENSE
from experiments.models.hinthorn.hard_negatives import Strength
from experiments.models.hinthorn.runs import LEVELS, Runs
from experiments.models.hinthorn.variants import CONTROL, LONGER, Hard, Key, chosen_variants
from nnpg.analysis.verdicts import share_interval
from nnpg.plots import Lines, Measured
from nnpg_kernels import Array


def accuracy_panels(runs: dict[Key, Runs], config: Hard) -> list[Measured]:
    """The accuracies at the end, on the pairs held out and on all pairs not trained on, of what ran at every rate."""
    variants = [v for v in (*chosen_variants(config), LONGER) if all((rate, v) in runs for rate in config.rates)]
    return [
        Measured(
            f"lr {rate:g}, {level}",
            {v.name: share_interval(runs[rate, v].final[level]) for v in variants},
            "accuracy on adversarial images",
        )
        for rate in config.rates
        for level in ("held out", "fresh")
    ]


def error_curves(runs: dict[Key, Runs], config: Hard) -> list[Lines]:
    """The mean error of all nets on fresh pairs, over the epochs; at one rate the control has twice as many."""
    longest = {rate: LONGER if (rate, LONGER) in runs else CONTROL for rate in config.rates}
    return [
        Lines(
            f"lr {rate:g}, {layer}", runs[rate, control].epochs,
            {v.name: _error(runs[rate, v], runs[rate, control].steps)
             for v in (control, *(v for v in chosen_variants(config) if v != CONTROL and v.layer == layer))},
            "epochs", "error on fresh pairs",
        )
        for rate, control in longest.items() for layer in (CONV, DENSE)
    ]  # fmt: skip


def _error(r: Runs, steps: Array) -> list[float]:
    at = dict(zip(r.steps.tolist(), (1 - r.fresh.mean(axis=0)).tolist(), strict=True))
    return [at.get(step, np.nan) for step in steps.tolist()]


def accuracy_table(runs: dict[Key, Runs]) -> str:
    """The mean accuracies of every variant at the end."""
    lines = [" " * 56 + "".join(f"{level:>12}" for level in LEVELS)]
    for (rate, variant), r in runs.items():
        cells = "".join(f"{r.final[level].mean():12.4f}" for level in LEVELS)
        lines.append(f"lr {rate:<6g} {variant.name:46}{cells}")
    return "\n".join(
        [*lines, "fresh: all pairs not trained on; originals: of the pairs trained on; test: 500 test images"]
    )


def choice_table(strength: Strength, config: Hard) -> str:
    """The control's accuracies that decided, and how sure the network was of the target before the training."""
    lines = ["times the least distortion   confidence" + "".join(f"   lr {rate:<8g}" for rate, _ in config.wanted)]
    for factor, accuracy in strength.accuracy.items():
        lines.append(
            f"{factor:<26g}   {strength.confidence[factor]:<10.4f}" + "".join(f"   {a:<11.4f}" for a in accuracy)
        )
    wanted = "".join(f"   {accuracy:<11.4f}" for _, accuracy in config.wanted)
    return "\n".join([*lines, f"{'wanted: control in Table 1':39}{wanted}"])
