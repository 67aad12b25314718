"""LD-11: x + eta dy_t/dx: which eta makes net A classify any training image as any class (Lo & Ding 2015, Fig. 6).

python -m experiments run LD-11        (2 minutes on 2 cores, after LD-7; --scale paper: hours)

The paper's eta goes from 0 to 12750, is best from 5000 to 10000, and then leaves "very little error". It does not say
in which units: see the table of readings. The optimum of the first reading lies inside the paper's range, and all
experiments on masks use it: y_t by pixels in 0 .. 1, eta times it in grey levels of 0 .. 255. Expected: each target has
its best eta, but one step along the gradient changes the class of fewer than half of all images.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row, row_named
from experiments.lo_ding.masks.equal_distortion import LINEAR, PROJECTED, at_distortion, at_equal_distortion
from experiments.lo_ding.masks.readings_of_eta import readings_of_eta
from experiments.models.cifar import SCALES, Config, load_images, net_a
from experiments.models.masks import LONGEST, PER_GREY, training_sweep
from nnpg.analysis.statistics import wilson
from nnpg.analysis.verdicts import Claim, all_of, at_least
from nnpg.attacks import MaskOutcome, Sweep, best_steps, success_at
from nnpg.plots import Lines, line_panels

RANGE, USUAL = (5000.0, 10000.0), 7000.0
AT_BEST = "classified as the target at each target's best eta, chosen on these data"
CHOSEN = "best eta, chosen on these data"
LITTLE = 0.1  # the paper's "very little error" has no number; one image in ten is the most that the words allow
ANY_IMAGE = at_least(1 - LITTLE, "perturb any image ... to be misclassified as any other class with very little error")
IN_RANGE = Claim(*RANGE, "the optimal values for eta vary between 5000 to 10000 for each target class")


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    net = net_a(config, context, images).net
    sweep, cut = (training_sweep(config, context, images, clip=clip) for clip in (False, True))
    rows = _rows(sweep, cut, images.train.class_names)
    readings, table = readings_of_eta(net, images, config, context, RANGE)
    others, other_rows, panel = at_equal_distortion(net, images, config, context)
    _draw(sweep, cut, images.train.class_names, context)
    line_panels([readings], context.folder / "readings.png", columns=1)
    line_panels([panel], context.folder / "attacks.png", columns=1)
    of_eta = [r for r in rows if r.claim == IN_RANGE.quoted]
    inside = sum(RANGE[0] <= r.ours <= RANGE[1] for r in of_eta)
    best = row_named(rows, AT_BEST)
    linear_step, steps = (row_named(other_rows, at_distortion(name)).ours for name in (LINEAR, PROJECTED))
    verdict = (
        f"That each target has its best eta from 5000 to 10000: {all_of(r.verdict for r in of_eta if r.verdict)}, "
        f"{inside} of {len(of_eta)} targets. That nearly every image can then be made any class: {best.verdict}, "
        f"{best.ours:.0%} at each target's best eta. Both are over pairs of image and target of one network; the unit "
        "of eta and each best eta were chosen on these data. Steps that follow the gradient as it changes get "
        f"{steps:.0%} at the same distortion where one linear step gets {linear_step:.0%}."
    )
    texts = (
        Text("Outcome for each image and target", _outcomes(sweep, cut)),
        Text("Readings of eta", table),
        Text("Other attacks at equal distortion: classified as the target", others),
    )
    return Result(
        (*rows, *other_rows), verdict, ("success.png", "confidence.png", "readings.png", "attacks.png"), texts
    )


def _rows(sweep: Sweep, cut: Sweep, names: tuple[str, ...]) -> list[Row]:
    n, by, over = sweep.targets.size, "95% Wilson", "pairs of one net"
    best = best_steps(sweep)
    every, clipped = (success_at(s, best) for s in (sweep, cut))
    usual = int(abs(sweep.etas * PER_GREY - USUAL).argmin())
    ever = wilson(int(np.isfinite(sweep.least_eta).sum()), n)
    rows = [
        row(AT_BEST, 1.0, every, n, over, interval=by, claim=ANY_IMAGE),
        row("the same, clipped to 0 .. 1", None, clipped, n, over, interval=by),
        row("classified as the target without a mask", None, sweep.target_success(0), n, over, interval=by),
        row("classified as the target at the eta next to 7000", 1.0, sweep.target_success(usual), n, over, interval=by),
        row("classified as the target at some eta", None, ever, n, over, interval=by),
        row("classified as another class at the best eta of all", None, sweep.error(sweep.best()), n, over,
            interval=by),
        row("distortion of the least eta that succeeds, median", None, float(np.nanmedian(sweep.least_distortion)),
            int(np.isfinite(sweep.least_distortion).sum()), over, unit="pixel 0 .. 1"),
    ]  # fmt: skip
    for k, name in enumerate(names):
        m, e = int(sweep.of_target(k).sum()), int(best[k])
        eta = float(sweep.etas[e] * PER_GREY)
        one = "images of one net"
        rows.append(row(f"{name}: {CHOSEN}", USUAL, eta, m, one, unit="eta, grey levels", claim=IN_RANGE))
        rows.append(row(f"{name}: classified as it there", 1.0, sweep.target_success(e, k), m, one, interval=by))
    return rows


def _outcomes(sweep: Sweep, clipped: Sweep) -> str:
    lines = [f"{'':12}{'unclipped':>10}{'clipped':>10}"]
    for outcome in MaskOutcome:
        counts = [int((s.outcome == outcome).sum()) for s in (sweep, clipped)]
        lines.append(f"{outcome.name:12}{counts[0]:10}{counts[1]:10}")
    return "\n".join(lines)


def _draw(sweep: Sweep, cut: Sweep, names: tuple[str, ...], context: Context) -> None:
    at = sweep.etas * PER_GREY
    panels = [
        Lines(title, at, {name: s.success_curve(k) for k, name in enumerate(names)}, "eta", "classified as the target",
              span=RANGE)
        for title, s in (("unclipped", sweep), ("clipped to 0 .. 1", cut))
    ]  # fmt: skip
    line_panels(panels, context.folder / "success.png")
    series = {
        "confidence in the source": sweep.label_confidence.mean(axis=(1, 2), dtype=np.float64),
        "confidence in the target": sweep.target_confidence.mean(axis=(1, 2), dtype=np.float64),
        "classified as the target": sweep.success_curve(),
        "classified as another class": sweep.error_curve(),
    }
    panel = Lines("mean over images and targets", at, series, f"eta (up to {LONGEST:.0f})", "share or confidence")
    line_panels([panel], context.folder / "confidence.png", columns=1)


EXPERIMENT = Experiment("LD-11", "Targeted masks: how far along the gradient", "Lo & Ding 2015, Fig. 6", SCALES, run)
