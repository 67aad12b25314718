"""HI-3: is the change by an adversarial image concentrated on few units? (Hinthorn 2017, 5.2, Fig. 10)

python -m experiments run HI-3        (seconds, with HI-1's pairs)

Each unit's change, | ||a'|| - ||a|| | and ||a' - a||, from the original to its adversarial image, and to the original
with Gaussian noise of the same size, because any change of the image may be concentrated in a layer whose outputs are
mostly 0. Expected: a tenth of the units has about half of the change, or more; nearly the same under noise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.hinthorn.base import MAPS, NEURONS, base_net
from experiments.models.hinthorn.pairs import Pairs, adversarial_pairs
from experiments.models.hinthorn.variants import HARD_PAPER, HARD_SMOKE, Hard
from nnpg import Network
from nnpg.analysis.concentration import concentration_curve, gini, top_share
from nnpg.analysis.statistics import mean_interval, paired_p
from nnpg.analysis.verdicts import more_than
from nnpg.plots import Lines, image_grid, line_panels
from nnpg.training_methods.volatility import Measure, unit_changes
from nnpg_kernels import Array

SHOWN = 4
PAIRS = "pairs of one net"
MORE = more_than(0, "concentrated assignment of blame over a layer")
JUDGED: tuple[tuple[str, Measure], ...] = (  # for a neuron that is never negative the two measures are equal
    (NEURONS, "volatility"),
    (MAPS, "volatility"),
    (MAPS, "shift"),
)


def run(config: Hard, context: Context) -> Result:
    base = base_net(config, context)
    pairs = adversarial_pairs(base, config, context).beyond(config.beyond)
    noise = np.random.default_rng(context.seed_or(config.seed)).standard_normal(pairs.originals.shape)
    size = pairs.distortion[:, None, None, None] / (noise**2).mean(axis=(1, 2, 3), keepdims=True) ** 0.5
    noisy = (pairs.originals + size * noise).astype(np.float32)
    found = {
        name: unit_changes(base.net, pairs.originals, changed, layers=(NEURONS, MAPS))
        for name, changed in (("adversarial", pairs.adversarial), ("noise", noisy))
    }
    rows: list[Row] = []
    panels, excesses = [], []
    for layer, measure in JUDGED:
        scores = {name: changes[layer].of(measure) for name, changes in found.items()}  # (N, F)
        rows += _rows(f"{layer}, {measure}", scores)
        excess = row_named(rows, _excess_row(f"{layer}, {measure}"))
        excesses.append(f"{excess.verdict} for {layer} by {measure} ({excess.ours:+.2f})")
        curves = {name: np.nanmean(concentration_curve(s), axis=0) for name, s in scores.items()}
        share = np.linspace(0, 1, len(curves["noise"]))
        panels.append(
            Lines(f"{layer}, {measure}", share, curves, "share of units, most changed first", "share of change")
        )
    line_panels(panels, context.folder / "concentration.png", columns=3)
    _draw(base.net, pairs, context.folder)
    top, top_noise = (row_named(rows, f"{NEURONS}, volatility: top 10%, {name}").ours for name in found)
    verdict = (
        f"The tenth of the neurons that changes most has {top:.0%} of the change (volatility), as the paper's picture "
        f"shows, and {top_noise:.0%} under noise of the same size. That the change is more concentrated (Gini) than "
        f"under noise is {', '.join(excesses)}, because one net is no sample of nets."
    )
    return Result(tuple(rows), verdict, ("activations.png", "concentration.png"))


def _rows(title: str, scores: dict[str, Array]) -> list[Row]:
    by = "95% t over pairs"
    ok = np.all([s.sum(axis=1) > 0 for s in scores.values()], axis=0)  # where something changes
    n, ginis, rows = int(ok.sum()), {}, []
    for name, of_pairs in scores.items():
        s = of_pairs[ok]
        ginis[name] = gini(s)
        still = (s < 0.01 * s.max(axis=1, keepdims=True)).mean(axis=1)
        rows += [
            row(f"{title}: Gini, {name}", None, mean_interval(ginis[name]), n, PAIRS, unit="Gini", interval=by),
            row(f"{title}: top 10%, {name}", None, mean_interval(top_share(s)), n, PAIRS, interval=by),
            row(
                f"{title}: units changed less than 1% of the maximum, {name}",
                None,
                mean_interval(still),
                n,
                PAIRS,
                interval=by,
            ),
        ]
    more = ginis["adversarial"] - ginis["noise"]
    p, confidence = paired_p(more), 1 - 0.05 / len(JUDGED)
    return [
        *rows,
        row(_excess_row(title), None, mean_interval(more, confidence=confidence), n, PAIRS, unit="Gini",
            interval=f"{100 * confidence:.4g}% t over pairs", claim=MORE),
        row(f"{title}: Gini, adversarial minus noise, p", None, p, n, PAIRS, unit="p (paired t)"),
    ]  # fmt: skip


def _excess_row(title: str) -> str:
    return f"{title}: Gini, adversarial minus noise"


def _draw(net: Network, pairs: Pairs, folder: Path) -> None:
    """Fig. 10: all neurons of the dense layer as a block, for originals, adversarial images, and the change."""
    shown = pairs[: min(SHOWN, len(pairs))]
    a, b = (net.backend.to_numpy(net.forward(x, stop=NEURONS)[NEURONS]) for x in (shown.originals, shown.adversarial))
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
    {"smoke": HARD_SMOKE, "quick": Hard(), "paper": HARD_PAPER},
    run,
)
