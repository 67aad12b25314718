"""LD-11: x + eta dy_t/dx: which eta makes net A classify any training image as any class (Lo & Ding 2015, Fig. 6).

python -m experiments run LD-11        (8 minutes on 2 cores; --scale paper: 30 minutes)

The paper's best eta is from 5000 to 10000, and then leaves "very little error". It does not say in which units, which
output is differentiated, or whether images have an eta each. So all three outputs are here, and three rules for eta,
on networks of the paper's error, of its iterations, and converged ones. Half of the images choose eta, the other half
judge it; the unit is chosen on other networks than those that it is judged on. At paper scale these are 5,000 images
for the networks of the paper's error, on which every claim is judged, and 1,000 for the others. Expected: every curve
turns; one step along the gradient reaches at most four targets in five, and only if each image has its own eta.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row, row_named
from experiments.lo_ding.masks.choice_of_eta import (
    A_TARGET,
    AN_IMAGE,
    FOR_ALL,
    etas_for,
    in_range,
    judged_shares,
    spread,
)
from experiments.lo_ding.masks.equal_distortion import LINEAR, PROJECTED, at_distortion, at_equal_distortion
from experiments.lo_ding.masks.step_size_tables import OUTPUTS, draw_curves, network_table, unit_table
from experiments.models import cifar
from experiments.models.cifar import SCALES, load_images
from experiments.models.masks import Reached, count_in_words, halves, masked_images, reached_by
from experiments.models.stages import AT_ERROR, FULL, nets_by_stage
from nnpg import error_rate
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.analysis.verdicts import any_of, at_least, at_most, share_interval
from nnpg.plots import line_panels
from nnpg.seeds import Of

RULES = (FOR_ALL, A_TARGET, AN_IMAGE)
LITTLE = 0.1  # the paper's "very little error" has no number; one image in ten is the most that the words allow
ANY_IMAGE = at_least(1 - LITTLE, "perturb any image ... to be misclassified as any other class with very little error")
IN_RANGE = at_least(1, "the optimal values for eta vary between 5000 to 10000 for each target class")
WITHIN_TWICE = at_most(2, "the optimal values for eta vary between 5000 to 10000 for each target class")
CONFIDENCE = 1 - 0.05 / (len(OUTPUTS) * (len(RULES) + 2))  # that many comparisons are judged


@dataclass(frozen=True)
class Config(cifar.Config):
    """Training images that are masked for the networks on which no claim is judged."""

    beside: int = 300


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    stages, data, K = nets_by_stage(config, context, images), masked_images(config, images), images.train.K
    fewer = masked_images(replace(config, images=config.beside), images)
    found: dict[str, dict[Of, list[Reached]]] = {}
    for stage, nets in stages.items():
        masked = data if stage == AT_ERROR else fewer
        found[stage] = {of: [reached_by(done.net, masked, context, of) for done in nets] for of in OUTPUTS}
    grids = {(stage, of): etas_for(reached) for stage, by in found.items() for of, reached in by.items()}
    cut = [reached_by(done.net, data, context, "prob", clip=True) for done in stages[AT_ERROR]]
    rows = [r for stage in found for of in OUTPUTS for r in _rows(stage, of, found[stage][of], grids[stage, of], K)]
    over = partial(row, n=config.nets, over="nets", interval="95% t over nets")
    clipped = [judged_shares(net, grids[AT_ERROR, "prob"], K) for net in cut]
    for rule in (A_TARGET, AN_IMAGE):
        name = f"{_name(AT_ERROR, 'prob', rule)}, clipped to 0 .. 1"
        rows.append(over(name, None, share_interval([share[rule] for share in clipped])))
    for stage, nets in stages.items():
        errors = [error_rate(done.net, images.test.x, images.test.labels) for done in nets]
        paper = 0.3419 if stage == AT_ERROR else None
        rows.append(over(f"{stage}: test error", paper, share_interval(errors)))
    others, other_rows, panel = at_equal_distortion([n.net for n in stages[FULL]], images, config, context)
    rows += other_rows
    draw_curves(found, grids, images.train.class_names, context)
    line_panels([panel], context.folder / "attacks.png", columns=1)
    texts = (
        Text("Best eta for all images and targets, as each unit counts it", unit_table(found, grids)),
        Text("Networks", network_table(stages)),
        Text("Other attacks at equal distortion: classified as the target", others),
    )
    counts = f"{count_in_words(data, images.train, 'training')} For networks that no claim is about: {len(fewer):,}."
    verdict = f"{_verdict(rows)} {counts}"
    return Result(tuple(rows), verdict, ("success.png", "stages.png", "attacks.png"), texts)


def _name(stage: str, of: Of, rule: str) -> str:
    return f"{stage}, {OUTPUTS[of]}, {rule}: classified as the target"


def _rows(stage: str, of: Of, reached: list[Reached], etas: np.ndarray, K: int) -> list[Row]:
    """Rows of one kind of network and one output; the claims are judged on networks of the paper's error."""
    judged = stage == AT_ERROR
    confidence = CONFIDENCE if judged else 0.95
    over = partial(row, n=len(reached), over="nets", interval=f"{100 * confidence:.4g}% t over nets")
    shares, words = [judged_shares(net, etas, K) for net in reached], f"{stage}, {OUTPUTS[of]}"
    mean = partial(share_interval, confidence=confidence)
    rows = [
        over(_name(stage, of, rule), 1.0 if judged else None, mean([share[rule] for share in shares]),
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


def _verdict(rows: list[Row]) -> str:
    said = {quoted: [r for r in rows if r.claim == quoted] for quoted in (ANY_IMAGE.quoted, IN_RANGE.quoted)}
    reached = any_of(r.verdict for r in said[ANY_IMAGE.quoted] if r.verdict)
    best = max(said[ANY_IMAGE.quoted], key=lambda r: r.ours)
    paper = row_named(rows, _name(AT_ERROR, "prob", A_TARGET))
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


EXPERIMENT = Experiment(
    "LD-11",
    "Targeted masks: how far along the gradient",
    "Lo & Ding 2015, Fig. 6",
    {scale: Config(**asdict(c)) for scale, c in SCALES.items()}
    | {"paper": Config(**asdict(replace(SCALES["paper"], nets=3)), beside=1000)},
    run,
    version=2,
)
