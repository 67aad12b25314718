"""HI-8: accuracy on the originals, selective dropout against the control (Hinthorn 2017, abstract, 5.6)

python -m experiments run HI-8        (seconds, from HI-T1's runs)

Expected: both are accurate on the originals that they train on. Test images, which neither trains on, show more.
"""

from __future__ import annotations

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.models.hinthorn.hard_negatives import hard_negative_runs
from experiments.models.hinthorn.runs import against_control
from experiments.models.hinthorn.variants import CONTROL, HARD_PAPER, HARD_SMOKE, Hard, chosen_variants
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import all_of, more_than
from nnpg.plots import Measured, interval_plot

PAPER = {"control": 0.98, "selective": 1.0}
WHAT = {"originals": "originals trained on", "test": "test images"}
MORE_ROBUST = more_than(0, "a more robust memory for the original, expected image space")


def run(config: Hard, context: Context) -> Result:
    runs = hard_negative_runs(config, "both", chosen_variants(config), context)
    n, by, rows = config.nets, "95% t over nets", list[Row]()
    variants = len(runs) - len(config.rates)
    confidence = 1 - 0.05 / (variants * len(WHAT))
    by_corrected = f"{100 * confidence:.4g}% t over nets"
    better: dict[str, list[str]] = {level: [] for level in WHAT}
    for level, words in WHAT.items():
        found = against_control(runs, lambda r, level=level: r.final[level])  # type: ignore[misc]
        for (rate, variant), r in runs.items():
            name = f"lr {rate:g}, {variant.name}: {words}"
            said = (PAPER["control" if variant == CONTROL else "selective"]) if level == "originals" else None
            rows.append(row(name, said, mean_interval(r.final[level]), n, "nets", interval=by))
            if variant == CONTROL:
                continue
            c = found[rate, variant]
            more = mean_interval(c.differences, confidence=confidence)
            said = 0.02 if level == "originals" else None
            rows.append(row(f"{name}, minus control", said, more, n, "nets", interval=by_corrected, claim=MORE_ROBUST))
            rows.append(row(f"{name}, minus control, p", None, c.p, n, "nets", unit="p (paired t, Holm)"))
            if c.significant(1):
                better[level].append(f"{variant.name} at {rate:g} ({more.value:+.4f})")
    panels = [
        Measured(f"lr {rate:g}, {words}",
                 {v.name: mean_interval(r.final[level]) for (lr, v), r in runs.items() if lr == rate}, "accuracy")
        for rate in config.rates
        for level, words in WHAT.items()
    ]  # fmt: skip
    interval_plot(panels, context.folder / "memory.png", highlight=CONTROL.name)
    parts = [
        f"{words} {len(better[level])} ({', '.join(better[level])})" if better[level] else f"{words} none"
        for level, words in WHAT.items()
    ]
    claimed = all_of(r.verdict for r in rows if r.verdict)
    verdict = (
        f"Of {variants} variants, these are significantly more accurate than the control on {'; '.join(parts)}; the "
        f"claim is {claimed}."
    )
    return Result(tuple(rows), verdict, ("memory.png",))


EXPERIMENT = Experiment(
    "HI-8",
    "Memory of the originals",
    "Hinthorn 2017, abstract and 5.6",
    {"smoke": HARD_SMOKE, "quick": Hard(), "paper": HARD_PAPER},
    run,
    version=2,
)
