"""LD-2: Table II, prediction-gradient profiles of single images, and how alike they are within an identity.

python -m experiments run LD-2        (under a minute; it trains ten nets if LD-0 has not)

Expected: profiles of one identity are more alike than profiles of two identities, far beyond chance. Profiles of two
identities are alike as well, because a large map has a large norm in every face, so ranks inside each layer are
compared too. Copies of one image, of which the Yale set has nine pairs, are not compared with each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.models.faces import FACE_SEED, FEW, IDENTITIES, FaceNet, face_nets
from nnpg import FilterScores, convolutional_gradient, prediction_gradient
from nnpg.analysis.profiles import (
    different_pictures,
    likeness_of_classes,
    most_alike,
    permutation_test,
    rank_correlations,
    within_between,
)
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.data import find_duplicates
from nnpg.data.examples import one_of_each
from nnpg.plots import matrix_panels, network_diagram


@dataclass(frozen=True)
class Config:
    """Nets, and which images are drawn."""

    dataset: str = "yale"
    epochs: int = 250
    seeds: int = 10
    seed: int = FACE_SEED
    permutations: int = 9999
    drawn: tuple[str, ...] = ("normal", "happy", "glasses")


def run(config: Config, context: Context) -> Result:
    first = context.seed_or(config.seed)
    nets = face_nets(config.dataset, config.epochs, range(first, first + config.seeds), context)
    data, t = nets[0].data, nets[0].data.labels
    scores = [_norms(face) for face in nets]
    norms = np.array([s.matrix for s in scores], np.float64)  # (nets, N, filters)
    whole = np.array([rank_correlations(s) for s in norms])  # (nets, N, N)
    inside = np.array([np.mean([rank_correlations(part) for part in s.scores.values()], axis=0) for s in scores])
    strongest = norms.argmax(axis=2)
    top = (strongest[:, :, None] == strongest[:, None]).astype(float)
    counted = different_pictures(len(t), find_duplicates(data))

    def over_nets(likeness: np.ndarray, which: str) -> Interval:
        return mean_interval([getattr(within_between(r, t, counted), which) for r in likeness])

    def p_value(likeness: np.ndarray) -> float:
        mean, draws = likeness.mean(axis=0), config.permutations
        return permutation_test(mean, t, permutations=draws, rng=first, counted=counted)

    tested = mean_interval([_on_test(face, r, counted) for face, r in zip(nets, whole, strict=True)])
    named = mean_interval([(t[most_alike(r, counted)] == t).mean() for r in whole])
    within, between, difference = (over_nets(whole, which) for which in ("within", "between", "difference"))
    shared, by_others = over_nets(top, "within"), over_nets(top, "between")
    inner, p, p_inside = over_nets(inside, "difference"), p_value(whole), p_value(inside)
    over = partial(row, n=len(nets), interval="95% t over nets")
    rho = partial(over, unit="Spearman")
    held = difference.low > 0 and p < 0.05
    rows = (
        rho("within an identity", None, within),
        rho("between identities", None, between),
        rho("within minus between", None, difference, held=held),
        row("permutation test of it", None, p, config.permutations, unit="p"),
        rho("within an identity, ranks inside layers", None, over_nets(inside, "within")),
        rho("within minus between, ranks inside layers", None, inner, held=inner.low > 0 and p_inside < 0.05),
        row("permutation test of it, inside layers", None, p_inside, config.permutations, unit="p"),
        rho("within minus between, test images only", None, tested, held=tested.low > 0),
        rho(
            "one output, faces of its identity with other faces",
            None,
            mean_interval([_same_output(face) for face in nets]),
        ),
        over("pairs that share the strongest filter, within", None, shared),
        over("pairs that share the strongest filter, between", None, by_others),
        over("identity named by the most alike profile", None, named),
    )
    _table_ii(nets[0], scores[0], config, context)
    matrix_panels(
        [likeness_of_classes(r.mean(axis=0), t, counted) for r in (whole, inside)],
        context.folder / "likeness.png",
        titles=["all filters", "ranks inside layers"],
        rows="identity", columns_are="identity", value="mean Spearman", columns=2,
    )  # fmt: skip
    verdict = (
        f"{'Held' if held else 'Did not hold'}: two images of one identity rank the filters alike "
        f"({within.value:.2f}), and two of different identities "
        f"{'nearly as much' if difference.value < 0.2 else 'less'} ({between.value:.2f}; difference "
        f"{difference.value:.2f}, p = {p:.4f}; inside layers {inner.value:.2f}): the profile marks the person, and "
        f"names {named.value:.0%} of the images (chance {1 / data.K:.0%}), but its strongest filter hardly does "
        f"(shared by {shared.value:.0%} of pairs within, {by_others.value:.0%} between)."
    )
    notes = f"{len(find_duplicates(data))} images are copies of an earlier one; no copy is compared with its original."
    return Result(rows, verdict, ("table2.png", "likeness.png"), (Text("Copies", notes),))


def _norms(face: FaceNet) -> FilterScores:
    """Frobenius norm of dy_t/do for every image and filter, rows N."""
    return convolutional_gradient(prediction_gradient(face.net, face.data.x, classes="true", labels=face.data.labels))


def _same_output(face: FaceNet) -> float:
    """Likeness of dy_c/do on faces of c and on all other faces: what output c determines, whatever the face."""
    every, t = prediction_gradient(face.net, face.data.x, classes="all"), face.data.labels
    profiles = [convolutional_gradient(every.for_class(c)).matrix for c in range(face.data.K)]
    return float(np.mean([rank_correlations(p[t == c], p[t != c]).mean() for c, p in enumerate(profiles)]))


def _on_test(face: FaceNet, likeness: np.ndarray, counted: np.ndarray) -> float:
    pairs = np.ix_(face.split.test_indices, face.split.test_indices)
    return within_between(likeness[pairs], face.data.labels[face.split.test_indices], counted[pairs]).difference


def _table_ii(face: FaceNet, scores: FilterScores, config: Config, context: Context) -> None:
    """Three images of each of three identities, one column per identity."""
    data, columns = face.data, [identity - 1 for identity in IDENTITIES[:3]]
    chosen = np.concatenate([one_of_each(data, condition)[columns] for condition in config.drawn])
    names = tuple(f"ID {c + 1}, {condition}" for condition in config.drawn for c in columns)
    drawn = replace(scores, scores={name: s[chosen] for name, s in scores.scores.items()}, rows=names)
    network_diagram(drawn, context.folder / "table2.png", images=data.x[chosen], columns=3)


EXPERIMENT = Experiment(
    "LD-2",
    "Profiles of single images, within and between identities",
    "Lo & Ding 2015, Table II",
    {"smoke": Config(FEW, epochs=2, seeds=2, permutations=99), "quick": Config(), "paper": Config(seeds=20, seed=0)},
    run,
)
