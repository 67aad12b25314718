"""HI-7: does selective dropout reach its optimum in fewer steps than the control? (Hinthorn 2017, abstract, 5.6)

python -m experiments run HI-7        (a minute and a half on two cores, with HI-1's pairs)

The optimum is the highest accuracy on the fresh pairs that are judged during training; it is reached within one point
of it. HI-T1 ends before its curves are flat, so these runs are longer. Expected: no faster, because each step changes
fewer units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.models.hinthorn.hard_negatives import hard_negative_runs
from experiments.models.hinthorn.runs import against_control
from experiments.models.hinthorn.variants import CONTROL, HARD_PAPER, HARD_SMOKE, Hard, chosen_variants
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.plots import Lines, line_panels
from nnpg.training_methods.learning_curves import steps_to_optimum

CLAIM = 2.0  # times fewer, at least


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
    for (rate, variant), steps in taken.items():
        name = f"lr {rate:g}, {variant.name}"
        late = (steps == runs[rate, variant].steps[-1]).mean()
        rows.append(row(f"{name}: steps to the optimum", None, mean_interval(steps), n, unit="steps", interval=by))
        rows.append(row(f"{name}: optimum at the last step judged, perhaps not reached", None, float(late), n))
        if variant == CONTROL:
            continue
        ratio = np.exp(
            -np.array(mean_interval(found[rate, variant].differences))
        )  # the control's steps over the variant's
        p = found[rate, variant].p
        faster = bool(p < 0.05 and ratio[0] > 1)
        interval = Interval(ratio[0], ratio[2], ratio[1])
        rows.append(row(f"{name}: times fewer than the control", CLAIM, interval, n, unit="ratio", interval=by,
                        held=faster and bool(interval.high >= CLAIM)))  # fmt: skip
        rows.append(row(f"{name}: times fewer than the control, p", None, p, n, unit="p (paired t, Holm)"))
    panels = [
        Lines(f"lr {rate:g}", runs[rate, CONTROL].steps,
              {v.name: r.fresh.mean(axis=0) for (lr, v), r in runs.items() if lr == rate},
              "steps", "accuracy on fresh pairs")
        for rate in config.rates
    ]  # fmt: skip
    line_panels(panels, context.folder / "curves.png")
    claims = [r for r in rows if r.held is not None]
    middle = float(np.median([r.ours for r in claims]))
    verdict = (
        f"The control needs {middle:.2f} times the steps of selective dropout (median of {len(claims)} variants), and "
        f"the paper's factor of 2 to 3 is confirmed for {sum(bool(r.held) for r in claims)} of them."
    )
    return Result(tuple(rows), verdict, ("curves.png",))


EXPERIMENT = Experiment(
    "HI-7",
    "Steps to the optimum",
    "Hinthorn 2017, abstract and 5.6",
    {"smoke": Config(**vars(HARD_SMOKE)), "quick": Config(), "paper": Config(**vars(HARD_PAPER) | {"rounds": 40})},
    run,
)
