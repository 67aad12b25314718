"""HI-9: a share of units that grows, p_t = 1 - e^(-alpha t) + p0 e^(-alpha t) (Hinthorn 2017, 6: future work).

python -m experiments run HI-9        (half a minute on two cores, with HI-T1's runs)

Expected: between selective dropout with the share p0 and the control, since it changes from the one into the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.models.hinthorn.base import CONV, DENSE
from experiments.models.hinthorn.hard_negatives import hard_negative_runs
from experiments.models.hinthorn.runs import against_control
from experiments.models.hinthorn.variants import CONTROL, HARD_PAPER, HARD_SMOKE, Hard, Variant
from nnpg.analysis.statistics import mean_interval
from nnpg.plots import Lines, line_panels
from nnpg.training_methods.learning_curves import steps_to_optimum


@dataclass(frozen=True)
class Config(Hard):
    """One learning rate of HI-T1, the initial share, and its rate of growth per pair of steps."""

    rates: tuple[float, ...] = (0.001,)
    keeps: tuple[float, ...] = (0.2,)
    alphas: tuple[float, ...] = (0.003, 0.03)


def run(config: Config, context: Context) -> Result:
    fixed = [Variant(layer, keep) for layer in (CONV, DENSE) for keep in config.keeps]
    growing = [v._replace(alpha=alpha) for v in fixed for alpha in config.alphas]
    runs = hard_negative_runs(config, "both", (CONTROL, *fixed, *growing), context)
    found = against_control(runs, lambda r: r.final["fresh"])
    n, by, rows = config.nets, "95% t over nets", list[Row]()
    for (rate, variant), r in runs.items():
        name = f"lr {rate:g}, {variant.name}"
        steps = steps_to_optimum(r.steps, r.fresh)
        rows += [
            row(f"{name}: fresh", None, mean_interval(r.final["fresh"]), n, "nets", interval=by),
            row(f"{name}: originals", None, mean_interval(r.final["originals"]), n, "nets", interval=by),
            row(f"{name}: steps to the optimum", None, mean_interval(steps), n, "nets", unit="steps", interval=by),
        ]
        if variant != CONTROL:
            c = found[rate, variant]
            rows.append(
                row(f"{name}: fresh, minus control", None, mean_interval(c.differences), n, "nets", interval=by)
            )
            rows.append(row(f"{name}: fresh, minus control, p", None, c.p, n, "nets", unit="p (paired t, Holm)"))
    panels = [
        Lines(layer, runs[rate, CONTROL].steps,
              {v.name: r.fresh.mean(axis=0) for (lr, v), r in runs.items() if lr == rate and
               (v == CONTROL or v.layer == layer)}, "steps", "accuracy on fresh pairs")
        for rate in config.rates for layer in (CONV, DENSE)
    ]  # fmt: skip
    line_panels(panels, context.folder / "schedule.png")
    differing = [f"{v.name} ({c.mean:+.3f})" for (_, v), c in found.items() if v.alpha and c.p < 0.05]
    verdict = (
        f"Of {len(growing) * len(config.rates)} growing shares, those that significantly differ from the control on "
        f"fresh pairs are {', '.join(differing) if differing else 'none'}; the paper makes no claim."
    )
    return Result(tuple(rows), verdict, ("schedule.png",))


EXPERIMENT = Experiment(
    "HI-9",
    "A share of units that grows while training",
    "Hinthorn 2017, 6",
    {
        "smoke": Config(**vars(HARD_SMOKE), alphas=(0.1,)),
        "quick": Config(),
        "paper": Config(**vars(HARD_PAPER) | {"rates": (0.001,), "keeps": (0.2,)}, alphas=(0.001, 0.003, 0.01, 0.03)),
    },
    run,
    version=2,
)
