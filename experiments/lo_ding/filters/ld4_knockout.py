"""LD-4: knock out filters, strongest or weakest first (Lo & Ding 2015, Fig. 2; thesis Fig. 4.1, 4.2).

python -m experiments run LD-4        (under a minute; it trains twenty nets if LD-0 has not)

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
from nnpg.analysis.verdicts import at_least, at_most, more_than
from nnpg.knockout import To
from nnpg.plots import Panel, error_curves

SOONER = more_than(0, "performance degrades much faster")
TOGETHER = at_least(0.5, "performance loss generalizes spans multiple classes")  # the paper gives no number
WEAK_OUT = at_most(0.25, "after removing 10 weak features, the network still achieves less than 25% error")
STRONG_OUT = at_least(0.85, "near 100% error after removing 10")  # one answer for all images: 93%
MANY = at_least(0.5, "overall error for many of the weak feature sets is below 50%")  # many: half of them, our reading
HURT = more_than(0, "some weak features, actually hurt network performance")
ANY_OUTPUT = more_than(0, "applicable not only to convolutional layers ..., but to any output in a neural network")
HIDDEN = "tanh4"  # the dense layer of 20 units
CONFIDENCE = 1 - 0.05 / 7  # seven comparisons are judged


@dataclass(frozen=True)
class Config(FaceNets):
    """Nets, and the value that a knocked-out filter gets."""

    to: To = "zero"


def run(config: Config, context: Context) -> Result:
    nets = nets_of(config, context)
    scores = [filter_scores(face.net, face.data.x, face.data.labels) for face in nets]
    class_, overall, test = errors_of_nets(nets, scores, to=config.to)  # (nets, identity, order, T + 1) each
    sooner = (class_[:, :, STRONG, 1:11] - class_[:, :, WEAK, 1:11]).mean(axis=-1)  # (seeds, identity)
    pairs = zip(class_[:, :, STRONG], overall[:, :, STRONG], strict=True)
    alike = np.array([[rank_correlation(of_class, of_all)] for of_class, of_all in pairs])
    ten, fifteen, gone = overall[:, :, WEAK, 10], overall[:, :, WEAK, 15], overall[:, :, STRONG, 10]
    helps = class_[:, :, WEAK, 1:21] < class_[:, :, WEAK, :20]  # a step, among the 20 weakest filters, that lowers it
    ever_helps = np.any(helps, axis=-1)
    of_units = [filter_scores(face.net, face.data.x, face.data.labels, layers=HIDDEN) for face in nets]
    dense, _, _ = errors_of_nets(nets, of_units, to=config.to)
    dense_sooner = (dense[:, :, STRONG, 1:11] - dense[:, :, WEAK, 1:11]).mean(axis=-1)
    measured = (sooner, alike, ten, fifteen < 0.5, gone, helps, dense_sooner)
    earlier, together, few, below, most, hurting, of_dense = (over_nets(v, confidence=CONFIDENCE) for v in measured)

    over = partial(row, n=len(nets), over="nets")
    plain = partial(over, interval="95% t over nets")
    judged = partial(over, interval=f"{100 * CONFIDENCE:.4g}% t over nets")
    rows = (
        hurts := judged("class error, strongest filters out first minus weakest first", None, earlier, claim=SOONER),
        plain("cases where the class error is higher with the strongest out first", None, over_nets(sooner > 0)),
        agrees := judged(
            "class error with overall error, step by step", None, together, unit="Spearman", claim=TOGETHER
        ),
        small := judged("overall error without the 10 weakest filters (paper: below)", 0.25, few, claim=WEAK_OUT),
        plain("overall error below 25% without the 10 weakest filters, share of cases", 1.0, over_nets(ten < 0.25)),
        plain("overall error without the 15 weakest filters", None, over_nets(fifteen)),
        many := judged(
            "overall error below 50% without the 15 weakest filters, share of cases (paper: many)", None, below,
            claim=MANY,
        ),
        near := judged("overall error without the 10 strongest filters (paper: near)", 1.0, most, claim=STRONG_OUT),
        plain("test error without the 10 weakest filters", None, over_nets(test[:, :, WEAK, 10])),
        helped := judged("removals of the 20 weakest filters that lower the class error", None, hurting, claim=HURT),
        plain("cases where the removal of a weak filter lowers the class error", None, over_nets(ever_helps)),
        units := judged(
            "dense units: class error, strongest out first minus weakest first", None, of_dense, claim=ANY_OUTPUT
        ),
        plain(
            "dense units: cases where the class error is higher with the strongest out first", None,
            over_nets(dense_sooner > 0),
        ),
    )  # fmt: skip
    error_curves(_panels(class_, overall), context.folder / "knockout.png", columns=len(IDENTITIES))
    verdict = (
        f"Removal of strong filters hurts sooner: {hurts.verdict} (class error higher by {earlier.value:.0%}). Class "
        f"and overall error rise together: {agrees.verdict}. After 10 weak filters the overall error is below 25%: "
        f"{small.verdict} ({few.value:.0%}). After 15 it is below 50% in half of the cases: {many.verdict} "
        f"({below.value:.0%} of them). After 10 strong filters it is near 100%: {near.verdict} ({most.value:.0%}). "
        f"That some weak filters hurt: {helped.verdict} ({hurting.value:.0%} of the steps lower the class error). That "
        f"dense units can be ranked too: {units.verdict} ({of_dense.value:+.0%})."
    )
    table = _breaks(nets, class_[:, :, STRONG])
    breaks = Text("Filters out when the class error first passes 50%, strongest first", table)
    return Result(rows, verdict, ("knockout.png",), (breaks,), {"knockout.png": None})


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
        steps = [np.argmax(e > 0.5) if (e > 0.5).any() else "never" for e in errors]
        lines.append(f"{face.seed:4}  " + "  ".join(f"{step:>5}" for step in steps))
    return "\n".join(lines)


EXPERIMENT = Experiment(
    "LD-4",
    "Errors as filters are knocked out, strongest or weakest first",
    "Lo & Ding 2015, Fig. 2",
    {"smoke": Config(FEW, epochs=2, seeds=2), "quick": Config(), "paper": Config()},
    run,
    version=2,
)
