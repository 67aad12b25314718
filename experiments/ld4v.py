"""LD-4V: the choices that Lo & Ding leave open in their score, each judged by the knock-out it leads to.

python -m experiments run LD-4V        (five nets of 250 epochs if LD-0 has not trained them; else about 1 minute)

Norm of the mean or mean of the norms (Eq. 3, V.B); y, z or log y; the block's output, before its pool, or before its
squashing; Frobenius or rms. To expect: one map's 0 is the next one's 0, so all of them rank the same filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.faces import IDENTITIES, FaceNet, face_nets
from experiments.knockouts import Comparison, compared, gap, knock_out_errors, stacked, surely
from nnpg import FilterScores, filter_layers, filter_scores
from nnpg.plots import Measured, interval_plot
from nnpg.statistics import mean_interval, rank_correlation

DEFAULT = "the papers' score"
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


@dataclass(frozen=True)
class Config:
    """Nets; each scores the filters in every way."""

    dataset: str = "yale"
    epochs: int = 250
    seeds: int = 5
    seed: int = 1
    identities: tuple[int, ...] = IDENTITIES


def run(config: Config, context: Context) -> Result:
    first = context.seed_or(config.seed)
    nets = face_nets(config.dataset, config.epochs, range(first, first + config.seeds), context)
    scores = {name: [variant(face, how) for face in nets] for name, how in VARIANTS.items()}
    class_, overall = {}, {}
    for name, own in scores.items():
        errors = stacked([knock_out_errors(f, s, identities=config.identities) for f, s in zip(nets, own, strict=True)])
        class_[name], overall[name] = gap(errors.class_), gap(errors.overall)
    n, t, rows = len(nets), "95% t over nets", []
    for name in VARIANTS:
        alike = mean_interval(
            [_alike(a, b, config.identities) for a, b in zip(scores[name], scores[DEFAULT], strict=True)]
        )
        if name != DEFAULT:
            rows.append(row(f"{name}: order like the papers'", None, alike, n, unit="Spearman", interval=t))
        for kind, gaps in (("class", class_), ("overall", overall)):
            rows.append(row(f"{name}: {kind} gap", None, mean_interval(gaps[name]), n, interval=t))
            if name != DEFAULT:
                more = mean_interval(gaps[name] - gaps[DEFAULT])
                rows.append(row(f"{name}: {kind} gap less the papers'", None, more, n, interval=t))
    interval_plot(
        [
            Measured(
                f"{kind} error", {name: mean_interval(g) for name, g in gaps.items()}, "gap: area, strong less weak"
            )
            for kind, gaps in (("class", class_), ("overall", overall))
        ],
        context.folder / "variants.png",
        highlight=DEFAULT,
    )
    one = _one_image(nets[0])
    text = Text(
        "One image: largest relative difference of a filter's norm before and after its pool",
        f"{one:.2g} (the gradient of a pooled map is that of its winners, so the norms agree; class means do not)",
    )
    return Result(
        tuple(rows), _verdict(compared({"class": class_, "overall": overall}, DEFAULT)), ("variants.png",), (text,)
    )


def variant(face: FaceNet, how: dict[str, Any]) -> FilterScores:
    """Scores in another way, under the names of the block outputs: a map of 0 stays 0 from conv to pool."""
    found = filter_scores(face.net, face.data.x, face.data.labels, **how)
    named = dict(zip(filter_layers(face.net), found.scores.values(), strict=True))
    return FilterScores(named, found.rows, found.norm, found.of, found.average)


def _alike(a: FilterScores, b: FilterScores, identities: tuple[int, ...]) -> float:
    return float(np.mean([rank_correlation(a.matrix[i - 1], b.matrix[i - 1]) for i in identities]))


def _one_image(face: FaceNet) -> float:
    """What fact 5 says, on the first image of the paper's first identity."""
    one = np.flatnonzero(face.data.labels == IDENTITIES[0] - 1)[:1]
    x, t = face.data.x[one], face.data.labels[one]
    after = filter_scores(face.net, x, t).matrix[t[0]]
    before = filter_scores(face.net, x, t, layers=("tanh1", "tanh2", "tanh3")).matrix[t[0]]
    return float((abs(before - after) / after).max())


def _verdict(found: dict[str, dict[str, Comparison]]) -> str:
    """What is better or worse than the papers' choice with corrected p below 0.05."""
    parts = [
        f"{kind} error: better than the papers' score: {'; '.join(surely(c, -1)) or 'none'}. Worse: "
        f"{'; '.join(surely(c, 1)) or 'none'}."
        for kind, c in found.items()
    ]
    return f"On {' On '.join(parts)} The rest is within noise."


EXPERIMENT = Experiment(
    "LD-4V",
    "The score's open choices, judged by knock-out",
    "Lo & Ding 2015, III.C-D, V.B",
    {
        "smoke": Config("faces", epochs=2, seeds=2, identities=(7,)),
        "quick": Config(),
        "paper": Config(seeds=20, seed=0),
    },
    run,
)
