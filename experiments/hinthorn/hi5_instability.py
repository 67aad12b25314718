"""HI-5: how often each unit is selected while selective dropout trains (Hinthorn 2017, 5.3, Fig. 13).

python -m experiments run HI-5        (seconds, from HI-T1's runs)

Expected: rates from near 0 to near 1; the paper says from 0 to 1 inclusive.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.models.hinthorn.base import CONV, DENSE
from experiments.models.hinthorn.hard_negatives import hard_negative_runs
from experiments.models.hinthorn.variants import CONTROL, HARD_PAPER, HARD_SMOKE, Hard, Variant, chosen_variants
from nnpg.analysis.concentration import gini
from nnpg.analysis.statistics import mean_interval
from nnpg.plots import Lines, line_panels
from nnpg_kernels import Array

ALWAYS = 0.95
BINS = 20


def run(config: Hard, context: Context) -> Result:
    runs = hard_negative_runs(config, "both", chosen_variants(config), context)
    rate = config.rates[0]
    rates = {v: r.instability for (lr, v), r in runs.items() if lr == rate and v != CONTROL}  # (R, F)
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
    line_panels([_histogram(layer, rates) for layer in (CONV, DENSE)], context.folder / "instability.png")
    spans = [v.name for v in rates if all(r.held for r in rows if r.held is not None and r.name.startswith(v.name))]
    where = "all" if len(spans) == len(rates) else f"{len(spans)} ({'; '.join(spans)})" if spans else "none"
    verdict = (
        f"Rates from below 1% (never selected) to above 95% (always selected), as in the paper: in {where} of "
        f"{len(rates)} variants."
    )
    return Result(tuple(rows), verdict, ("instability.png",))


def _histogram(layer: str, rates: dict[Variant, Array]) -> Lines:
    ends = np.linspace(0, 1, BINS + 1)
    shares = {
        f"keep {v.keep:g}": np.histogram(often, ends)[0] / often.size for v, often in rates.items() if v.layer == layer
    }
    return Lines(layer, (ends[1:] + ends[:-1]) / 2, shares, "rate of selection", "share of units")


EXPERIMENT = Experiment(
    "HI-5",
    "Instability: how often each unit is selected",
    "Hinthorn 2017, Fig. 13",
    {"smoke": HARD_SMOKE, "quick": Hard(), "paper": HARD_PAPER},
    run,
)
