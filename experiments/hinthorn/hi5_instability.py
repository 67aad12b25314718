"""HI-5: how often each unit is selected while selective dropout trains (Hinthorn 2017, 5.3, Fig. 13).

python -m experiments run HI-5        (seconds, from HI-T1's runs)

Expected: rates from near 0 to near 1; the paper says from 0 to 1 inclusive. At paper scale also for networks with a
third convolution and for CIFAR-10, of which the paper claims nothing.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.models.hinthorn.base import CONV, DENSE
from experiments.models.hinthorn.hard_negatives import hard_negative_runs
from experiments.models.hinthorn.other_bases import Beside, other_bases, smallest_shares
from experiments.models.hinthorn.variants import CONTROL, HARD_PAPER, HARD_SMOKE, Variant, chosen_variants
from nnpg.analysis.concentration import gini
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import Verdict, all_of, at_least, at_most, share_interval
from nnpg.plots import Lines, line_panels
from nnpg_kernels import Array

ALWAYS, NEVER = 0.95, 0.01  # margins of ours for 1 and 0
STABLE = at_most(NEVER, "some neurons ... are never chosen to be retrained")
VOLATILE = at_least(ALWAYS, "some volatile to the point of being selected every time")
BINS = 20
T = "95% t over nets"


def run(config: Beside, context: Context) -> Result:
    variants = [v for v in chosen_variants(config) if v != CONTROL]
    rates = _selected(config, variants, context)
    confidence = 1 - 0.05 / (2 * len(rates))  # the lowest and the highest rate
    rows: list[Row] = []
    spans: dict[Verdict, list[str]] = {}
    for variant, often in rates.items():
        ends = _ends(variant.name, often, confidence, judged=True)
        spans.setdefault(all_of(end.verdict for end in ends if end.verdict), []).append(variant.name)
        rows += [*ends, *_spread(variant.name, often)]
    for name, settings in other_bases(config).items():
        for variant, often in _selected(settings, smallest_shares(settings), context).items():
            rows += [*_ends(f"{name}: {variant.name}", often, 0.95, judged=False),
                     *_spread(f"{name}: {variant.name}", often)]  # fmt: skip
    line_panels([_histogram(layer, rates) for layer in (CONV, DENSE)], context.folder / "instability.png")
    where = "; ".join(f"{verdict} in {len(names)} ({', '.join(names)})" for verdict, names in spans.items())
    verdict = (
        f"That rates go from below {NEVER:.0%} (never selected) to above {ALWAYS:.0%} (always selected) is, of "
        f"{len(rates)} variants, {where}, over {config.nets} nets."
    )
    return Result(tuple(rows), verdict, ("instability.png",))


def _selected(config: Beside, variants: list[Variant], context: Context) -> dict[Variant, Array]:
    """Return how often each unit was selected (nets, F), at the first learning rate."""
    rate = config.rates[0]
    runs = hard_negative_runs(config, "both", variants, context, rates=(rate,))
    return {v: runs[rate, v].instability for v in variants}


def _ends(name: str, often: Array, confidence: float, *, judged: bool) -> list[Row]:
    by, rows = f"{100 * confidence:.4g}% t over nets", []
    for word, paper, extreme, claim in (
        ("lowest", 0.0, often.min(axis=1), STABLE),
        ("highest", 1.0, often.max(axis=1), VOLATILE),
    ):
        end = share_interval(extreme, confidence=confidence)
        rows.append(row(f"{name}: {word} rate of a unit", paper if judged else None, end, len(often), "nets",
                        interval=by, claim=claim if judged else None))  # fmt: skip
    return rows


def _spread(name: str, often: Array) -> list[Row]:
    never, always = (share_interval(which.mean(axis=1)) for which in (often == 0, often > ALWAYS))
    n = len(often)
    return [
        row(f"{name}: units never selected", None, never, n, "nets", interval=T),
        row(f"{name}: units selected in over 95%", None, always, n, "nets", interval=T),
        row(f"{name}: Gini of the rates", None, mean_interval(gini(often)), n, "nets", unit="Gini", interval=T),
    ]


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
    {"smoke": Beside(**vars(HARD_SMOKE)), "quick": Beside(others=()), "paper": Beside(**vars(HARD_PAPER))},
    run,
    version=3,
)
