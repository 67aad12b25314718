"""LD-12: examples of masks: on a training image, from a nearest neighbour, on another network (Lo & Ding 2015, Fig. 7).

python -m experiments run LD-12        (2 minutes on 2 cores, after LD-11; --scale paper: 15 minutes)

Each row shows the image with the median distortion among those whose mask succeeds at the best eta of its target, which
other images chose. So the rows show what success looks like; the table says how often the masks succeed. The paper:
distortion is "rather low for most images", and lower in larger images: for that, nets A learn the same images with 16 x
16 pixels too. Changed images are clipped to the range of pixels.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.lo_ding.masks.choice_of_eta import chosen_etas
from experiments.lo_ding.masks.mask_pictures import Case, example
from experiments.models.cifar import SCALES, Config, Images, halved, load_images, nets_a, nets_m, spread_indices
from experiments.models.masks import SIZES, count_in_words, halves, masked_images, reached_by, size_sweep
from nnpg import Network
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import at_most, less_than, share_interval
from nnpg.attacks import Masker, Sweep, borrowed, linear, mask_sweep, nearest_images, scaled
from nnpg.data import Dataset
from nnpg.plots import image_grid
from nnpg_kernels import Array

MNIST = 0.06  # root mean square of a least change on MNIST: Szegedy et al. 2013, Table 1
LOW = 0.03  # 8 of 255 grey levels: a convention for what is hard to see
TRAINING = "training image, net A"
LEAST = f"least of {len(SIZES)} sizes that succeeds, unclipped, all targets, median"
LARGER = f"least of {len(SIZES)} sizes that succeeds, large images minus small ones"
CLAIM = at_most(LOW, "the optimal distortion is rather low for most images")
LESS = less_than(0, "Adversarials are less noticeable in larger images")
CONFIDENCE = 1 - 0.05 / 3  # three comparisons are judged


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    small = halved(images)
    nets = [[done.net for done in make(config, context, images)] for make in (nets_a, nets_m)]
    test = images.test.subset(spread_indices(images.test, config.queries))
    nearest, _ = nearest_images(test.x, images.train.x, progress=context.progress)
    neighbours = images.train.x[nearest]
    cases = [_cases(a, m, images, (test, neighbours), config, context) for a, m in zip(*nets, strict=True)]
    rows: list[Row] = []
    for name in cases[0]:
        rows += _rows(name, [of_net[name][-1] for of_net in cases])
    least = [_least(net, masked_images(config, images), context) for net in nets[0]]
    narrow = nets_a(config, context, small)
    least_small = [_least(done.net, masked_images(config, small), context) for done in narrow]
    over = partial(
        row, n=config.nets, over="nets", unit="pixel 0 .. 1", interval=f"{100 * CONFIDENCE:.4g}% t over nets"
    )
    mean = partial(mean_interval, confidence=CONFIDENCE)
    large, narrow_side = (each.train.x.shape[-1] for each in (images, small))
    optimal = over(f"net A, {large} pixels: {LEAST}", None, mean(least), claim=CLAIM)
    larger = over(LARGER, None, mean(np.subtract(least, least_small)), claim=LESS)
    rows += [optimal, over(f"net A, {narrow_side} pixels: {LEAST}", None, mean(least_small)), larger]
    pictures, titles = zip(*(example(*case, images.train.class_names) for case in cases[0].values()), strict=True)
    heads = [title for four in titles for title in four]
    image_grid(
        np.concatenate(pictures), context.folder / "examples.png", titles=heads, columns=4, row_labels=list(cases[0])
    )
    low = row_named(rows, _distortion_row(TRAINING))
    verdict = (
        f"That the distortion of most masks is low (the median at most {LOW:g}): {low.verdict} where a target has one "
        f"eta ({low.ours:.3f} of the range of a pixel; {MNIST:g} on MNIST, the paper's comparison), {optimal.verdict} "
        f"where each image has the least that succeeds ({optimal.ours:.3f}). That larger images take less: "
        f"{larger.verdict} ({larger.ours:+.3f} from {narrow_side} to {large} pixels a side). "
        f"{count_in_words(masked_images(config, images), images.train, 'training')}"
    )
    return Result(tuple(rows), verdict, ("examples.png",))


def _cases(
    a: Network, m: Network, images: Images, new: tuple[Dataset, Array], config: Config, context: Context
) -> dict[str, Case]:
    """Of one net A and one net M, how masks do on random targets; `new` are test images and their neighbours."""
    every, (test, neighbours) = masked_images(config, images), new
    best = chosen_etas(reached_by(a, every, context, "prob"), images.train.K)
    known = every.subset(halves(len(every))[1])
    made: dict[str, tuple[Network, Dataset, Masker]] = {
        TRAINING: (a, known, linear(a)),
        "test image, neighbour's mask": (a, test, borrowed(linear(a), neighbours)),
        "training image, net M": (m, known, linear(a)),
    }
    seed, cases = context.seed_or(config.seed), {}
    for name, (net, data, make) in made.items():
        masks = scaled(make, best)
        sweep = mask_sweep(net, data.x, data.labels, "random", (0, 1), masks=masks, clip=True, rng=seed, progress=False)
        cases[name] = (net, data, masks, sweep)
    return cases


def _least(net: Network, data: Dataset, context: Context) -> float:
    """Median of the least size that succeeds; where none does, the largest that was tried."""
    least = size_sweep(net, data, context, of="logprob").least_distortion
    return float(np.median(np.where(np.isfinite(least), least, SIZES[-1])))


def _distortion_row(name: str) -> str:
    return f"{name}: distortion where that succeeds, median"


def _rows(name: str, sweeps: list[Sweep]) -> list[Row]:
    over = partial(row, n=len(sweeps), over="nets")
    sizes = [s.distortion[1][s.success[1] & ~s.success[0]] for s in sweeps]
    medians = [float(np.median(size)) for size in sizes if len(size)]
    claimed = name == TRAINING
    middle = mean_interval(medians, confidence=CONFIDENCE if claimed else 0.95) if medians else math.nan
    return [
        over(f"{name}: classified as a random target", None, share_interval([s.success[1].mean() for s in sweeps]),
             interval="95% t over nets"),
        over(_distortion_row(name), None, middle, n=max(1, len(medians)), unit="pixel 0 .. 1",
             interval=f"{100 * CONFIDENCE if claimed else 95:.4g}% t over nets", claim=CLAIM if claimed else None),
    ]  # fmt: skip


EXPERIMENT = Experiment("LD-12", "Examples of masks", "Lo & Ding 2015, Fig. 7", SCALES, run, version=2)
