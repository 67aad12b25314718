"""HI-3: is the change by an adversarial image concentrated on few units? (Hinthorn 2017, 5.2, Fig. 10)

python -m experiments run HI-3        (two minutes, with HI-1's pairs)

Each unit's change, | ||a'|| - ||a|| | and ||a' - a||, from the original to its adversarial image, and to the original
with Gaussian noise of the same size, because any change of the image may be concentrated in a layer whose outputs are
mostly 0. Over several networks, and for future work (6.1, 6.4) over some with a third convolution and some for
CIFAR-10. Expected: a tenth of the units has about half of the change, or more; nearly the same under noise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.hinthorn.base import BaseNet, base_nets
from experiments.models.hinthorn.other_bases import DEEPER, Beside, other_bases
from experiments.models.hinthorn.pairs import Pairs, adversarial_pairs
from experiments.models.hinthorn.variants import HARD_PAPER, HARD_SMOKE
from nnpg import Network
from nnpg.analysis.concentration import concentration_curve, gini, top_share
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import at_least, more_than
from nnpg.plots import Lines, image_grid, line_panels
from nnpg.training_methods.volatility import Measure, unit_changes
from nnpg_kernels import Array

SHOWN = 4
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
            _draw(nets[0].net, nets[0].read_at[1], every[0], context.folder)
            line_panels([_curves(judged, found[0][judged]) for judged in JUDGED], context.folder / "concentration.png",
                        columns=3)  # fmt: skip
    excesses = [row_named(rows, _excess(f"{part}, {measure}")) for part, measure in JUDGED]
    top, top_noise = (row_named(rows, f"neurons, volatility: top 10%, {name}").ours for name in CHANGES)
    verdict = (
        f"The tenth of the neurons that changes most has {top:.0%} of the change (volatility), as the paper's picture "
        f"shows, and {top_noise:.0%} under noise of the same size. That the change is more concentrated (Gini) than "
        "under noise is "
        + ", ".join(
            f"{r.verdict} for {' by '.join(of)} ({r.ours:+.2f})" for of, r in zip(JUDGED, excesses, strict=True)
        )
        + f", over {config.nets} nets."
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
    n = len(found)
    scores = [{name: s[_changed(of_net)] for name, s in of_net.items()} for of_net in found]
    rows = []
    for name in CHANGES:
        many = MANY if name == "adversarial" and title.startswith("neurons") else None
        for measured, of, unit, claim in (
            (gini, "Gini", "Gini", None),
            (top_share, "top 10%", "fraction", None),
            (_still, "units changed less than 1% of the maximum", "fraction", many),
        ):
            mean = mean_interval([measured(s[name]).mean() for s in scores], confidence=CONFIDENCE if claim else 0.95)
            by = T_JUDGED if claim else T
            rows.append(row(f"{title}: {of}, {name}", None, mean, n, "nets", unit=unit, interval=by, claim=claim))
    more = [(gini(of_net["adversarial"]) - gini(of_net["noise"])).mean() for of_net in scores]
    confidence, by, claim = (0.95, T, None) if other else (CONFIDENCE, T_JUDGED, MORE)
    excess = mean_interval(more, confidence=confidence)
    return [*rows, row(_excess(title), None, excess, n, "nets", unit="Gini", interval=by, claim=claim)]


def _excess(title: str) -> str:
    return f"{title}: Gini, adversarial minus noise"


def _changed(scores: dict[str, Array]) -> Array:
    """Return in which pairs something changes, whatever changes the image."""
    return np.asarray(np.all([s.sum(axis=1) > 0 for s in scores.values()], axis=0))


def _still(scores: Array) -> Array:
    """Return the share of units that change less than a hundredth of the one that changes most (N,)."""
    return np.asarray((scores < 0.01 * scores.max(axis=1, keepdims=True)).mean(axis=1))


def _curves(judged: tuple[str, Measure], scores: dict[str, Array]) -> Lines:
    curves = {name: np.nanmean(concentration_curve(s), axis=0) for name, s in scores.items()}
    share = np.linspace(0, 1, len(curves["noise"]))
    return Lines(", ".join(judged), share, curves, "share of units, most changed first", "share of change")


def _draw(net: Network, neurons: str, pairs: Pairs, folder: Path) -> None:
    """Fig. 10: all neurons of the dense layer as a block, for originals, adversarial images, and the change."""
    shown = pairs[: min(SHOWN, len(pairs))]
    a, b = (net.backend.to_numpy(net.forward(x, stop=neurons)[neurons]) for x in (shown.originals, shown.adversarial))
    blocks = np.concatenate([a, b, abs(b - a)]).reshape(-1, 1, 10, a.shape[1] // 10)
    titles = [f"{label} classified as {target}" for label, target in zip(shown.labels, shown.targets, strict=True)]
    image_grid(
        blocks / blocks.max(),
        folder / "activations.png",
        titles=titles + [""] * (2 * len(titles)),
        columns=len(titles),
        row_labels=("original", "adversarial", "|change|"),
    )


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
