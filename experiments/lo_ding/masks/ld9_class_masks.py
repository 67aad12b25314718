"""LD-9: one mask for all images, learned with frozen weights and every label the target (Lo & Ding 2015, Fig. 4).

python -m experiments run LD-9        (1 minute on 2 cores, after LD-7)

The paper trains the mask as it trains the network, and 88% of the images are still not classified as dogs. It does not
say for how long, nor in which units its learning rate is: with grey levels in 0 .. 255 a step is 65025 times smaller.
Both readings are here. Expected: a mask that is as small as a few steps make it changes the class of few images, as in
the paper; the same mask scaled up changes the class of most images. So it fails because it is small.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.cifar import SCALES, Config, Images, load_images, net_a, spread_indices
from experiments.models.masks import PER_GREY_SQUARED, in_colour
from nnpg import Network, predict
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import at_least
from nnpg.attacks import apply_masks, distortion, error, learn_class_mask, mask_sweep, noise_like, shared, to_unit
from nnpg.plots import Lines, image_grid, line_panels
from nnpg.support.progress import progress_bar
from nnpg_kernels import Array

PAPER, RATE = 0.88, 0.01
CLAIM = at_least(PAPER, "error (with respect to the target class dog) was very high (88%)")
LEVELS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16)  # root mean square of the mask
SMALL, LARGE = 3, 5  # of these, at which mask and noise are compared
LEARNED, NOISE = "learned mask", "Gaussian noise"


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    net, names, seed = net_a(config, context, images).net, images.train.class_names, context.seed_or(config.seed)
    data = images.train.subset(images.fit)
    data = data.subset(spread_indices(data, config.learning))
    dog = names.index("dog") if "dog" in names else len(names) - 1

    def learned(target: int, lr: float) -> Array:
        return learn_class_mask(net, data.x, target, epochs=config.epochs, lr=lr, rng=seed, progress=False).W

    with progress_bar("class masks", len(names), show=context.progress) as advance:
        W = []
        for target in range(len(names)):
            W.append(learned(target, RATE))
            advance()
    masks, faint = np.stack(W), learned(dog, RATE / PER_GREY_SQUARED)
    what = f"not classified as {names[dog]}"
    pixels = _error(f"{what}, rate for pixels 0 .. 1", net, data.x, masks[dog], dog)
    grey = _error(f"{what}, rate for grey levels 0 .. 255", net, data.x, faint, dog)
    rows = [pixels, grey, _error(f"{what}, no mask", net, data.x, 0 * faint, dog, claimed=False)]
    size = distortion(np.zeros_like(masks), masks)
    rows.append(row(f"root mean square of the mask of {names[dog]}", None, float(size[dog]), 1, "masks of one net",
                    unit="pixel 0 .. 1"))  # fmt: skip
    rows += _elsewhere(net, images, masks, config, seed, context)
    _draw(net, images, masks[dog], dog, context)
    large, noise = (row_named(rows, _size_row(kind, LARGE)).ours for kind in (LEARNED, NOISE))
    carries = "so they carry over, and are merely small" if large > 0.5 else "so they do not carry over"
    verdict = (
        f"That 88% of the images are not {names[dog]}s under one mask: {pixels.verdict}, over the images of one "
        f"network, when the paper's learning rate is one for pixels in 0 .. 1: {pixels.ours:.0%}, under a mask of "
        f"{size[dog]:.2f} (root mean square). When it is one for grey levels: {grey.verdict}, {grey.ours:.0%}, because "
        f"the mask then hardly changes. But scaled to {LEVELS[LARGE]:g}, the masks of all targets make {large:.0%} of "
        f"new images of other classes their target (noise: {noise:.0%}), {carries}."
    )
    return Result(tuple(rows), verdict, ("masks.png", "sizes.png"))


def _error(name: str, net: Network, x: Array, W: Array, target: int, claimed: bool = True) -> Row:
    share = error(predict(net, apply_masks(x, np.broadcast_to(W, x.shape), 1.0)).argmax(axis=1), target)
    paper, claim = (PAPER, CLAIM) if claimed else (None, None)
    name = f"{name}, training images"
    return row(name, paper, share, len(x), "images of one net", interval="95% Wilson", claim=claim)


def _elsewhere(net: Network, images: Images, masks: Array, config: Config, seed: int, context: Context) -> list[Row]:
    """Success on test images of other classes when each mask is scaled to one size, and of noise of the same size."""
    test = images.test.subset(spread_indices(images.test, config.queries))
    learned = to_unit(shared(masks))
    kinds = {LEARNED: learned, NOISE: noise_like(learned, seed)}
    panels, rows = [], []
    for kind, make in kinds.items():
        for clip in (False, True) if kind == LEARNED else (False,):
            sweep = mask_sweep(
                net, test.x, test.labels, "all", LEVELS, masks=make, clip=clip, progress=context.progress
            )
            for e in (SMALL, LARGE):
                mean = mean_interval([sweep.target_success(e, k).value for k in range(len(masks))])
                name = _size_row(f"{kind}, clipped" if clip else kind, e)
                rows.append(row(name, None, mean, len(masks), "targets of one net", interval="95% t over targets"))
            if not clip:
                series = {name: sweep.success_curve(k) for k, name in enumerate(images.train.class_names)}
                panels.append(Lines(kind, LEVELS, series, "root mean square of the mask", "classified as the target"))
    line_panels(panels, context.folder / "sizes.png")
    return rows


def _size_row(kind: str, e: int) -> str:
    return f"{kind}, size {LEVELS[e]:g}: classified as the target, test images"


def _draw(net: Network, images: Images, W: Array, target: int, context: Context) -> None:
    """A bird and a frog, the mask at true and at amplified contrast, and their sum (Fig. 4)."""
    names, test = images.train.class_names, images.test
    sources = [c for c in (2, 6) if c < len(names)] or [0]
    x = test.x[[int(np.flatnonzero(test.labels == c)[0]) for c in sources]]
    both = np.broadcast_to(W, x.shape)
    changed = apply_masks(x, both, 1.0, (0.0, 1.0))
    y = predict(net, np.concatenate([x, changed]))
    words = [f"{names[k]} {p:.0%}" for k, p in zip(y.argmax(axis=1), y.max(axis=1), strict=True)]
    pictures = np.stack([x, in_colour(both, 0.5), in_colour(both), changed], axis=1).reshape(-1, *x.shape[1:])
    n = len(sources)
    titles = [t for i in range(n) for t in (words[i], "mask", "stretched", words[n + i])]
    labels = [f"{names[c]} as {names[target]}" for c in sources]
    image_grid(pictures, context.folder / "masks.png", titles=titles, columns=4, row_labels=labels)


EXPERIMENT = Experiment("LD-9", "One mask for all images", "Lo & Ding 2015, Fig. 4", SCALES, run)
