"""For HI-9: accuracies of variants, their gains over the control, and whether other networks gain more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from experiments.experiment import Row, row
from experiments.models.hinthorn.base import DENSE
from experiments.models.hinthorn.runs import Runs, against_control
from experiments.models.hinthorn.variants import CONTROL, Key, Variant
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import difference_interval, more_than, share_interval
from nnpg.training_methods.learning_curves import steps_to_optimum

BOOSTS = more_than(0, "selective dropout will boost the robustness of the network")  # a share that grows
SCALES = more_than(0, "the benefits of SD will scale with the dimensionality ... and the size of the network")
T = "95% t over nets"


def variant_rows(before: str, runs: Mapping[Key, Runs], confidence: float) -> list[Row]:
    """Return accuracies, steps and gain over the control of each variant; the gain of a share that grows is judged."""
    rows, found = list[Row](), against_control(runs, lambda r: r.final["fresh"])
    for (rate, variant), r in runs.items():
        name, steps = f"{before}lr {rate:g}, {variant.name}", steps_to_optimum(r.steps, r.fresh)
        over = partial(row, n=len(r.fresh), over="nets", interval=T)
        rows += [
            over(f"{name}: accuracy on fresh pairs", None, share_interval(r.final["fresh"])),
            over(f"{name}: accuracy on originals trained on", None, share_interval(r.final["originals"])),
            over(f"{name}: steps to the optimum", None, mean_interval(steps), unit="steps"),
        ]
        if variant == CONTROL:
            continue
        name, c = f"{name}: accuracy on fresh pairs, minus control", found[rate, variant]
        if variant.alpha:
            judged = mean_interval(c.differences, confidence=confidence)
            rows.append(over(name, None, judged, interval=f"{100 * confidence:.5g}% t over nets", claim=BOOSTS))
        else:
            rows.append(over(name, None, mean_interval(c.differences)))
        rows.append(row(f"{name}, p", None, c.p, len(r.fresh), "nets", unit="p (paired t, Holm)"))
    return rows


def scaling_rows(
    name: str, other: Mapping[Key, Runs], runs: Mapping[Key, Runs], fixed: Sequence[Variant], confidence: float
) -> list[Row]:
    """Return the gain over the control for other networks minus that for the paper's; the networks are independent."""
    rows, (theirs, ours) = list[Row](), (against_control(r, lambda r: r.final["fresh"]) for r in (other, runs))
    for (rate, variant), gain in theirs.items():
        as_ours = next(v for v in fixed if v.keep == variant.keep and (v.layer == DENSE) == (variant.layer == DENSE))
        gains = (gain.differences, ours[rate, as_ours].differences)
        more = difference_interval(*(mean_interval(g, confidence=confidence) for g in gains))
        rows.append(row(f"{name}: lr {rate:g}, {variant.name}: gain minus that of the paper's networks", None,
                        more, min(map(len, gains)), "nets",
                        interval=f"{100 * confidence:.5g}% t of two samples of nets", claim=SCALES))  # fmt: skip
    return rows
