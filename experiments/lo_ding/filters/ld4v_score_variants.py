"""LD-4V: the choices that Lo & Ding leave open in their score, each judged by knock-out.

python -m experiments run LD-4V        (1.5 minutes; it trains twenty nets if LD-0 has not)

Norm of the mean or mean of the norms (Eq. 3, V.B); y, z or log y; the block's output, before its pool, or before its
activation; Frobenius, rms or l1. (A map of 0 stays 0 from convolution to pool, so all of them rank the same filters.)
Expected: no variant is shown to be better than the papers' score, and few are shown to be worse; a norm that does not
depend on the size of the map is of no use.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.lo_ding.filters.knockouts import against_others, both_gaps, errors_of_nets, significant
from experiments.models.face_data import FEW, IDENTITIES
from experiments.models.faces import FaceNet, FaceNets, nets_of
from nnpg import FilterScores, filter_layers, filter_scores
from nnpg.analysis.profiles import rank_agreement
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.analysis.verdicts import Comparison, at_least
from nnpg.plots import Measured, interval_plot

DEFAULT, SAME = "the papers' score", 0.9  # Spearman from which two rankings count as nearly the same
VARIANTS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "mean of norms": {"average": "mean_of_norms"},
    "logit z": {"of": "logit"},
    "log y": {"of": "logprob"},
    "logit z, mean of norms": {"of": "logit", "average": "mean_of_norms"},
    "log y, mean of norms": {"of": "logprob", "average": "mean_of_norms"},
    "before the pool": {"layers": ("tanh1", "tanh2", "tanh3")},
    "before the tanh": {"layers": ("conv1", "conv2", "conv3")},
    "rms, free of the map's size": {"norm": "rms"},
    "l1": {"norm": "l1"},
}
CONFIDENCE = 1 - 0.05 / (len(VARIANTS) - 1)  # of each variant's likeness to the papers' score


@dataclass(frozen=True)
class Config(FaceNets):
    """Nets; the filters of each are scored with every variant."""

    identities: tuple[int, ...] = IDENTITIES


def run(config: Config, context: Context) -> Result:
    nets = nets_of(config, context)
    scores = {name: [variant(face, options) for face in nets] for name, options in VARIANTS.items()}
    errors = {name: errors_of_nets(nets, of_nets, identities=config.identities) for name, of_nets in scores.items()}
    gaps = both_gaps(errors)
    over = partial(row, n=len(nets), over="nets", interval="95% t over nets")
    like = partial(over, interval=f"{CONFIDENCE:.1%} t over nets", unit="Spearman")
    alike = {name: _agreement(of_nets, scores[DEFAULT], config) for name, of_nets in scores.items()}
    rows = []
    for name in VARIANTS:
        if name != DEFAULT:
            rows.append(like(f"{name}: order like the papers'", None, alike[name]))
        for kind, of in gaps.items():
            rows.append(over(f"{name}: {kind} gap", None, mean_interval(of[name])))
            if name != DEFAULT:
                rows.append(over(f"{name}: {kind} gap minus the papers'", None, mean_interval(of[name] - of[DEFAULT])))
    panels = [
        Measured(f"{kind} error", {name: mean_interval(g) for name, g in of.items()}, "gap: area, strong minus weak")
        for kind, of in gaps.items()
    ]
    interval_plot(panels, context.folder / "variants.png", highlight=DEFAULT)
    text = Text(
        "One image: largest relative difference of a filter's norm before and after its pool",
        f"{_one_image(nets[0]):.2g} (the gradient of a pooled map is that of its winners, so the norms agree; class "
        "means do not)",
    )
    words = _verdict(against_others(gaps, DEFAULT), alike)
    return Result(tuple(rows), words, ("variants.png",), (text,), {"variants.png": None})


def variant(face: FaceNet, options: dict[str, Any]) -> FilterScores:
    """Scores with these options, under the names of the block outputs: a map of 0 stays 0 from conv to pool."""
    found = filter_scores(face.net, face.data.x, face.data.labels, **options)
    named = dict(zip(filter_layers(face.net), found.scores.values(), strict=True))
    return FilterScores(named, found.rows, found.norm, found.of, found.average)


def _agreement(a: list[FilterScores], b: list[FilterScores], config: Config) -> Interval:
    """Rank correlation of two scores of the config's identities, mean and interval over nets."""
    rows = [identity - 1 for identity in config.identities]
    agreements = [rank_agreement(u.matrix[rows], v.matrix[rows]) for u, v in zip(a, b, strict=True)]
    return mean_interval(agreements, confidence=CONFIDENCE)


def _one_image(face: FaceNet) -> float:
    """On the first image of the paper's first identity."""
    one = np.flatnonzero(face.data.labels == IDENTITIES[0] - 1)[:1]
    x, t = face.data.x[one], face.data.labels[one]
    after = filter_scores(face.net, x, t).matrix[t[0]]
    before = filter_scores(face.net, x, t, layers=("tanh1", "tanh2", "tanh3")).matrix[t[0]]
    return float((abs(before - after) / after).max())


def _verdict(found: dict[str, dict[str, Comparison]], alike: dict[str, Interval]) -> str:
    """Which variants are better or worse than the papers' with corrected p below 0.05, and which rank alike."""

    def listed(names: dict[str, float]) -> str:
        return "; ".join(f"{name} (by {by:.2f})" for name, by in names.items()) or "none"

    parts = [
        f"on {k} error better: {listed(significant(c, -1))}, worse: {listed(significant(c, 1))}"
        for k, c in found.items()
    ]
    near = at_least(SAME)
    same = [f"{name} ({r.value:.2f})" for name, r in alike.items() if name != DEFAULT and near.verdict(r) == "held"]
    return (
        f"The papers claim nothing of these choices. Against their score, {'; '.join(parts)}; the others are open. "
        f"Nearly the same ranking (the interval of Spearman is above {SAME}): {', '.join(same) or 'none'}."
    )


EXPERIMENT = Experiment(
    "LD-4V",
    "The score's open choices, judged by knock-out",
    "Lo & Ding 2015, III.C-D, V.B",
    {"smoke": Config(FEW, epochs=2, seeds=2, identities=(7,)), "quick": Config(), "paper": Config(seeds=20, seed=0)},
    run,
)
