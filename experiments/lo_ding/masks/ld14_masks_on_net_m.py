"""LD-14: net A's masks on net M, for the training images they were made from (Lo & Ding 2015, Fig. 8 bottom).

python -m experiments run LD-14        (half a minute on 2 cores, after LD-8 and LD-11)

Expected: success on M rises slowly with eta and stays far below success on A; noise of the same length shows how much
of it is due to the masks.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.cifar import SCALES, Config, load_images, net_a, net_m, spread_indices
from experiments.models.masks import PER_GREY, best_etas, etas, training_sweep
from nnpg.analysis.statistics import mean_interval, rank_correlation
from nnpg.analysis.verdicts import more_than
from nnpg.attacks import Sweep, linear, mask_sweep, noise_like
from nnpg.plots import Lines, line_panels

BEST_A, BEST_M = "net A at its best eta: classified as the target", "net M at its best eta"
LARGEST, NOISE = "net M at the largest eta", "net M at the largest eta, noise"
RISING = "net M: rank correlation of success and eta"
FALL = "net A minus net M, each at its best eta"


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    names, seed = images.train.class_names, context.seed_or(config.seed)
    on_a, on_m, cut = (
        training_sweep(config, context, images, victim=victim, clip=clip)
        for victim, clip in (("A", False), ("M", False), ("M", True))
    )
    a, m = net_a(config, context, images).net, net_m(config, context, images).net
    data = images.train.subset(spread_indices(images.train, config.images))
    noise = mask_sweep(
        m, data.x, data.labels, "all", etas(config), masks=noise_like(linear(a), seed), progress=context.progress
    )
    _draw(on_a, on_m, noise, names, context)
    rows = _rows(on_a, on_m, cut, noise, len(names))
    best_a, largest, noisy, rising, fall = (row_named(rows, name) for name in (BEST_A, LARGEST, NOISE, RISING, FALL))
    gain = largest.ours - noisy.ours
    verdict = (
        f"That net A's masks do more on net M as eta grows: {rising.verdict}. That they do less than on net A: "
        f"{fall.verdict}. Both are over one network of each kind. At the largest eta M classifies {largest.ours:.0%} "
        f"of images as the target, {gain:+.1%} against noise of the same length; A, at its best eta, {best_a.ours:.0%}."
    )
    return Result(tuple(rows), verdict, ("models.png", "targets.png"))


def _rows(on_a: Sweep, on_m: Sweep, cut: Sweep, noise: Sweep, K: int) -> list[Row]:
    n, wilson, one = on_a.targets.size, "95% Wilson", "pairs of one net"
    e, last = on_a.best(), len(on_a.etas) - 1
    best_on_a, best_on_m = on_a.target_success(e), on_m.target_success(on_m.best())
    rising = rank_correlation(on_m.etas, on_m.success_curve())
    chosen = best_etas(on_a)
    at_best = [on_m.target_success(int(np.searchsorted(on_m.etas, chosen[k])), k).value for k in range(K)]
    less = mean_interval((on_a.success[e].astype(float) - on_m.success[on_m.best()]).mean(axis=1))  # of each image
    return [
        row(BEST_A, None, best_on_a, n, one, interval=wilson),
        row(BEST_M, None, best_on_m, n, one, interval=wilson),
        row(FALL, None, less, len(on_a.labels), "images of one net", interval="95% t over images",
            claim=more_than(0, "not nearly as effective as on the original pseudo-AlexNet")),
        row(LARGEST, None, on_m.target_success(last), n, one, interval=wilson),
        row("net M at the largest eta, clipped to 0 .. 1", None, cut.target_success(last), n, one, interval=wilson),
        row(NOISE, None, noise.target_success(last), n, one, interval=wilson),
        row("net M without a mask", None, on_m.target_success(0), n, one, interval=wilson),
        row(RISING, None, rising, len(on_m.etas), "steps of eta of one net", unit="",
            claim=more_than(0, "the effectiveness of the masks gradually increase with larger eta")),
        row("net M at each target's best eta of A, mean", None, float(np.mean(at_best)), K, "targets of one net"),
    ]  # fmt: skip


def _draw(on_a: Sweep, on_m: Sweep, noise: Sweep, names: tuple[str, ...], context: Context) -> None:
    at = on_a.etas * PER_GREY
    each = {name: on_m.success_curve(k) for k, name in enumerate(names)}
    all_of = {"net A": on_a, "net M": on_m, "net M, noise": noise}
    panel = Lines("net M, each target", at, each, "eta", "classified as the target")
    line_panels([panel], context.folder / "targets.png", columns=1, top=None)
    both = {name: sweep.success_curve() for name, sweep in all_of.items()}
    line_panels(
        [Lines("all targets", at, both, "eta", "classified as the target")], context.folder / "models.png", columns=1
    )


EXPERIMENT = Experiment("LD-14", "Net A's masks on net M", "Lo & Ding 2015, Fig. 8 bottom", SCALES, run)
