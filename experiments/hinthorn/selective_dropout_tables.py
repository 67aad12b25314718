"""Tables 1 to 3 of the paper, for HI-T1 to HI-T3: accuracy on adversarial images that were not trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row
from experiments.models.hinthorn.hard_negatives import hard_negative_runs
from experiments.models.hinthorn.runs import LEVELS, Runs, against_control
from experiments.models.hinthorn.variants import CONTROL, HARD_PAPER, HARD_SMOKE, PAPERS, Hard, Key, chosen_variants
from nnpg.analysis.comparisons import Comparison
from nnpg.analysis.groups import By
from nnpg.analysis.statistics import mean_interval
from nnpg.plots import Measured, interval_plot

T = "95% t over seeds"


def experiment(number: int, by: By, paper: dict[float, tuple[float, ...]], notes: str = "") -> Experiment:
    """One table: the paper's control and its six variants at each learning rate."""
    return Experiment(
        f"HI-T{number}",
        f"Selective dropout, pairs grouped by {by if by != 'both' else 'source and target'}",
        f"Hinthorn 2017, Table {number}",
        {"smoke": HARD_SMOKE, "quick": Hard(), "paper": HARD_PAPER},
        _runner(by, paper),
        notes,
    )


def _runner(by: By, paper: dict[float, tuple[float, ...]]) -> Callable[[Hard, Context], Result]:
    theirs = {
        (rate, variant): value
        for rate, values in paper.items()
        for variant, value in zip((CONTROL, *PAPERS), values, strict=True)
    }

    def run(config: Hard, context: Context) -> Result:
        runs = hard_negative_runs(config, by, chosen_variants(config), context)
        found = against_control(runs, lambda r: r.final["fresh"])
        interval_plot(_panels(runs), context.folder / "accuracy.png", highlight=CONTROL.name)
        rows = [*_accuracies(runs, theirs), *_differences(found, theirs)]
        return Result(tuple(rows), _verdict(found, theirs), ("accuracy.png",), (Text("At the end", _table(runs)),))

    return run


def _accuracies(runs: dict[Key, Runs], theirs: dict[Key, float]) -> list[Row]:
    """The paper's figure beside ours, on one pair per group as in the paper; the paper's n is 82 or 10."""
    return [
        row(f"lr {rate:g}, {variant.name}: held out", theirs.get((rate, variant)), mean_interval(r.final["held out"]),
            r.n_held_out * len(r.fresh), interval=T)
        for (rate, variant), r in runs.items()
    ]  # fmt: skip


def _differences(found: dict[Key, Comparison], theirs: dict[Key, float]) -> list[Row]:
    """Selective dropout minus control on fresh pairs; it held where the sign of the paper's difference is confirmed."""
    rows = []
    for (rate, variant), c in found.items():
        ours, name = mean_interval(c.differences), f"lr {rate:g}, {variant.name} minus control: fresh"
        n = len(c.differences)
        claim = _claim(theirs, (rate, variant))
        held = None if not claim else c.p < 0.05 and bool(np.sign(ours.value) == np.sign(claim))
        rows.append(row(name, claim, ours, n, interval=T, held=held))
        rows.append(row(f"{name}, p", None, c.p, n, unit="p (paired t, Holm)"))
    return rows


def _claim(theirs: dict[Key, float], key: Key) -> float | None:
    control = theirs.get((key[0], CONTROL))
    return None if control is None else theirs[key] - control


def _panels(runs: dict[Key, Runs]) -> list[Measured]:
    return [
        Measured(
            f"lr {rate:g}, {level}",
            {v.name: mean_interval(r.final[level]) for (lr, v), r in runs.items() if lr == rate},
            "accuracy on adversarial images",
        )
        for rate in dict.fromkeys(rate for rate, _ in runs)
        for level in ("held out", "fresh")
    ]


def _table(runs: dict[Key, Runs]) -> str:
    lines = [" " * 28 + "".join(f"{level:>12}" for level in LEVELS)]
    for (rate, variant), r in runs.items():
        cells = "".join(f"{r.final[level].mean():12.4f}" for level in LEVELS)
        lines.append(f"lr {rate:<6g} {variant.name:18}{cells}")
    return "\n".join([*lines, "originals: of the pairs trained on; test: 500 test images"])


def _verdict(found: dict[Key, Comparison], theirs: dict[Key, float]) -> str:
    """How many differences are significant, their signs, and how many of the paper's are confirmed."""

    def listed(sign: int) -> str:
        differing = [
            f"{v.name} at {rate:g} ({c.mean:+.3f})"
            for (rate, v), c in found.items()
            if c.p < 0.05 and c.mean * sign > 0
        ]
        return f"{len(differing)} ({', '.join(differing)})" if differing else "none"

    claimed = [key for key in found if (_claim(theirs, key) or 0) > 0]
    right = [key for key in claimed if found[key].p < 0.05 and found[key].mean > 0]
    answer = "that selective dropout generalises better than the control "
    answer += "holds" if right and len(right) == len(claimed) else "holds in part" if right else "is not confirmed"
    return (
        f"Of {len(found)} variants, significantly better than the control on fresh pairs: {listed(1)}; significantly "
        f"worse: {listed(-1)}; of the paper's {len(claimed)} gains {len(right)} are confirmed, so {answer} here."
    )
