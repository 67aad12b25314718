"""HI-7: does selective dropout reach its optimum in fewer steps than the control? (Hinthorn 2017, abstract, 5.6)

python -m experiments run HI-7        (a minute and a half on two cores, with HI-1's pairs)

The paper says 1/2 to 1/3 fewer steps in one place and 2 to 3 times faster in another: both are judged, by the least
factor that each allows. The optimum is the highest accuracy on the fresh pairs that are judged during training; it is
reached within one point of it. HI-T1 ends before its curves are flat, so these runs are longer. Expected: no faster,
because each step changes fewer units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.models.hinthorn.base import SEEDS
from experiments.models.hinthorn.hard_negatives import hard_negative_runs
from experiments.models.hinthorn.runs import against_control
from experiments.models.hinthorn.variants import CONTROL, HARD_PAPER, HARD_SMOKE, Hard, chosen_variants
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.analysis.verdicts import all_of, at_least
from nnpg.plots import Lines, line_panels
from nnpg.training_methods.learning_curves import steps_to_optimum

CLAIMS = {  # the control's steps over the variant's, at least
    1.5: at_least(1.5, "in 1/2-1/3 fewer steps"),
    2.0: at_least(2.0, "usually converging 2-3 times faster"),
}


@dataclass(frozen=True)
class Config(Hard):
    """One learning rate of HI-T1, with more epochs."""

    rates: tuple[float, ...] = (0.003,)
    keeps: tuple[float, ...] = (0.2, 0.5)
    rounds: int = 10


def run(config: Config, context: Context) -> Result:
    runs = hard_negative_runs(config, "both", chosen_variants(config), context)
    taken = {key: np.maximum(1, steps_to_optimum(r.steps, r.fresh)) for key, r in runs.items()}
    found = against_control(runs, lambda r: np.log(np.maximum(1, steps_to_optimum(r.steps, r.fresh))))
    n, by, rows = config.seeds, "95% t over seeds", list[Row]()
    confidence = 1 - 0.05 / len(found)
    by_corrected = f"{100 * confidence:.4g}% t over seeds"
    for (rate, variant), steps in taken.items():
        name = f"lr {rate:g}, {variant.name}"
        late = (steps == runs[rate, variant].steps[-1]).mean()
        rows.append(row(f"{name}: steps to the optimum", None, mean_interval(steps), n, SEEDS, unit="steps",
                        interval=by))  # fmt: skip
        rows.append(row(f"{name}: optimum at the last step judged, perhaps not reached", None, float(late), n,
                        SEEDS))  # fmt: skip
        if variant == CONTROL:
            continue
        ratio = np.exp(
            -np.array(mean_interval(found[rate, variant].differences, confidence=confidence))
        )  # the control's steps over the variant's
        p = found[rate, variant].p
        interval = Interval(ratio[0], ratio[2], ratio[1])
        for factor, claim in CLAIMS.items():
            rows.append(row(f"{name}: times fewer than the control, at least {factor:g}", factor, interval, n, SEEDS,
                            unit="ratio", interval=by_corrected, claim=claim))  # fmt: skip
        rows.append(row(f"{name}: times fewer than the control, p", None, p, n, SEEDS, unit="p (paired t, Holm)"))
    panels = [
        Lines(f"lr {rate:g}", runs[rate, CONTROL].steps,
              {v.name: r.fresh.mean(axis=0) for (lr, v), r in runs.items() if lr == rate},
              "steps", "accuracy on fresh pairs")
        for rate in config.rates
    ]  # fmt: skip
    line_panels(panels, context.folder / "curves.png")
    claimed = {factor: [r for r in rows if r.claim == claim.quoted] for factor, claim in CLAIMS.items()}
    middle = float(np.median([r.ours for r in claimed[2.0]]))
    judged = " and ".join(
        f"that it is at least {factor:g} ('{CLAIMS[factor].quoted}') is {all_of(r.verdict for r in of if r.verdict)}"
        for factor, of in claimed.items()
    )
    verdict = (
        f"The control needs {middle:.2f} times the steps of selective dropout (median of {len(found)} variants); "
        f"{judged}, because all seeds train one base net further."
    )
    return Result(tuple(rows), verdict, ("curves.png",))


EXPERIMENT = Experiment(
    "HI-7",
    "Steps to the optimum",
    "Hinthorn 2017, abstract and 5.6",
    {"smoke": Config(**vars(HARD_SMOKE)), "quick": Config(), "paper": Config(**vars(HARD_PAPER) | {"rounds": 40})},
    run,
)
