"""LD-3: Table III, the 8 strongest and weakest filters of five identities (Lo & Ding 2015, V.B; thesis Table 4.1).

python -m experiments run LD-3        (under a minute; it trains twenty nets if LD-0 has not)

Expected: other filters and values, because training starts from other weights, but the same pattern: identities differ
by orders of magnitude, and the weakest filters are nearly the same for every identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row
from experiments.lo_ding.filters.table3 import TABLE_III
from experiments.models.face_data import FEW
from experiments.models.faces import FaceNet, FaceNets, nets_of
from nnpg import FilterScores, convolutional_gradient, filter_scores, prediction_gradient
from nnpg.analysis.profiles import rank_agreement
from nnpg.analysis.statistics import Interval, bootstrap, mean_interval
from nnpg.analysis.verdicts import at_least
from nnpg_kernels import Array

PAPER = {identity: (strong[0], weak[0]) for identity, (strong, weak) in TABLE_III.items()}  # strongest, weakest
SPAN = PAPER[15][0] / PAPER[14][0]  # 124.5
MUCH = at_least(10, "identity 15's gradients are much higher than identity 14's")  # much: ten times; no number is given
ONE_PAIR = at_least(0.8, "Table III: filters (3,2) and (3,6) are the two weakest of all five")  # one may differ


CONFIDENCE = 1 - 0.05 / 2  # two comparisons are judged


@dataclass(frozen=True)
class Config(FaceNets):
    """Nets; scores over all images of an identity, as in Table III, which is printed for the first net."""

    resamples: int = 1000


def run(config: Config, context: Context) -> Result:
    nets = nets_of(config, context)
    face, data = nets[0], nets[0].data
    names = [f"ID {k + 1}" for k in range(data.K)]
    of_nets = [filter_scores(net.net, data.x, data.labels, class_names=names) for net in nets]
    scores, wanted = of_nets[0], [identity - 1 for identity in PAPER]
    rows = [row for identity in PAPER for row in _identity(face, scores, identity, config)]
    by = f"{100 * CONFIDENCE:.4g}% t over nets"
    spans = mean_interval(np.log10([_span(one, wanted) for one in of_nets]), confidence=CONFIDENCE)
    span = Interval(*(10.0**end for end in spans))  # the geometric mean, since it is a ratio
    same = mean_interval([_shared_weakest(one, wanted) for one in of_nets], confidence=CONFIDENCE)
    much = row("strongest scores of the five identities, highest / lowest", SPAN, span, len(nets), "nets", unit="ratio",
               interval=f"{by}, of the logarithm", claim=MUCH)  # fmt: skip
    pair = row(
        "identities whose two weakest filters are the same two",
        1.0,
        same,
        len(nets),
        "nets",
        interval=by,
        claim=ONE_PAIR,
    )
    rows += [much, pair]
    of_norms = [filter_scores(net.net, data.x, data.labels, average="mean_of_norms") for net in nets]
    of_seen = [filter_scores(net.net, *_seen(net)) for net in nets]
    for name, others in (("norm of mean against mean of norms", of_norms),
                         ("all images against training images", of_seen)):  # fmt: skip
        alike = [rank_agreement(one.matrix, other.matrix) for one, other in zip(of_nets, others, strict=True)]
        rows.append(
            row(name, None, mean_interval(alike), len(nets), "nets", unit="Spearman", interval="95% t over nets")
        )
    scores.plot(context.folder / "network.png", rows=wanted)
    verdict = (
        f"The strongest scores of the five identities differ by an order of magnitude: {much.verdict} (a factor of "
        f"{span.value:.0f}; paper: {SPAN:.0f}). The same two filters are the weakest of four in five: {pair.verdict} "
        f"({same.value:.0%} of the identities share them; paper: all of them, in its numbering (3,2) and (3,6)). "
        "Single filters and values cannot match: another start gives other filters."
    )
    table = Text(f"Table III for the net of seed {face.seed}", scores.table(8, wanted))
    return Result(tuple(rows), verdict, ("network.png",), (table,), {"network.png": None})


def _span(scores: FilterScores, rows: list[int]) -> float:
    """Highest of the rows' strongest scores over the lowest."""
    top = [scores.strongest(t, 1)[0].score for t in rows]
    return max(top) / min(top)


def _seen(net: FaceNet) -> tuple[Array, Array]:
    """The images and labels that a net was trained on."""
    seen, _ = net.split.apply(net.data)
    return seen.x, seen.labels


def _identity(face: FaceNet, scores: FilterScores, identity: int, config: Config) -> list[Row]:
    """The strongest and the weakest score of one identity, with bootstrap intervals over its images."""
    t = identity - 1
    x = face.data.x[face.data.labels == t]
    pg = prediction_gradient(face.net, x, classes=t)

    def extremes(indices: np.ndarray) -> np.ndarray:
        mean = {name: d[indices].mean(axis=0, keepdims=True) for name, d in pg.deltas.items()}
        norms = np.concatenate([s.ravel() for s in convolutional_gradient(pg.averaged(mean)).scores.values()])
        return np.array([norms.max(), norms.min()])

    low, high = bootstrap(extremes, len(x), resamples=config.resamples, rng=config.seed)
    found = scores.strongest(t, 1)[0], scores.weakest(t, 1)[0]
    return [
        row(
            f"ID {identity} {end}: ours {unit}",
            PAPER[identity][i],
            Interval(unit.score, low[i], high[i]),
            len(x),
            "images of one net",
            unit="gradient",
            interval="95% bootstrap over its images",
        )
        for i, (end, unit) in enumerate(zip(("strongest", "weakest"), found, strict=True))
    ]


def _shared_weakest(scores: FilterScores, rows: list[int]) -> float:
    """Largest share of the identities whose two weakest filters are the same two."""
    pairs = [frozenset(unit[:2] for unit in scores.weakest(r, 2)) for r in rows]
    return max(pairs.count(pair) for pair in pairs) / len(pairs)


EXPERIMENT = Experiment(
    "LD-3",
    "Strongest and weakest filters of five identities",
    "Lo & Ding 2015, Table III",
    {"smoke": Config(FEW, epochs=2, seeds=2, resamples=20), "quick": Config(), "paper": Config()},
    run,
)
