"""LD-11: x + eta dy_t/dx: which eta makes net A classify any training image as any class (Lo & Ding 2015, Fig. 6).

python -m experiments run LD-11        (2 minutes on 2 cores, after LD-7; --scale paper: hours)

The paper's eta goes from 0 to 12750, is best from 5000 to 10000, and then leaves "very little error". It does not say
in which units: see the table of readings. The optimum of the first reading lies inside the paper's range, and all
experiments on masks use it: y_t by pixels in 0 .. 1, eta times it in grey levels of 0 .. 255. Expected: each target has
its best eta, but one step along the gradient changes the class of fewer than half of all images.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, held_in_words, row, row_named
from experiments.lo_ding.masks.equal_distortion import LINEAR, PROJECTED, at_distortion, at_equal_distortion
from experiments.models.cifar import (
    LONGEST,
    PER_GREY,
    PER_GREY_SQUARED,
    SCALES,
    Config,
    Images,
    etas,
    load_images,
    net_a,
    spread_indices,
    training_sweep,
)
from nnpg import Network
from nnpg.analysis.statistics import wilson
from nnpg.attacks import MaskOutcome, Sweep, linear, mask_sweep, to_unit
from nnpg.plots import Lines, line_panels
from nnpg.seeds import Of

RANGE, USUAL = (5000.0, 10000.0), 7000.0
AT_BEST = "classified as the target at each target's best eta"
WIDEST = 0.25  # root mean square, where every mask is scaled to one size
READINGS: tuple[tuple[Of, float, str], ...] = (
    ("prob", PER_GREY, "y_t, mask in grey levels"),
    ("prob", PER_GREY_SQUARED, "y_t, all in grey levels"),
    ("logit", PER_GREY_SQUARED, "z_t, all in grey levels"),
    ("logprob", PER_GREY_SQUARED, "log y_t, all in grey levels"),
)


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    net = net_a(config, context, images).net
    sweep, cut = (training_sweep(config, context, images, clip=clip) for clip in (False, True))
    rows = _rows(sweep, cut, images.train.class_names)
    readings, table = _readings(net, images, config, context)
    others, other_rows, panel = at_equal_distortion(net, images, config, context)
    _draw(sweep, cut, images.train.class_names, context)
    line_panels(readings, context.folder / "readings.png", columns=1)
    line_panels([panel], context.folder / "attacks.png", columns=1)
    inside = sum(bool(r.held) for r in rows if r.unit == "eta, grey levels" and r.held is not None)
    best = row_named(rows, AT_BEST)
    linear_step, steps = (row_named(other_rows, at_distortion(name)).ours for name in (LINEAR, PROJECTED))
    verdict = (
        f"That each target has its best eta from 5000 to 10000 held for {inside} of {len(images.train.class_names)} "
        f"targets, and that nearly every image can then be made any class {held_in_words(best.held)} "
        f"here: {best.ours:.0%} at each target's best eta. Steps that follow the gradient as it changes get "
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
    n, by, K = sweep.targets.size, "95% Wilson", range(len(names))
    best = [sweep.best(k) for k in K]
    hits = np.array([[s.predicted[best[k]] == k for k in K] for s in (sweep, cut)])  # (2, K, N, T)
    mine = np.array([sweep.of_target(k) for k in K])
    every, clipped = (wilson(int((h & mine).sum()), n) for h in hits)
    usual = int(abs(sweep.etas * PER_GREY - USUAL).argmin())
    ever = wilson(int(np.isfinite(sweep.least_eta).sum()), n)
    rows = [
        row(AT_BEST, 1.0, every, n, interval=by, held=every.low > 0.9),
        row("the same, clipped to 0 .. 1", None, clipped, n, interval=by),
        row("classified as the target without a mask", None, sweep.target_success(0), n, interval=by),
        row("classified as the target at the eta next to 7000", 1.0, sweep.target_success(usual), n, interval=by),
        row("classified as the target at some eta", None, ever, n, interval=by),
        row("classified as another class at the best eta of all", None, sweep.error(sweep.best()), n, interval=by),
        row("distortion of the least eta that succeeds, median", None, float(np.nanmedian(sweep.least_distortion)),
            int(np.isfinite(sweep.least_distortion).sum()), unit="pixel 0 .. 1"),
    ]  # fmt: skip
    for k, name in enumerate(names):
        m, eta = int(sweep.of_target(k).sum()), float(sweep.etas[best[k]] * PER_GREY)
        rows.append(row(f"{name}: best eta", USUAL, eta, m, unit="eta, grey levels", held=RANGE[0] <= eta <= RANGE[1]))
        rows.append(row(f"{name}: classified as it there", 1.0, sweep.target_success(best[k], k), m, interval=by))
    return rows


def _outcomes(sweep: Sweep, clipped: Sweep) -> str:
    lines = [f"{'':12}{'unclipped':>10}{'clipped':>10}"]
    for outcome in MaskOutcome:
        counts = [int((s.outcome == outcome).sum()) for s in (sweep, clipped)]
        lines.append(f"{outcome.name:12}{counts[0]:10}{counts[1]:10}")
    return "\n".join(lines)


def _readings(net: Network, images: Images, config: Config, context: Context) -> tuple[list[Lines], str]:
    """The same search with other outputs differentiated and other units of eta, on fewer images.

    The last reading is without eta: every mask is scaled to the same root mean square.
    """
    data, curves = images.train.subset(spread_indices(images.train, config.trial)), {}
    lines = [f"{'':28}  {'best':>6}  at the best          at some eta  distortion at the best, median"]
    tried = [(name, linear(net, of=of), etas(config, per), per) for of, per, name in READINGS]
    tried.append(("one size, root mean square", to_unit(linear(net)), np.linspace(0, WIDEST, config.steps), 1.0))
    for name, masks, steps, per in tried:
        sweep = mask_sweep(net, data.x, data.labels, "all", steps, masks=masks, progress=context.progress)
        e, share = sweep.best(), sweep.target_success(sweep.best())
        around = f"{share.value:.1%} ({share.low:.1%}-{share.high:.1%})"
        ever = np.isfinite(sweep.least_eta).mean()
        size = float(np.median(sweep.distortion[e]))
        lines.append(f"{name:28}  {sweep.etas[e] * per:6.5g}  {around:20}  {ever:10.1%}  {size:.4f}")
        curves[name] = sweep.success_curve()
    labels = [name for name, *_ in tried[:-1]]
    panel = Lines("readings of eta", etas(config, 1.0), {name: curves[name] for name in labels},
                  "eta as the paper counts it", "classified as the target", span=RANGE)  # fmt: skip
    return [panel], "\n".join(lines)


def _draw(sweep: Sweep, cut: Sweep, names: tuple[str, ...], context: Context) -> None:
    at = sweep.etas * PER_GREY
    panels = [
        Lines(title, at, {name: s.success_curve(k) for k, name in enumerate(names)}, "eta", "classified as the target",
              span=RANGE)
        for title, s in (("unclipped", sweep), ("clipped to 0 .. 1", cut))
    ]  # fmt: skip
    line_panels(panels, context.folder / "success.png")
    series = {
        "confidence in the source": sweep.own_confidence.mean(axis=(1, 2), dtype=np.float64),
        "confidence in the target": sweep.target_confidence.mean(axis=(1, 2), dtype=np.float64),
        "classified as the target": sweep.success_curve(),
        "classified as another class": sweep.error_curve(),
    }
    panel = Lines("mean over images and targets", at, series, f"eta (up to {LONGEST:.0f})", "share or confidence")
    line_panels([panel], context.folder / "confidence.png", columns=1)


EXPERIMENT = Experiment("LD-11", "Targeted masks: how far along the gradient", "Lo & Ding 2015, Fig. 6", SCALES, run)
