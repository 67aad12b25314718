"""HI-5: how often each unit is selected while selective dropout trains (Hinthorn 2017, 5.3, Fig. 13).

python -m experiments run HI-5 --backend numba        (seconds, from HI-T1's runs)

To expect: some units never, some nearly always; the paper says from 0 to 1 inclusive.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.hard_negatives import CONTROL, HARD_PAPER, HARD_SMOKE, Hard, chosen_variants, hard_negative_runs
from nnpg.damage import gini
from nnpg.plots import histogram_grid
from nnpg.statistics import mean_interval

ALWAYS = 0.95


def run(config: Hard, context: Context) -> Result:
    runs = hard_negative_runs(config, "both", chosen_variants(config), context)
    rate = config.rates[0]
    rates = {v: r.instability for (own, v), r in runs.items() if own == rate and v != CONTROL}  # (R, F)
    rows: list[Row] = []
    for variant, often in rates.items():
        n, by = len(often), "95% t over seeds"
        lowest, highest = often.min(axis=1), often.max(axis=1)
        rows += [
            row(f"{variant.name}: lowest rate of a unit", 0.0, mean_interval(lowest), n, interval=by,
                held=bool(lowest.max() < 0.01)),
            row(f"{variant.name}: highest rate of a unit", 1.0, mean_interval(highest), n, interval=by,
                held=bool(highest.min() > ALWAYS)),
            row(f"{variant.name}: units never selected", None, mean_interval((often == 0).mean(axis=1)), n,
                interval=by),
            row(f"{variant.name}: units selected in over 95%", None, mean_interval((often > ALWAYS).mean(axis=1)), n,
                interval=by),
            row(f"{variant.name}: Gini of the rates", None, mean_interval(gini(often)), n, unit="Gini", interval=by),
        ]  # fmt: skip
    layers = list(dict.fromkeys(v.layer for v in rates))
    # the two ends are put in so that every histogram runs from 0 to 1
    cells = {v: ({"rate": np.append(often.ravel(), [0.0, 1.0])}, f"keep {v.keep:g}") for v, often in rates.items()}
    histogram_grid(
        [[cell for v, cell in cells.items() if v.layer == own] for own in layers],
        context.folder / "instability.png",
        row_labels=layers,
        centred=[False] * (len(rates) // len(layers)),
        bins=20,
    )
    spans = [v.name for v in rates if all(r.held for r in rows if r.held is not None and r.name.startswith(v.name))]
    where = "all" if len(spans) == len(rates) else f"{len(spans)} ({'; '.join(spans)})" if spans else "none"
    verdict = (
        f"From units that are never selected (below 1%) to units that always are (above 95%), as the paper has it: in "
        f"{where} of {len(rates)} variants."
    )
    return Result(tuple(rows), verdict, ("instability.png",))


EXPERIMENT = Experiment(
    "HI-5",
    "Instability: how often each unit is selected",
    "Hinthorn 2017, Fig. 13",
    {"smoke": HARD_SMOKE, "quick": Hard(), "paper": HARD_PAPER},
    run,
)
