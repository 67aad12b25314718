"""LD-14: do net A's masks carry over to net M, on the images they were made from (Lo & Ding 2015, Fig. 8 bottom)?

python -m experiments run LD-14        (2 minutes on 2 cores, after LD-8 and LD-11; --scale paper: 15 minutes)

A mask has the same root mean square on both networks, and so has the noise that it is compared with. Half of the images
choose the size at which A's masks do most on A, the other half judge it there. Expected: success on M rises slowly with
the size and stays far below success on A; noise shows how much of it is due to the masks.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, row
from experiments.lo_ding.masks.transfer.masks_on_both import Pair, at_best_sizes, masks_on_both, rising
from experiments.models.cifar import SCALES, Config, load_images, nets_a, nets_m
from experiments.models.masks import SIZES, count_in_words, masked_images
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import at_most, more_than, share_interval
from nnpg.plots import Lines, line_panels

# Quoted only: "moderately" has no number, and none was stated before the masks were tried, so it stays open.
MODERATELY = more_than(0, "these masks seem moderately effective on ... the MLP on the training set")
FAR_LESS = at_most(0.5, "not nearly as effective as on the original pseudo-AlexNet")  # at most half: our reading
RISING = more_than(0, "the effectiveness of the masks gradually increase with larger eta")
CONFIDENCE = 1 - 0.05 / 2  # two comparisons are judged


def run(config: Config, context: Context) -> Result:
    images, seed = load_images(config, context), context.seed_or(config.seed)
    data = masked_images(config, images)
    nets = [[done.net for done in make(config, context, images)] for make in (nets_a, nets_m)]
    pairs = [masks_on_both(a, m, data, seed + n, context) for n, (a, m) in enumerate(zip(*nets, strict=True))]
    at_best, found = zip(*(at_best_sizes(pair) for pair in pairs), strict=True)
    a, m, cut, noise, best_m, best_noise = np.array(found).T  # success of each net on the judging half
    grows = [rising(pair, e) for pair, e in zip(pairs, at_best, strict=True)]
    over = partial(row, n=len(pairs), over="nets", interval="95% t over nets")
    judged = partial(row, n=len(pairs), over="nets", interval=f"{100 * CONFIDENCE:.4g}% t over nets")
    mean = partial(mean_interval, confidence=CONFIDENCE)
    best, sizes = "net A's best size", [float(np.append(0, SIZES)[e]) for e in at_best]
    gain = over(f"net M at {best}: classified as the target, masks minus noise (paper: moderate, no number)",
                None, mean_interval(m - noise), claim=MODERATELY, verdict="open")  # fmt: skip
    share = judged(f"classified as the target at {best}, net M / net A (paper: not nearly 1)", None,
                   mean(m / np.maximum(a, 1e-9)), unit="ratio", claim=FAR_LESS)  # fmt: skip
    rise = judged("net M: rank correlation of success and size", None, mean(grows), unit="", claim=RISING)
    rows = (
        over(f"net A at {best}: classified as the target", None, share_interval(a)),
        over(f"net M at {best}: classified as the target", None, share_interval(m)),
        over(f"net M at {best}: classified as the target, noise", None, share_interval(noise)),
        over(best, None, mean_interval(sizes), unit="pixel 0 .. 1"),
        gain,
        share,
        over(f"classified as the target at {best}, net A minus net M", None, mean_interval(a - m)),
        rise,
        over(f"net M at {best}, clipped to 0 .. 1", None, share_interval(cut)),
        over("net M at its own best size", None, share_interval(best_m)),
        over("net M at its own best size: noise", None, share_interval(best_noise)),
        over("net M at each target's best eta of A", None, share_interval([pair.at_etas for pair in pairs])),
        over("net M without a mask", None, share_interval([pair.on_m.success[0].mean() for pair in pairs])),
    )
    _draw(pairs, images.train.class_names, context)
    verdict = (
        f"Net A's masks make {m.mean():.1%} of images their target on net M, noise of their size {noise.mean():.1%}; "
        f"on A itself they make {a.mean():.0%}. Whether {gain.ours:.1%} more than noise is 'moderately effective' is "
        f"{gain.verdict}: the paper has no number, and none was stated beforehand. That they do at most half as much "
        f"on M as on A: {share.verdict}. That they do more on M as they grow: "
        f"{rise.verdict}. {count_in_words(data, images.train, 'training')}"
    )
    return Result(rows, verdict, ("models.png", "targets.png"))


def _draw(pairs: list[Pair], names: tuple[str, ...], context: Context) -> None:
    at, x = np.log10(SIZES), "log10 of the mask's root mean square"

    def curve(which: str, k: int | None = None) -> np.ndarray:
        return np.asarray(np.mean([getattr(pair, which).success_curve(k)[1:] for pair in pairs], axis=0))

    each = {name: curve("on_m", k) for k, name in enumerate(names)}
    panel = Lines("net M, each target", at, each, x, "classified as the target")
    line_panels([panel], context.folder / "targets.png", columns=1, top=None)
    both = {"net A": curve("on_a"), "net M": curve("on_m"), "net M, noise": curve("noise")}
    both_panel = Lines("all targets, mean of the nets", at, both, x, "classified as the target")
    line_panels([both_panel], context.folder / "models.png", columns=1)


EXPERIMENT = Experiment(
    "LD-14", "Do net A's masks carry over to net M?", "Lo & Ding 2015, Fig. 8 bottom", SCALES, run, version=3
)
