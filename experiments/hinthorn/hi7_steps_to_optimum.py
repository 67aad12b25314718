"""HI-7: does selective dropout reach its optimum in fewer steps than the control? (Hinthorn 2017, abstract, 5.6)

python -m experiments run HI-7        (from HI-T1's runs)

The paper says 1/2 to 1/3 fewer steps in one place and 2 to 3 times faster in another: both are judged, by the least
factor that each allows. The optimum is the highest accuracy on the fresh pairs that are judged during training. It is
reached within two points of it, and must be so before the last quarter of the epochs: a curve that still rises has not
shown its optimum. Such a run is censored, and bounds the ratio on one side (`nnpg.training_methods.learning_curves`).
Expected: no faster, because each step changes fewer units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.models.hinthorn.hard_negatives import hard_negative_runs
from experiments.models.hinthorn.runs import Runs
from experiments.models.hinthorn.variants import CONTROL, HARD_PAPER, HARD_SMOKE, Hard, Key, chosen_variants
from nnpg.analysis.verdicts import all_of, any_of, at_least
from nnpg.plots import Lines, line_panels
from nnpg.training_methods.learning_curves import Optima, median_steps, optima, times_fewer

WITHIN = 0.02  # of the optimum: about the standard error of an accuracy on 1,000 pairs
CLAIMS = {  # the control's steps over the variant's, at least
    1.5: at_least(1.5, "in 1/2-1/3 fewer steps"),
    2.0: at_least(2.0, "usually converging 2-3 times faster"),
}


def run(config: Hard, context: Context) -> Result:
    runs = hard_negative_runs(config, "both", chosen_variants(config), context)
    found = {key: optima(r.steps, r.fresh, within=WITHIN) for key, r in runs.items()}
    rows = [made for key in runs for made in (*_steps(key, found[key]), *_ratios(key, found))]
    line_panels(_curves(runs, config), context.folder / "curves.png", columns=2)
    return Result(tuple(rows), _verdict(rows, found), ("curves.png",))


def _steps(key: Key, found: Optima) -> list[Row]:
    (rate, variant), n = key, len(found.steps)
    name = f"lr {rate:g}, {variant.name}"
    median = median_steps(found)
    return [
        row(f"{name}: steps to the optimum, median (Kaplan-Meier)", None, median if math.isfinite(median) else math.nan,
            n, "nets", unit="steps"),
        row(f"{name}: runs still rising when training ended", None, float((~found.reached).mean()), n, "nets"),
    ]  # fmt: skip


def _ratios(key: Key, found: Mapping[Key, Optima]) -> list[Row]:
    """Both readings of the claim, at a confidence that allows for the number of variants: they share one interval."""
    rate, variant = key
    if variant == CONTROL:
        return []
    confidence = 1 - 0.05 / sum(v != CONTROL for _, v in found)
    ratio, n = times_fewer(found[rate, CONTROL], found[key], confidence=confidence), len(found[key].steps)
    return [
        row(f"lr {rate:g}, {variant.name}: times fewer than the control, at least {factor:g}", factor, ratio, n, "nets",
            unit="ratio", interval=f"{100 * confidence:.4g}% t of logs, bounds where censored", claim=claim)
        for factor, claim in CLAIMS.items()
    ]  # fmt: skip


def _curves(runs: Mapping[Key, Runs], config: Hard) -> list[Lines]:
    return [
        Lines(
            f"lr {rate:g}, {layer}", runs[rate, CONTROL].epochs,
            {v.name: r.fresh.mean(axis=0) for (lr, v), r in runs.items()
             if lr == rate and (v == CONTROL or v.layer == layer)},
            "epochs", "accuracy on fresh pairs",
        )
        for rate in config.rates for layer in dict.fromkeys(v.layer for v in chosen_variants(config))
    ]  # fmt: skip


def _verdict(rows: list[Row], found: Mapping[Key, Optima]) -> str:
    claimed = {f: [r for r in rows if r.claim == claim.quoted] for f, claim in CLAIMS.items()}
    middle = float(np.median([r.ours for r in claimed[2.0]]))
    judged = "; ".join(
        f"that it is at least {f:g} ('{CLAIMS[f].quoted}') is {all_of(r.verdict for r in of if r.verdict)} for all "
        f"variants and {any_of(r.verdict for r in of if r.verdict)} for any"
        for f, of in claimed.items()
    )
    rising, runs = sum(int((~o.reached).sum()) for o in found.values()), sum(len(o.steps) for o in found.values())
    return (
        f"The control needs {middle:.2f} times the steps of selective dropout (median of {len(claimed[2.0])} "
        f"variants); {judged}. {rising} of {runs} runs still rose when training ended, and are censored."
    )


EXPERIMENT = Experiment(
    "HI-7",
    "Steps to the optimum",
    "Hinthorn 2017, abstract and 5.6",
    {"smoke": HARD_SMOKE, "quick": Hard(), "paper": HARD_PAPER},
    run,
    version=2,
)
