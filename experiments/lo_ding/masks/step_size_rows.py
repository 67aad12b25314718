"""For LD-11: what is judged of step sizes, over networks, and the verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from experiments.experiment import Row, row, row_named
from experiments.lo_ding.masks.choice_of_eta import A_TARGET, AN_IMAGE, FOR_ALL, in_range, judged_shares, spread
from experiments.lo_ding.masks.equal_distortion import LINEAR, PROJECTED, at_distortion
from experiments.lo_ding.masks.step_size_tables import OUTPUTS
from experiments.models.masks import Reached, halves
from experiments.models.stages import AT_ERROR
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.analysis.verdicts import any_of, at_least, at_most, share_interval
from nnpg.seeds import Of
from nnpg_kernels import Array

RULES = (FOR_ALL, A_TARGET, AN_IMAGE)
LITTLE = 0.1  # the paper's "very little error" has no number; one image in ten is the most that the words allow
ANY_IMAGE = at_least(1 - LITTLE, "perturb any image ... to be misclassified as any other class with very little error")
IN_RANGE = at_least(1, "the optimal values for eta vary between 5000 to 10000 for each target class")
WITHIN_TWICE = at_most(2, "the optimal values for eta vary between 5000 to 10000 for each target class")
CONFIDENCE = 1 - 0.05 / (len(OUTPUTS) * (len(RULES) + 2))  # that many comparisons are judged


def row_name(stage: str, of: Of, rule: str) -> str:
    """Return the name of the row of a share."""
    return f"{stage}, {OUTPUTS[of]}, {rule}: classified as the target"


def step_size_rows(stage: str, of: Of, reached: Sequence[Reached], etas: Array, K: int) -> list[Row]:
    """Return the rows of one kind of network and one output; the claims are judged on networks of the paper's error."""
    judged = stage == AT_ERROR
    confidence = CONFIDENCE if judged else 0.95
    over = partial(row, n=len(reached), over="nets", interval=f"{100 * confidence:.4g}% t over nets")
    shares, words = [judged_shares(net, etas, K) for net in reached], f"{stage}, {OUTPUTS[of]}"
    mean = partial(share_interval, confidence=confidence)
    rows = [
        over(row_name(stage, of, rule), 1.0 if judged else None, mean([share[rule] for share in shares]),
             claim=ANY_IMAGE if judged else None)
        for rule in RULES
    ]  # fmt: skip
    logs = [np.log(spread(net.of_images(halves(len(net.targets))[1]), etas, K)) for net in reached]
    apart = Interval(*np.exp(mean_interval(logs, confidence=confidence)))
    inside = in_range(reached, etas, K)
    return [
        *rows,
        over(f"{words}: largest best eta of a target / smallest (paper: at most)", 2.0, apart, unit="ratio",
             interval=f"{100 * confidence:.4g}% t over nets, of the logarithm", claim=WITHIN_TWICE if judged else None),
        over(f"{words}: targets with a best eta in 5000 .. 10000, unit chosen on the other nets", 1.0, mean(inside),
             claim=IN_RANGE if judged else None),
    ]  # fmt: skip


def in_words(rows: Sequence[Row]) -> str:
    """Say what is judged, and how many images one step and several reach."""
    said = {quoted: [r for r in rows if r.claim == quoted] for quoted in (ANY_IMAGE.quoted, IN_RANGE.quoted)}
    reached = any_of(r.verdict for r in said[ANY_IMAGE.quoted] if r.verdict)
    best = max(said[ANY_IMAGE.quoted], key=lambda r: r.ours)
    paper = row_named(rows, row_name(AT_ERROR, "prob", A_TARGET))
    within = any_of(r.verdict for r in said[IN_RANGE.quoted] if r.verdict)
    linear_step, steps = (row_named(rows, at_distortion(name)).ours for name in (LINEAR, PROJECTED))
    return (
        f"That nearly every image can be made any class by one step along the gradient, under any of nine readings: "
        f"{reached}. On networks of the paper's error {paper.ours:.0%} reach the target with the gradient of y_t and "
        f"one eta per target; the most is {best.ours:.0%} ({best.name.split(':')[0].split(', ', 1)[1]}). That the best "
        f"etas of all targets lie in 5000 .. 10000, or at least within a factor of two, for any output: {within}. "
        f"Steps that follow the gradient as it changes get {steps:.0%} at the same distortion where one linear step "
        f"gets {linear_step:.0%}."
    )
