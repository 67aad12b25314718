"""LD-12: examples of masks: on a training image, from a nearest neighbour, on another network (Lo & Ding 2015, Fig. 7).

python -m experiments run LD-12        (20 seconds on 2 cores, after LD-11)

Each row shows the image with the median distortion among those whose mask succeeds at the best eta of its target. So
the rows show what success looks like; the table says how often the masks succeed. The paper: distortion is "rather low
for most images", larger than on ImageNet and as large as on MNIST. Changed images are clipped to the range of pixels.
"""

from __future__ import annotations

import math

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.cifar import SCALES, Config, Images, load_images, net_a, net_m, spread_indices
from experiments.models.masks import best_etas, in_colour, training_sweep
from nnpg import Network, predict
from nnpg.analysis.statistics import median_interval
from nnpg.analysis.verdicts import at_most
from nnpg.attacks import Masker, Sweep, apply_masks, borrowed, linear, mask_sweep, nearest_images, scaled
from nnpg.data import Dataset
from nnpg.plots import image_grid
from nnpg_kernels import Array

MNIST = 0.06  # root mean square of a least change on MNIST: Szegedy et al. 2013, Table 1
LOW = 0.03  # 8 of 255 grey levels: a convention for what is hard to see
TRAINING = "training image, net A"
CLAIM = at_most(LOW, "the optimal distortion is rather low for most images")


def run(config: Config, context: Context) -> Result:
    images, seed = load_images(config, context), context.seed_or(config.seed)
    a, m = net_a(config, context, images).net, net_m(config, context, images).net
    every = training_sweep(config, context, images)
    best = best_etas(every)
    least = every.least_distortion[np.isfinite(every.least_distortion)]
    known = images.train.subset(spread_indices(images.train, config.images))
    test = images.test.subset(spread_indices(images.test, config.queries))
    nearest, _ = nearest_images(test.x, images.train.x, progress=context.progress)
    cases: dict[str, tuple[Network, Dataset, Masker]] = {
        TRAINING: (a, known, linear(a)),
        "test image, neighbour's mask": (a, test, borrowed(linear(a), images.train.x[nearest])),
        "training image, net M": (m, known, linear(a)),
    }
    rows: list[Row] = []
    pictures, titles = [], []
    for name, (net, data, make) in cases.items():
        masks = scaled(make, best)
        sweep = mask_sweep(net, data.x, data.labels, "random", (0, 1), masks=masks, clip=True, rng=seed, progress=False)
        rows += _rows(name, sweep)
        four, words = _example(net, data, masks, sweep, images)
        pictures.append(four)
        titles += words
    middle = float(np.median(least)) if len(least) else 0.0
    name = "net A: distortion at the least eta that succeeds, unclipped, all targets, median"
    rows.append(row(name, None, middle, max(1, len(least)), "pairs of one net", unit="pixel 0 .. 1"))
    grid = np.concatenate(pictures)
    image_grid(grid, context.folder / "examples.png", titles=titles, columns=4, row_labels=list(cases))
    low = row_named(rows, _distortion_row(TRAINING))
    verdict = (
        f"That the distortion of most masks is low (the median at most {LOW:g}): {low.verdict}, over the images of one "
        f"network. Where a training image's mask succeeds, its median is {low.ours:.3f} of the range of a pixel "
        f"({MNIST:g} on MNIST, the paper's comparison)."
    )
    return Result(tuple(rows), verdict, ("examples.png",))


def _distortion_row(name: str) -> str:
    return f"{name}: distortion where that succeeds, median"


def _rows(name: str, sweep: Sweep) -> list[Row]:
    won = sweep.success[1] & ~sweep.success[0]
    size = sweep.distortion[1][won]
    middle = median_interval(size) if len(size) > 5 else float(np.median(size)) if len(size) else math.nan
    claim, over = CLAIM if name == TRAINING else None, "images of one net"
    return [
        row(f"{name}: classified as a random target", None, sweep.target_success(1), len(sweep.labels), over,
            interval="95% Wilson"),
        row(_distortion_row(name), None, middle if len(size) else 0.0, max(1, len(size)), over,
            unit="pixel 0 .. 1", interval="95% of the median" if len(size) > 5 else "", claim=claim),
    ]  # fmt: skip


def _example(net: Network, data: Dataset, masks: Masker, sweep: Sweep, images: Images) -> tuple[Array, list[str]]:
    """Image, mask at true contrast, mask stretched, and sum: the median success among images classified correctly."""
    right = sweep.predicted[0, :, 0] == sweep.labels
    won = np.flatnonzero(sweep.success[1, :, 0] & right)
    candidates = won if len(won) else np.arange(len(data))
    n = int(candidates[np.argsort(sweep.distortion[1, candidates, 0])[len(candidates) // 2]])
    x, target, rows = data.x[n : n + 1], sweep.targets[n : n + 1], np.array([n])
    W = masks(x, target, rows)[:, 0]
    changed = apply_masks(x, W, 1.0, (0.0, 1.0))
    names, words = images.train.class_names, []
    for y in predict(net, np.concatenate([x, changed])):
        words.append(f"{names[int(y.argmax())]} {y.max():.0%}")
    four = np.concatenate([x, in_colour(W, 0.5), in_colour(W), changed])
    return four, [words[0], "mask", "stretched", words[1]]


EXPERIMENT = Experiment("LD-12", "Examples of masks", "Lo & Ding 2015, Fig. 7", SCALES, run)
