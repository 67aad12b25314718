"""LD-13: masks without the gradient: a test image gets that of its nearest training image (Lo & Ding 2015, Fig. 8 top).

python -m experiments run LD-13        (1 minute on 2 cores, after LD-11)

The mask is scaled by the best eta that LD-11 found for its target. Expected: some targets can be reached, with far
fewer images than by each image's gradient. For comparison: masks of a random training image, and noise of the same
length.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.cifar import SCALES, Config, load_images, net_a, spread_indices
from experiments.models.masks import PER_GREY, best_etas, etas, training_sweep
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import Claim, more_than
from nnpg.attacks import Sweep, borrowed, linear, mask_sweep, nearest_images, noise_like, scaled
from nnpg.plots import Lines, Measured, interval_plot, line_panels

NEAREST, GRADIENT, RANDOM, NOISE = "nearest image's mask", "gradient of the image", "random image's mask", "noise"
REACHED = "targets for which the nearest image's mask does more than noise"
QUOTED = "some target misclassifications can be generalized, e.g. frog and truck"
NAMED = ("frog", "truck")


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    a, names, seed = net_a(config, context, images).net, images.train.class_names, context.seed_or(config.seed)
    best = best_etas(training_sweep(config, context, images))
    test = images.test.subset(spread_indices(images.test, config.queries))
    nearest, distance = nearest_images(test.x, images.train.x, progress=context.progress)
    other = np.random.default_rng(seed).integers(len(images.train), size=len(test))
    from_nearest = borrowed(linear(a), images.train.x[nearest])
    makers = {
        NEAREST: from_nearest,
        GRADIENT: linear(a),
        RANDOM: borrowed(linear(a), images.train.x[other]),
        NOISE: noise_like(from_nearest, seed),
    }
    found: dict[str, Sweep] = {}
    for name, make in makers.items():
        for clip in (False, True) if name == NEAREST else (False,):
            masks = scaled(make, best)
            sweep = mask_sweep(a, test.x, test.labels, "all", (0, 1), masks=masks, clip=clip, progress=context.progress)
            found[f"{name}, clipped" if clip else name] = sweep
    curves = mask_sweep(a, test.x, test.labels, "all", etas(config), masks=from_nearest, progress=context.progress)
    series = {name: curves.success_curve(k) for k, name in enumerate(names)}
    panel = Lines("net A, test images", curves.etas * PER_GREY, series, "eta", "classified as the target")
    line_panels([panel], context.folder / "transfer.png", columns=1, top=None)
    rows = _rows(found, names)
    bars = {
        name if kind == NEAREST else f"{name}: {NOISE}": found[kind].target_success(1, k)
        for k, name in enumerate(names)
        for kind in (NEAREST, NOISE)
    }
    shares = Measured(f"{NEAREST}, and noise", bars, "classified as the target")
    interval_plot([shares], context.folder / "targets.png", columns=1)
    words = _verdict(found, rows, names, float(np.median(distance)))
    return Result(tuple(rows), words, ("transfer.png", "targets.png"))


def _rows(found: dict[str, Sweep], names: tuple[str, ...]) -> list[Row]:
    nearest, by, over = found[NEAREST], "95% Wilson", "pairs of one net"
    n = nearest.targets.size
    shares = {f"{kind}: classified as the target": sweep.target_success(1) for kind, sweep in found.items()}
    shares["no mask: classified as the target"] = nearest.target_success(0)
    shares[f"{NEAREST}: classified as another class"] = nearest.error(1)
    rows = [row(name, None, share, n, over, interval=by) for name, share in shares.items()]
    reached, some = sum(works(found, k) for k in range(len(names))), Claim(1, len(names) - 1, QUOTED)
    rows.append(row(REACHED, None, reached, len(names), "targets of one net", unit="targets", claim=some))
    confidence, images = 1 - 0.05 / len(NAMED), "images of one net"
    for k, name in enumerate(names):
        m = int(nearest.of_target(k).sum())
        rows.append(row(f"{name}: classified as it", None, nearest.target_success(1, k), m, images, interval=by))
        if name in NAMED:
            won, by_noise = (found[kind].success[1][nearest.of_target(k)] for kind in (NEAREST, NOISE))
            more = mean_interval(won.astype(float) - by_noise, confidence=confidence)
            rows.append(row(f"{name}: classified as it, minus the share by noise", None, more, m, images,
                            interval=f"{confidence:.1%} t over images", claim=more_than(0, QUOTED)))  # fmt: skip
    return rows


def works(found: dict[str, Sweep], k: int) -> bool:
    """Whether the nearest image's masks succeed significantly more often for target k than noise of their length."""
    return found[NEAREST].target_success(1, k).low > found[NOISE].target_success(1, k).high


def _verdict(found: dict[str, Sweep], rows: list[Row], names: tuple[str, ...], distance: float) -> str:
    reached = row_named(rows, REACHED)
    order = sorted(range(len(names)), key=lambda k: -found[NEAREST].target_success(1, k).value)
    share = {kind: found[kind].target_success(1).value for kind in (NEAREST, GRADIENT, RANDOM, NOISE)}
    return (
        f"That a neighbour's mask reaches some targets and not others: {reached.verdict}, over the targets of one "
        f"network. It does more than noise of the same length for {reached.ours:.0f} of {len(names)} targets, most for "
        f"{names[order[0]]} and {names[order[1]]} (the paper: frog and truck). "
        f"{share[NEAREST]:.0%} of test images are classified as the target, "
        f"{share[GRADIENT]:.0%} with the gradient of the image, {share[RANDOM]:.0%} with a random training image's, "
        f"{share[NOISE]:.0%} with noise. The nearest image is {distance:.1f} away in the median."
    )


EXPERIMENT = Experiment("LD-13", "Masks of the nearest training image", "Lo & Ding 2015, Fig. 8 top", SCALES, run)
