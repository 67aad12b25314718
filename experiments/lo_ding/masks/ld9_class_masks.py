"""LD-9: one mask for all images, learned with frozen weights and every label the target (Lo & Ding 2015, Fig. 4).

python -m experiments run LD-9        (3 minutes on 2 cores, after LD-11; --scale paper: 30 minutes)

The paper trains the mask as it trains the network, and 88% of the images are still not classified as dogs. It does not
say for how long, nor in which units its learning rate is: with grey levels in 0 .. 255 a step is 65025 times smaller.
Both readings are here, with as many steps as the network had, of 16 images at paper scale (the network: 128).
Expected: for pixels in 0 .. 1 the error falls to nearly 0 within 200 steps and stays there, under a mask that anyone
sees; for grey levels the mask hardly changes. So the paper's masks failed because they were small.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, row, row_named
from experiments.lo_ding.masks.class_mask_sizes import LARGE, LEARNED, LEVELS, NOISE, at_one_size, size_row
from experiments.lo_ding.masks.mask_pictures import draw_masks
from experiments.models import cifar
from experiments.models.cifar import load_images, nets_a, spread_indices
from experiments.models.class_masks import (
    Config,
    class_mask,
    errors_under,
    errors_without,
    half_of,
    steps_kept,
    steps_to,
)
from experiments.models.masks import count_in_words
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import at_least, share_interval
from nnpg.attacks import distortion
from nnpg.plots import Lines, line_panels
from nnpg.support.progress import progress_bar

PAPER, RATE, PER_GREY_SQUARED = 0.88, 0.01, 255.0**2
CLAIM = at_least(PAPER, "error (with respect to the target class dog) was very high (88%)")
NO_BETTER = at_least(PAPER, "Different classes did not perform any better")
CONFIDENCE = 1 - 0.05 / 3  # three comparisons are judged
PIXELS, GREY = "rate for pixels 0 .. 1", "rate for grey levels 0 .. 255"


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    nets, names = [done.net for done in nets_a(config, context, images)], images.train.class_names
    data = images.train.subset(images.fit)
    data = data.subset(spread_indices(data, config.learning))
    test = images.test.subset(spread_indices(images.test, config.queries))
    dog, K, steps = names.index("dog") if "dog" in names else len(names) - 1, len(names), steps_kept(config, data)
    rates, faint = [RATE] * K + [RATE / PER_GREY_SQUARED], K
    with progress_bar("class masks", len(nets) * len(rates), show=context.progress) as advance:
        learned = []
        for net in nets:
            for target, rate in zip([*range(K), dog], rates, strict=True):
                kept = class_mask(net, data, target, rate, config, context).kept
                learned.append(np.stack([kept[step] for step in steps]))
                advance()
    masks = np.stack(learned).reshape(len(nets), K + 1, len(steps), *images.train.image_shape)
    targets = [*range(K), dog]
    on_test = np.array(
        [errors_under(net, test, W, targets) for net, W in zip(nets, masks, strict=True)]
    )  # (nets, K+1, S)
    known = data.subset(spread_indices(data, config.images))
    on_train = np.array([errors_under(net, known, W[:, -1:], targets) for net, W in zip(nets, masks, strict=True)])
    over = partial(row, n=len(nets), over="nets", interval="95% t over nets")
    judged = partial(row, n=len(nets), over="nets", interval=f"{100 * CONFIDENCE:.4g}% t over nets")
    mean, missed = partial(share_interval, confidence=CONFIDENCE, step=1 / len(test)), f"not classified as {names[dog]}"
    others = np.delete(on_test[:, :K, -1], dog, axis=1).mean(axis=1)
    learned_for = f"{steps[-1]:,} steps of {config.batch} images"
    pixels = judged(f"{missed}, {PIXELS}, {learned_for}, test images", PAPER, mean(on_test[:, dog, -1]), claim=CLAIM)
    grey = judged(f"{missed}, {GREY}, {learned_for}, test images", PAPER, mean(on_test[:, faint, -1]), claim=CLAIM)
    other = judged("not classified as the target, mean of the other targets", PAPER, mean(others), claim=NO_BETTER)
    rows = [
        pixels, grey, other,
        over(f"{missed}, {PIXELS}, training images", PAPER, share_interval(on_train[:, dog, 0])),
        over(f"{missed}, no mask", None, share_interval([errors_without(net, test, dog) for net in nets])),
        over(f"{missed}, {PIXELS}: change over the second half of the steps", None,
             mean_interval(on_test[:, dog, -1] - on_test[:, dog, half_of(steps)])),
        over("steps until the error is below 88%, all of them where it never is", None,
             mean_interval([steps_to(PAPER, errors, steps) for errors in on_test[:, dog]]), unit="steps"),
        *(over(f"root mean square of the mask of {names[dog]}, {rate}", None,
               mean_interval(distortion(np.zeros_like(W), W)), unit="pixel 0 .. 1")
          for rate, W in ((PIXELS, masks[:, dog, -1]), (GREY, masks[:, faint, -1]))),
        *(over(f"{name}: not classified as it, {PIXELS}", None, share_interval(on_test[:, k, -1]))
          for k, name in enumerate(names)),
        *at_one_size(nets, test, masks[:, :K, -1], names, context),
    ]  # fmt: skip
    series = {name: on_test[:, k].mean(axis=0) for k, name in enumerate((*names, f"{names[dog]}, grey levels"))}
    panel = Lines("test images, mean of the nets", np.log10(steps), series, "log10 of the steps",
                  "not classified as the target", (PAPER, "the paper's"))  # fmt: skip
    line_panels([panel], context.folder / "learning.png", columns=1)
    draw_masks(nets[0], images, masks[0, dog, -1], dog, context)
    large, noise = (row_named(rows, size_row(kind, LARGE)).ours for kind in (LEARNED, NOISE))
    verdict = (
        f"That 88% of the images are not {names[dog]}s under one mask that has learned for {steps[-1]} steps: "
        f"{pixels.verdict} when the paper's learning rate is one for pixels in 0 .. 1 ({pixels.ours:.0%}, under a mask "
        f"of {float(distortion(0 * masks[:, dog, -1], masks[:, dog, -1]).mean()):.2f}, root mean square); "
        f"{grey.verdict} when it is one for grey levels ({grey.ours:.0%}, because the mask then hardly changes). That "
        f"other classes do no better: {other.verdict} ({other.ours:.0%}). Scaled to {LEVELS[LARGE]:g}, the masks of "
        f"all targets make {large:.0%} of new images of other classes their target (noise: {noise:.0%}). Each step of "
        f"a mask takes {config.batch} images, that of a network {cifar.BATCH}. "
        f"{count_in_words(test, images.test, 'test')}"
    )
    return Result(tuple(rows), verdict, ("learning.png", "masks.png", "sizes.png"))


EXPERIMENT = Experiment(
    "LD-9",
    "One mask for all images",
    "Lo & Ding 2015, Fig. 4",
    {
        "smoke": Config(**asdict(cifar.SCALES["smoke"]), learning=12, steps=3, batch=5),
        "quick": Config(**asdict(cifar.SCALES["quick"])),
        "paper": Config(
            **asdict(replace(cifar.SCALES["paper"], nets=3, queries=1000)), learning=40_000, steps=10_000, batch=16
        ),
    },
    run,
    version=2,
)
