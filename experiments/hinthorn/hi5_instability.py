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
from nnpg.analysis.verdicts import Verdict, all_of, at_least, at_most
from nnpg.plots import Lines, line_panels
from nnpg_kernels import Array

ALWAYS, NEVER = 0.95, 0.01  # margins of ours for 1 and 0
STABLE = at_most(NEVER, "some neurons ... are never chosen to be retrained")
VOLATILE = at_least(ALWAYS, "some volatile to the point of being selected every time")
BINS = 20


def run(config: Hard, context: Context) -> Result:
    runs = hard_negative_runs(config, "both", chosen_variants(config), context)
    rate = config.rates[0]
    rates = {v: r.instability for (lr, v), r in runs.items() if lr == rate and v != CONTROL}  # (R, F)
    confidence = 1 - 0.05 / (2 * len(rates))  # the lowest and the highest rate
    by_corrected = f"{100 * confidence:.4g}% t over nets"
    rows: list[Row] = []
    spans: dict[Verdict, list[str]] = {}
    for variant, often in rates.items():
        n, by = len(often), "95% t over nets"
        lowest, highest = (
            mean_interval(extreme, confidence=confidence) for extreme in (often.min(axis=1), often.max(axis=1))
        )
        ends = [
            row(f"{variant.name}: lowest rate of a unit", 0.0, lowest, n, "nets", interval=by_corrected, claim=STABLE),
            row(f"{variant.name}: highest rate of a unit", 1.0, highest, n, "nets", interval=by_corrected,
                claim=VOLATILE),
        ]  # fmt: skip
        spans.setdefault(all_of(end.verdict for end in ends if end.verdict), []).append(variant.name)
        rows += [
            *ends,
            row(f"{variant.name}: units never selected", None, mean_interval((often == 0).mean(axis=1)), n, "nets",
                interval=by),
            row(f"{variant.name}: units selected in over 95%", None, mean_interval((often > ALWAYS).mean(axis=1)), n,
                "nets", interval=by),
            row(f"{variant.name}: Gini of the rates", None, mean_interval(gini(often)), n, "nets", unit="Gini",
                interval=by),
        ]  # fmt: skip
    line_panels([_histogram(layer, rates) for layer in (CONV, DENSE)], context.folder / "instability.png")
    where = "; ".join(f"{verdict} in {len(names)} ({', '.join(names)})" for verdict, names in spans.items())
    verdict = (
        f"That rates go from below {NEVER:.0%} (never selected) to above {ALWAYS:.0%} (always selected) is, of "
        f"{len(rates)} variants, {where}."
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
    version=2,
)
