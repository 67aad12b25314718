"""HI-1: adversarial images by L-BFGS-B (Hinthorn 2017, 5.1, Fig. 1, 2 and 8).

python -m experiments run HI-1 --backend numba        (a minute on two cores, with HI-0's network)

To expect: every attack succeeds. The least distortion, which Szegedy's cost function asks for, ends on the decision
boundary; the paper's images fool "with a correspondingly high certainty", which a change a quarter larger gives.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, row
from experiments.models.hard_negatives import HARD_PAPER, HARD_SMOKE, Hard
from experiments.models.hinthorn import PAPER_PAIRS, Pairs, adversarial_pairs, base_net
from nnpg import Network
from nnpg.plots import image_grid, signed_colours
from nnpg.statistics import Interval, mean_interval, wilson

SHOWN = 5  # pairs in the figures


def run(config: Hard, context: Context) -> Result:
    base = base_net(config, context)
    pairs = adversarial_pairs(base, config, context)
    larger = pairs.beyond(config.beyond)
    few = pairs[: min(PAPER_PAIRS, len(pairs))]
    by = "95% t over images"
    found = wilson(len(pairs), pairs.attacked)
    rows = [
        row("attacks that succeed", 1.0, found, pairs.attacked, interval="95% Wilson", held=found.low > 0.95),
        row("pairs", PAPER_PAIRS, len(pairs), len(pairs), unit="pairs"),
        row(
            f"distortion, the first {len(few)}", None, mean_interval(few.distortion), len(few), unit="RMS", interval=by
        ),
        row("distortion, all", None, mean_interval(pairs.distortion), len(pairs), unit="RMS", interval=by),
    ]
    for name, own in (("least distortion", pairs), (f"{config.beyond:g} times that", larger)):
        sure = _certainty(base.net, own)
        rows.append(row(f"probability of the target, {name}", None, sure, len(own), interval=by))
    fooled = base.net.predict(larger.adversarial).argmax(axis=1) == larger.targets
    rows.append(
        row(f"still taken for the target at {config.beyond:g} times", None, wilson(int(fooled.sum()), len(fooled)),
            len(fooled), interval="95% Wilson")
    )  # fmt: skip
    _figures(base.train.class_names, larger, context.folder)
    well = "succeeds, as in the paper" if rows[0].held else "is not shown to do so"
    verdict = (
        f"{len(pairs)} of {pairs.attacked} correctly classified training images are taken for a random other class: "
        f"the attack {well}; it takes a change of {rows[3].ours:.3f} RMS, after which the network gives the target "
        f"{rows[4].ours:.2f} on average (the boundary), and {rows[5].ours:.2f} at {config.beyond:g} times the change."
    )
    return Result(tuple(rows), verdict, ("pairs.png", "distortion.png"))


def _certainty(net: Network, pairs: Pairs) -> Interval:
    return mean_interval(net.predict(pairs.adversarial)[np.arange(len(pairs)), pairs.targets])


def _figures(names: tuple[str, ...], pairs: Pairs, folder: Path) -> None:
    """Fig. 8: originals above, adversarial images below; Fig. 1 and 2: original, change, sum."""
    n = min(SHOWN, len(pairs))
    own, feigned = ([names[c] for c in classes[:n]] for classes in (pairs.labels, pairs.targets))
    image_grid(
        np.concatenate([pairs.originals[:n], pairs.adversarial[:n]]),
        folder / "pairs.png",
        titles=[*own, *(f"taken for {name}" for name in feigned)],
        columns=n,
        row_labels=("original", "adversarial"),
    )
    r = pairs.adversarial[:1] - pairs.originals[:1]
    rgb = [np.repeat(a[:1], 3, axis=1) for a in (pairs.originals, pairs.adversarial)]
    image_grid(
        np.concatenate([rgb[0], signed_colours(r[:, 0]), rgb[1]]),
        folder / "distortion.png",
        titles=[f"original: {own[0]}", "change: red lighter, blue darker", f"sum: taken for {feigned[0]}"],
        columns=3,
    )


EXPERIMENT = Experiment(
    "HI-1",
    "Adversarial digits by L-BFGS-B",
    "Hinthorn 2017, Fig. 1, 2 and 8",
    {"smoke": HARD_SMOKE, "quick": Hard(), "paper": HARD_PAPER},
    run,
)
