"""LD-4: knock out filters, strongest or weakest first (Lo & Ding 2015, Fig. 2; thesis Fig. 4.1, 4.2).

python -m experiments run LD-4        (five nets of 250 epochs if LD-0 has not trained them: about 1 minute on 2 cores)

Expected: errors rise sooner when the strongest filters go first; class and overall error rise together. The overall
error is below 25% without the 10 weakest filters, in many cases below 50% without 15, and near 100% without the 10
strongest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.lo_ding.filters.knockouts import STRONG, WEAK, errors_of_nets, over_nets
from experiments.models.face_data import FEW, IDENTITIES
from experiments.models.faces import FaceNet, FaceNets, nets_of
from nnpg import filter_scores
from nnpg.analysis.statistics import rank_correlation
from nnpg.knockout import To
from nnpg.plots import Panel, error_curves


@dataclass(frozen=True)
class Config(FaceNets):
    """Nets, and the value that a knocked-out filter gets."""

    seeds: int = 5
    to: To = "zero"


def run(config: Config, context: Context) -> Result:
    nets = nets_of(config, context)
    scores = [filter_scores(face.net, face.data.x, face.data.labels) for face in nets]
    class_, overall, test = errors_of_nets(nets, scores, to=config.to)  # (nets, identity, order, T + 1) each
    sooner = (class_[:, :, STRONG, 1:11] - class_[:, :, WEAK, 1:11]).mean(axis=-1)  # (seeds, identity)
    alike = np.array(
        [[rank_correlation(c, o)] for c, o in zip(class_[:, :, STRONG], overall[:, :, STRONG], strict=True)]
    )
    ten, fifteen, gone = overall[:, :, WEAK, 10], overall[:, :, WEAK, 15], overall[:, :, STRONG, 10]
    n = sooner.size
    over = partial(row, n=n, interval="95% t over nets")
    earlier, together, few, most = over_nets(sooner), over_nets(alike), over_nets(ten), over_nets(gone)
    hurts, agree = earlier.low > 0, together.low > 0.5
    rows = (
        over("class_error, strongest minus weakest first", None, earlier, held=hurts),
        row("cases where the strongest hurt sooner", None, float((sooner > 0).mean()), n),
        over("class_error with overall_error", None, together, unit="Spearman", held=agree),
        over("overall_error, 10 weak out (paper: below)", 0.25, few, held=few.value < 0.25),
        row("cases below 25%, 10 weak out", 1.0, float((ten < 0.25).mean()), n, held=bool((ten < 0.25).all())),
        over("overall_error, 15 weak out", None, over_nets(fifteen)),
        row("cases below 50%, 15 weak out (paper: many)", None, float((fifteen < 0.5).mean()), n),
        over("overall_error, 10 strong out (paper: near)", 1.0, most, held=most.value > 0.85),
        over("test_error, 10 weak out", None, over_nets(test[:, :, WEAK, 10])),
    )
    error_curves(_panels(class_, overall), context.folder / "knockout.png", columns=len(IDENTITIES))
    failed = "; ".join(r.name for r in rows if r.held is False)
    verdict = (
        f"Removal of strong filters {'hurts' if hurts else 'does not hurt'} sooner; class and overall error "
        f"{'agree' if agree else 'do not agree'}; after 10 weak filters the overall error is {ten.mean():.0%} "
        f"(paper: below 25%), after 15 {fifteen.mean():.0%}. "
        + (f"Did not hold: {failed}." if failed else "All claims held.")
    )
    breaks = Text("Filters out when class_error first passes 50%, strongest first", _breaks(nets, class_[:, :, STRONG]))
    return Result(rows, verdict, ("knockout.png",), (breaks,))


def _panels(class_: np.ndarray, overall: np.ndarray) -> list[Panel]:
    """Fig. 2: one column per identity, class error above overall error, strongest first against weakest first."""
    return [
        Panel(
            f"ID {identity}",
            {"strongest first": errors[:, i, STRONG], "weakest first": errors[:, i, WEAK]},
            "filters knocked out",
            f"{name} error",
        )
        for name, errors in (("class", class_), ("overall", overall))
        for i, identity in enumerate(IDENTITIES)
    ]


def _breaks(nets: list[FaceNet], class_: np.ndarray) -> str:
    lines = ["seed  " + "  ".join(f"ID {i:2}" for i in IDENTITIES)]
    for face, errors in zip(nets, class_, strict=True):
        lines.append(
            f"{face.seed:4}  " + "  ".join(f"{np.argmax(e > 0.5) if (e > 0.5).any() else 'never':>5}" for e in errors)
        )
    return "\n".join(lines)


EXPERIMENT = Experiment(
    "LD-4",
    "Errors as filters are knocked out, strongest or weakest first",
    "Lo & Ding 2015, Fig. 2",
    {"smoke": Config(FEW, epochs=2, seeds=2), "quick": Config(), "paper": Config()},
    run,
)
