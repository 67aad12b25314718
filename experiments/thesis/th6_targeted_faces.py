"""TH-6: every face changed towards every other person along grad_x y: success and plain error (Lo 2016, 4.5-4.7).

python -m experiments run TH-6        (three nets of 250 epochs unless trained already; then 1 minute)

The thesis does not say how long its steps are. Ours are measured by the size of the change: every mask is scaled to the
same root mean square. Expected: some people are much easier targets than others; an error in favour of any other person
takes a smaller change than an error in favour of a given person.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, held_in_words, row, row_named
from experiments.models.cifar import in_colour
from experiments.models.faces import FEW, FaceNet, FaceNets, nets_of
from nnpg.analysis.statistics import mean_interval, paired_p, rank_correlation
from nnpg.attacks import Sweep, apply_masks, gradient_masks, linear, mask_sweep, to_unit
from nnpg.plots import Lines, image_grid, line_panels
from nnpg.seeds import Of
from nnpg_kernels import Array

LEVELS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24, 0.32)  # root mean square, pixels of 0 .. 1
SHOWN = (0, 2, 4, 6, 8, 10)  # of these, in the picture
ENDS, ORDER = "easiest minus hardest target, each at its best step", "rank correlation of the targets between nets"
UNTARGETED = "change 0.08: error of the untargeted step minus success of the targeted"


@dataclass(frozen=True)
class Config(FaceNets):
    """Data set and nets; how many images, spread over all."""

    seeds: int = 3
    images: int = 165


def run(config: Config, context: Context) -> Result:
    nets = nets_of(config, context)
    chosen = np.unique(np.linspace(0, len(nets[0].data) - 1, config.images).astype(int))
    free = [_towards(face, chosen) for face in nets]
    cut = [_towards(face, chosen, clip=True) for face in nets]
    logits = [_towards(face, chosen, of="logit") for face in nets]
    away = [_away(face, chosen) for face in nets]
    names = nets[0].data.class_names
    _curves(free, names, context.folder)
    _faces(nets[0], free[0], chosen, context.folder / "faces.png")
    rows = _rows(free, cut, logits, away)
    ends, order, untargeted = (row_named(rows, name) for name in (ENDS, ORDER, UNTARGETED))
    verdict = (
        f"That some targets are easier than others {held_in_words(ends.held)} here: at each target's best step the "
        f"easiest is reached {ends.ours:+.0%} more often than the hardest (their order agrees between nets with a rank "
        f"correlation of {order.ours:.2f}). That an untargeted error is easier than a targeted one "
        f"{held_in_words(untargeted.held)}: at a change of 0.08 the untargeted step causes an error "
        f"{untargeted.ours:+.0%} more often than a target is reached."
    )
    return Result(tuple(rows), verdict, ("success.png", "faces.png"))


def _towards(face: FaceNet, chosen: np.ndarray, of: Of = "prob", clip: bool = False) -> Sweep:
    data = face.data.subset(chosen)
    make = to_unit(linear(face.net, of=of))
    return mask_sweep(face.net, data.x, data.labels, "all", LEVELS, masks=make, clip=clip, progress=False)


def _away(face: FaceNet, chosen: np.ndarray) -> Sweep:
    """The step that lowers the output of the true class, with no target: the sweep is told the runner-up class."""
    data = face.data.subset(chosen)

    def from_true(x: Array, targets: Array, rows: Array) -> Array:
        return -gradient_masks(face.net, x, data.labels[rows][:, None])

    return mask_sweep(face.net, data.x, data.labels, "nearest", LEVELS, masks=to_unit(from_true), progress=False)


def easiest_and_hardest(sweep: Sweep) -> tuple[np.ndarray, float]:
    """Each target's success at its best step, (K,), and the highest minus the lowest."""
    targets = np.unique(sweep.targets)
    best = np.array([sweep.success_curve(int(k)).max() for k in targets])
    return best, float(np.ptp(best))


def _rows(free: list[Sweep], cut: list[Sweep], logits: list[Sweep], away: list[Sweep]) -> list[Row]:
    e, by, n = LEVELS.index(0.08), "95% t over nets", len(free)
    best = [easiest_and_hardest(s) for s in free]
    spread = mean_interval([gap for _, gap in best])
    pairs = [rank_correlation(a[0], b[0]) for i, a in enumerate(best) for b in best[i + 1 :]]
    reached, erred = np.array([s.success_curve()[e] for s in free]), np.array([s.error_curve()[e] for s in away])
    more = mean_interval(erred - reached)
    worse = all(s.target_success(s.best(), int(k)).high < s.target_success(s.best(), int(j)).low for s in free
                for k, j in [_ends(s)])  # fmt: skip
    least = np.concatenate([s.least_distortion[np.isfinite(s.least_distortion)] for s in free])
    return [
        row(ENDS, None, spread, n, interval=by, held=worse),
        row(ORDER, None, float(np.mean(pairs)) if pairs else 1.0,
            max(1, len(pairs)), unit=""),
        row(UNTARGETED, None, more, n, interval=by,
            held=bool(more.low > 0 or (n > 1 and more.value > 0 and paired_p(erred - reached) < 0.05))),
        row("change 0.08: classified as the target", None, mean_interval(reached), n, interval=by),
        row("change 0.08: untargeted error", None, mean_interval(erred), n, interval=by),
        row("change 0.08: error under a targeted step", None, mean_interval([s.error_curve()[e] for s in free]), n,
            interval=by),
        row("change 0.08, clipped: classified as the target", None,
            mean_interval([s.success_curve()[e] for s in cut]), n, interval=by),
        row("change 0.08, gradient of the logit: classified as the target", None,
            mean_interval([s.success_curve()[e] for s in logits]), n, interval=by),
        row("least change that succeeds, median", None, float(np.median(least)) if len(least) else 0.0,
            max(1, len(least)), unit="pixel 0 .. 1"),
    ]  # fmt: skip


def _ends(sweep: Sweep) -> tuple[int, int]:
    """The hardest and the easiest target at the step that is best for all."""
    e, targets = sweep.best(), np.unique(sweep.targets)
    share = [sweep.target_success(e, int(k)).value for k in targets]
    return int(targets[int(np.argmin(share))]), int(targets[int(np.argmax(share))])


def _curves(sweeps: list[Sweep], names: tuple[str, ...], folder: Path) -> None:
    xlabel = "root mean square of the change"
    kinds = {"classified as the target": Sweep.success_curve, "classified as another": Sweep.error_curve}
    panels = [
        Lines(kind, LEVELS, {name: np.mean([curve(s, k) for s in sweeps], axis=0) for k, name in enumerate(names)},
              xlabel, "share of images, mean of the nets")
        for kind, curve in kinds.items()
    ]  # fmt: skip
    line_panels(panels, folder / "success.png")


def _faces(face: FaceNet, sweep: Sweep, chosen: np.ndarray, path: Path) -> None:
    """Faces under growing steps: confidence t in the person, y in the target (Fig. 4.5)."""
    reached = np.flatnonzero((sweep.success.any(axis=0) & ~sweep.success[0]).any(axis=1))
    rows = (reached if len(reached) else np.arange(len(chosen)))[:: max(1, len(reached) // 3)][:3]
    data, pictures, titles, labels = face.data.subset(chosen), [], [], []
    for n in rows:
        j = int(sweep.success[:, n].any(axis=0).argmax())
        target, label = int(sweep.targets[n, j]), int(sweep.labels[n])
        x = data.x[n : n + 1]
        W = to_unit(linear(face.net))(x, np.array([[target]]), np.array([n]))[:, 0]
        pictures += [in_colour(W), *(apply_masks(x, W, LEVELS[e], (0.0, 1.0)) for e in SHOWN)]
        titles += ["mask, amplified"]
        confidences = [(sweep.own_confidence[e, n, j], sweep.target_confidence[e, n, j]) for e in SHOWN]
        titles += [f"change={LEVELS[e]:.2f} t={t:.0%} y={y:.0%}" for e, (t, y) in zip(SHOWN, confidences, strict=True)]
        labels.append(f"ID {label + 1} as {target + 1}")
    image_grid(np.concatenate(pictures), path, titles=titles, columns=1 + len(SHOWN), row_labels=labels)


EXPERIMENT = Experiment(
    "TH-6",
    "Faces changed towards other people",
    "Lo 2016, Fig. 4.5 to 4.7",
    {
        "smoke": Config(FEW, epochs=2, seeds=2, images=6),
        "quick": Config(),
        "paper": Config(seeds=10),
    },
    run,
)
