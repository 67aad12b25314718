"""HI-3: is the change by an adversarial image concentrated on few units? (Hinthorn 2017, 5.2, Fig. 10)

python -m experiments run HI-3        (two minutes, with HI-1's pairs)

Each unit's change, | ||a'|| - ||a|| | and ||a' - a||, from the original to its adversarial image, and to the original
with Gaussian noise of the same size, because any change of the image may be concentrated in a layer whose outputs are
mostly 0. Over several networks, and for future work (6.1, 6.4) over some with a third convolution and some for
CIFAR-10. Expected: a tenth of the units has about half of the change, or more; nearly the same under noise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.hinthorn.concentration_pictures import concentration, draw_neurons
from experiments.models.hinthorn.base import BaseNet, base_nets
from experiments.models.hinthorn.other_bases import DEEPER, Beside, other_bases
from experiments.models.hinthorn.pairs import Pairs, adversarial_pairs
from experiments.models.hinthorn.variants import HARD_PAPER, HARD_SMOKE
from nnpg.analysis.concentration import gini, still_share, top_share
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.analysis.verdicts import at_least, more_than
from nnpg.plots import line_panels
from nnpg.training_methods.volatility import Measure, unit_changes
from nnpg_kernels import Array

MORE = more_than(0, "concentrated assignment of blame over a layer")
MANY = at_least(0.5, "Many activations are invariant to adversarial pairs")  # half is our reading of "many"
JUDGED: tuple[tuple[str, Measure], ...] = (  # for a neuron that is never negative the two measures are equal
    ("neurons", "volatility"),
    ("maps", "volatility"),
    ("maps", "shift"),
)
CONFIDENCE = 1 - 0.05 / (len(JUDGED) + 1)  # the claims on the paper's networks
T, T_JUDGED = "95% t over nets", f"{100 * CONFIDENCE:.5g}% t over nets"
CHANGES = ("adversarial", "noise")
Found = dict[tuple[str, Measure], dict[str, Array]]  # of one net: each change's scores (N, F)


def run(config: Beside, context: Context) -> Result:
    rows: list[Row] = []
    for title, settings in {"": config, **other_bases(config)}.items():
        nets = base_nets(settings, context, settings.nets)
        every = [adversarial_pairs(base, settings, context).beyond(settings.beyond) for base in nets]
        found = [_scores(base, pairs) for base, pairs in zip(nets, every, strict=True)]
        for judged in JUDGED:
            name = f"{title + ': ' if title else ''}{judged[0]}, {judged[1]}"
            rows += _rows(name, [of_net[judged] for of_net in found], bool(title))
        if not title:
            draw_neurons(nets[0], every[0], context.folder / "activations.png")
            curves = [concentration(", ".join(judged), found[0][judged]) for judged in JUDGED]
            line_panels(curves, context.folder / "concentration.png", columns=3)
    excesses = {f"{part} by {by}": row_named(rows, _excess(f"{part}, {by}")) for part, by in JUDGED}
    more = ", ".join(f"{excess.verdict} for {name} ({excess.ours:+.2f})" for name, excess in excesses.items())
    top, top_noise = (row_named(rows, f"neurons, volatility: top 10%, {name}").ours for name in CHANGES)
    verdict = (
        f"The tenth of the neurons that changes most has {top:.0%} of the change (volatility), as the paper's picture "
        f"shows, and {top_noise:.0%} under noise of the same size. That the change is more concentrated (Gini) than "
        f"under noise is {more}, over {config.nets} nets."
    )
    return Result(tuple(rows), verdict, ("activations.png", "concentration.png"))


def _scores(base: BaseNet, pairs: Pairs) -> Found:
    """Return the changes of the units by the attack, and by noise of the same size."""
    noisy = pairs.noisy(np.random.default_rng([base.seed, 4]))
    layer = dict(zip(("maps", "neurons"), base.read_at, strict=True))
    changes = {
        name: unit_changes(base.net, pairs.originals, changed, layers=base.read_at)
        for name, changed in zip(CHANGES, (pairs.adversarial, noisy), strict=True)
    }
    return {(of, by): {name: c[layer[of]].of(by) for name, c in changes.items()} for of, by in JUDGED}


def _rows(title: str, found: list[dict[str, Array]], other: bool) -> list[Row]:
    """Means over the nets; the paper claims nothing of other networks than its own."""
    scores = [{name: s[_changed(of_net)] for name, s in of_net.items()} for of_net in found]
    over = partial(row, n=len(found), over="nets", interval=T)
    judged = partial(over, interval=T_JUDGED)

    def of_nets(measure: Callable[[Array], Array], change: str, confidence: float = 0.95) -> Interval:
        return mean_interval([measure(of_net[change]).mean() for of_net in scores], confidence=confidence)

    rows = []
    for change in CHANGES:
        still = f"{title}: units changed less than 1% of the maximum, {change}"
        rows += [
            over(f"{title}: Gini, {change}", None, of_nets(gini, change), unit="Gini"),
            over(f"{title}: top 10%, {change}", None, of_nets(top_share, change)),
            judged(
                f"{still} (paper: many; our reading: at least half)",
                None,
                of_nets(still_share, change, CONFIDENCE),
                claim=MANY,
            )
            if change == "adversarial" and title.startswith("neurons")
            else over(still, None, of_nets(still_share, change)),
        ]
    more = [(gini(of_net["adversarial"]) - gini(of_net["noise"])).mean() for of_net in scores]
    if other:
        return [*rows, over(_excess(title), None, mean_interval(more), unit="Gini")]
    return [*rows, judged(_excess(title), None, mean_interval(more, confidence=CONFIDENCE), unit="Gini", claim=MORE)]


def _excess(title: str) -> str:
    return f"{title}: Gini, adversarial minus noise"


def _changed(scores: dict[str, Array]) -> Array:
    """Return in which pairs something changes, whatever changes the image."""
    return np.asarray(np.all([s.sum(axis=1) > 0 for s in scores.values()], axis=0))


EXPERIMENT = Experiment(
    "HI-3",
    "Concentration of the change",
    "Hinthorn 2017, Fig. 10",
    {
        "smoke": Beside(**vars(HARD_SMOKE)),
        "quick": Beside(others=(DEEPER,)),
        "paper": Beside(**vars(HARD_PAPER)),
    },
    run,
)
