"""HI-1: adversarial images by L-BFGS-B (Hinthorn 2017, 5.1, Fig. 1, 2 and 8).

python -m experiments run HI-1        (a minute on two cores, with HI-0's network)

Expected: every attack succeeds. The least distortion, which Szegedy's cost function defines, ends on the decision
boundary; the paper's images fool "with a correspondingly high certainty", which a change larger by a quarter gives.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, row
from experiments.models.hinthorn.base import PAPER_PAIRS, base_net
from experiments.models.hinthorn.pairs import Pairs, adversarial_pairs
from experiments.models.hinthorn.variants import HARD_PAPER, HARD_SMOKE, Hard
from nnpg import Network, predict
from nnpg.analysis.statistics import Interval, mean_interval, wilson
from nnpg.analysis.verdicts import at_least
from nnpg.plots import image_grid, signed_colours

SHOWN = 5  # pairs in the figures
IMAGES = "images of one net"
SUCCEEDS = at_least(0.95, "easily accomplished")  # the share is ours: the paper gives none


def run(config: Hard, context: Context) -> Result:
    base = base_net(config, context)
    pairs = adversarial_pairs(base, config, context)
    larger = pairs.beyond(config.beyond)
    few = pairs[: min(PAPER_PAIRS, len(pairs))]
    by = "95% t over images"
    found = wilson(len(pairs), pairs.attacked)
    size = mean_interval(pairs.distortion)
    succeeds = row("attacks that succeed", 1.0, found, pairs.attacked, IMAGES, interval="95% Wilson", claim=SUCCEEDS)
    rows = [
        succeeds,
        row("pairs", PAPER_PAIRS, len(pairs), len(pairs), IMAGES, unit="pairs"),
        row(f"distortion, the first {len(few)}", None, mean_interval(few.distortion), len(few), IMAGES, unit="RMS",
            interval=by),
        row("distortion, all", None, size, len(pairs), IMAGES, unit="RMS", interval=by),
    ]  # fmt: skip
    certainty = {
        "least distortion": _certainty(base.net, pairs),
        f"{config.beyond:g} times that": _certainty(base.net, larger),
    }
    for name, mean in certainty.items():
        rows.append(row(f"probability of the target, {name}", None, mean, len(pairs), IMAGES, interval=by))
    at_boundary, beyond = (mean.value for mean in certainty.values())
    fooled = predict(base.net, larger.adversarial).argmax(axis=1) == larger.targets
    rows.append(
        row(f"still classified as the target at {config.beyond:g} times", None, wilson(int(fooled.sum()), len(fooled)),
            len(fooled), IMAGES, interval="95% Wilson")
    )  # fmt: skip
    _figures(base.train.class_names, larger, context.folder)
    verdict = (
        f"{len(pairs)} of {pairs.attacked} correctly classified training images are classified as a random other "
        f"class: that the attack succeeds is {succeeds.verdict}, because one net is no sample of nets; it needs "
        f"a change of {size.value:.3f} RMS, after which the network gives the target "
        f"{at_boundary:.2f} on average (the boundary), and {beyond:.2f} at {config.beyond:g} times the change."
    )
    return Result(tuple(rows), verdict, ("pairs.png", "distortion.png"))


def _certainty(net: Network, pairs: Pairs) -> Interval:
    return mean_interval(predict(net, pairs.adversarial)[np.arange(len(pairs)), pairs.targets])


def _figures(names: tuple[str, ...], pairs: Pairs, folder: Path) -> None:
    """Fig. 8: originals above, adversarial images below; Fig. 1 and 2: original, change, sum."""
    n = min(SHOWN, len(pairs))
    labels, targets = ([names[c] for c in classes[:n]] for classes in (pairs.labels, pairs.targets))
    image_grid(
        np.concatenate([pairs.originals[:n], pairs.adversarial[:n]]),
        folder / "pairs.png",
        titles=[*labels, *(f"classified as {name}" for name in targets)],
        columns=n,
        row_labels=("original", "adversarial"),
    )
    r = pairs.adversarial[:1] - pairs.originals[:1]
    rgb = [np.repeat(a[:1], 3, axis=1) for a in (pairs.originals, pairs.adversarial)]
    image_grid(
        np.concatenate([rgb[0], signed_colours(r[:, 0]), rgb[1]]),
        folder / "distortion.png",
        titles=[f"original: {labels[0]}", "change: red lighter, blue darker", f"sum: classified as {targets[0]}"],
        columns=3,
    )


EXPERIMENT = Experiment(
    "HI-1",
    "Adversarial digits by L-BFGS-B",
    "Hinthorn 2017, Fig. 1, 2 and 8",
    {"smoke": HARD_SMOKE, "quick": Hard(), "paper": HARD_PAPER},
    run,
)
