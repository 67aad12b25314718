"""HI-10: repeated rounds of attack and training (Hinthorn 2017, 6.3: future work).

python -m experiments run HI-10        (two minutes on two cores, with HI-0's network)

Each round attacks fresh training images with the least distortion that fools the network of that round, and then trains
the network on these pairs. Expected: the attack needs a larger distortion from round to round. Control and selective
dropout get the same images in the same order.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.hinthorn.attack_rounds import Rounds, attack_rounds
from experiments.models.hinthorn.base import CONV, DENSE, SEEDS, base_net
from experiments.models.hinthorn.variants import CONTROL, HARD_PAPER, HARD_SMOKE, Variant
from nnpg.analysis.statistics import holm, mean_interval, paired_p
from nnpg.analysis.verdicts import more_than
from nnpg.plots import Measured, interval_plot
from nnpg_kernels import Array

VARIANTS = (CONTROL, Variant(CONV, 0.2), Variant(DENSE, 0.5))
GROWS = more_than(0, "noise of increasing magnitude before being able to fool the network")


def run(config: Rounds, context: Context) -> Result:
    base = base_net(config, context)
    played = attack_rounds(base, config, VARIANTS, context)
    needed = {v: np.stack([run["distortion"] for run in runs]) for v, runs in played.items()}  # (R, rounds + 1)
    right = {v: np.stack([run["test"] for run in runs]) for v, runs in played.items()}
    rows = [r for v in VARIANTS for r in _rows(v, needed[v], right[v])]
    more = {v: needed[v][:, -1] - needed[CONTROL][:, -1] for v in VARIANTS[1:]}
    corrected = holm(np.nan_to_num([paired_p(d) for d in more.values()], nan=1.0))
    n, by = config.seeds, "95% t over seeds"
    for (v, d), p in zip(more.items(), corrected, strict=True):
        name = f"{v.name} minus control, last round"
        rows.append(row(name, None, mean_interval(d), n, SEEDS, unit="RMS", interval=by))
        rows.append(row(f"{name}, p", None, float(p), n, SEEDS, unit="p (paired t, Holm)"))
    interval_plot(
        [_panel("attack", needed, "distortion, RMS"), _panel("test images", right, "accuracy on test images")],
        context.folder / "rounds.png",
    )
    grew = ", ".join(f"{r.verdict} against {v.name}" for v in VARIANTS for r in [row_named(rows, _growth_row(v.name))])
    apart = [f"{v.name} ({d.mean():+.4f})" for (v, d), p in zip(more.items(), corrected, strict=True) if p < 0.05]
    memory = ", ".join(f"{a[:, -1].mean():.0%} ({v.name})" for v, a in right.items())
    verdict = (
        f"That the attack needs more distortion after {config.rounds} rounds than before them is {grew}, because all "
        "seeds train one base net further; significantly different from the control in the last "
        f"round: {', '.join(apart) if apart else 'none'}; accuracy on the test images: {memory}."
    )
    return Result(tuple(rows), verdict, ("rounds.png",))


def _rows(variant: Variant, needed: Array, right: Array) -> list[Row]:
    n, by = len(needed), "95% t over seeds"
    growth, name = needed[:, -1] - needed[:, 0], variant.name
    confidence = 1 - 0.05 / len(VARIANTS)
    return [
        *(row(f"{name}: distortion, round {i}", None, mean_interval(of_round), n, SEEDS, unit="RMS",
              interval=by)
          for i, of_round in enumerate(needed.T)),
        row(_growth_row(name), None, mean_interval(growth, confidence=confidence), n, SEEDS, unit="RMS",
            interval=f"{100 * confidence:.4g}% t over seeds", claim=GROWS),
        row(f"{name}: accuracy on test images at the end", None, mean_interval(right[:, -1]), n, SEEDS,
            interval=by),
    ]  # fmt: skip


def _growth_row(name: str) -> str:
    return f"{name}: last round minus the first"


def _panel(title: str, values: dict[Variant, Array], xlabel: str) -> Measured:
    every = {
        f"{v.name}, round {i}": mean_interval(of_round)
        for v, runs in values.items()
        for i, of_round in enumerate(runs.T)
    }
    return Measured(title, every, xlabel)


EXPERIMENT = Experiment(
    "HI-10",
    "Repeated rounds of attack and training",
    "Hinthorn 2017, 6.3",
    {
        "smoke": Rounds(**vars(HARD_SMOKE) | {"rounds": 1, "seeds": 1}, images=3, epochs_a_round=1, evaluations=40),
        "quick": Rounds(),
        "paper": Rounds(**vars(HARD_PAPER) | {"rates": (0.003,), "rounds": 10}, images=208),
    },
    run,
)
