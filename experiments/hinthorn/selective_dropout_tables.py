"""Tables 1 to 3 of the paper, for HI-T1 to HI-T3: accuracy on adversarial images that were not trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from experiments.experiment import Context, Experiment, Result, Row, Text, row
from experiments.models.hinthorn.base import SEEDS
from experiments.models.hinthorn.hard_negatives import hard_negative_runs
from experiments.models.hinthorn.runs import LEVELS, Runs, against_control
from experiments.models.hinthorn.variants import CONTROL, HARD_PAPER, HARD_SMOKE, PAPERS, Hard, Key, chosen_variants
from nnpg.analysis.groups import By
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import Comparison, any_of, less_than, more_than
from nnpg.plots import Measured, interval_plot

T = "95% t over seeds"
GAIN = more_than(0, "the table's accuracy is above the control's")
LOSS = less_than(0, "the table's accuracy is below the control's")


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
        differences = _differences(found, theirs)
        rows = [*_accuracies(runs, theirs), *differences]
        return Result(tuple(rows), _verdict(found, differences), ("accuracy.png",), (Text("At the end", _table(runs)),))

    return run


def _accuracies(runs: dict[Key, Runs], theirs: dict[Key, float]) -> list[Row]:
    """The paper's figure beside ours, on one pair per group as in the paper; the paper's n is 82 or 10."""
    return [
        row(f"lr {rate:g}, {variant.name}: held out", theirs.get((rate, variant)), mean_interval(r.final["held out"]),
            len(r.fresh), SEEDS, interval=T)
        for (rate, variant), r in runs.items()
    ]  # fmt: skip


def _differences(found: dict[Key, Comparison], theirs: dict[Key, float]) -> list[Row]:
    """Selective dropout minus control on fresh pairs; the claim is the sign of the paper's difference."""
    rows, claims = [], {key: _claim(theirs, key) for key in found}
    confidence = 1 - 0.05 / max(1, sum(bool(claim) for claim in claims.values()))
    for (rate, variant), c in found.items():
        name, n, paper = f"lr {rate:g}, {variant.name} minus control: fresh", len(c.differences), claims[rate, variant]
        level, claim = (confidence, GAIN if paper > 0 else LOSS) if paper else (0.95, None)
        ours, by = mean_interval(c.differences, confidence=level), f"{100 * level:.4g}% t over seeds"
        rows.append(row(name, paper, ours, n, SEEDS, interval=by, claim=claim))
        rows.append(row(f"{name}, p", None, c.p, n, SEEDS, unit="p (paired t, Holm)"))
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


def _verdict(found: dict[Key, Comparison], differences: list[Row]) -> str:
    """How many differences are significant, their signs, and the verdicts on the paper's gains."""

    def listed(sign: int) -> str:
        differing = [
            f"{v.name} at {rate:g} ({c.mean:+.3f})"
            for (rate, v), c in found.items()
            if c.p < 0.05 and c.mean * sign > 0
        ]
        return f"{len(differing)} ({', '.join(differing)})" if differing else "none"

    gains = [r.verdict for r in differences if r.claim == GAIN.quoted and r.verdict]
    counts = ", ".join(f"{number} {verdict}" for verdict, number in Counter(gains).items()) or "none"
    return (
        f"Of {len(found)} variants, significantly better than the control on fresh pairs: {listed(1)}; significantly "
        f"worse: {listed(-1)}. Verdicts on the paper's gains: {counts}; that selective dropout 'with some value p < 1' "
        f"outperforms the control is {any_of(gains) if gains else 'open'}: all seeds train one base net further."
    )
