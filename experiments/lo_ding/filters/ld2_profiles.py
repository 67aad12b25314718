"""LD-2: Table II, prediction-gradient profiles of single images, and how alike they are within an identity.

python -m experiments run LD-2        (under a minute; it trains twenty nets if LD-0 has not)

Expected: profiles of one identity are more alike than profiles of two identities, far beyond chance. Profiles of two
identities are alike as well, because a large map has a large norm in every face, so ranks inside each layer are
compared too. Copies of one image, of which the Yale set has nine pairs, are not compared with each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.models.face_data import FEW, IDENTITIES
from experiments.models.faces import FaceNet, FaceNets, nets_of
from nnpg import FilterScores, convolutional_gradient, prediction_gradient
from nnpg.analysis.filter_profiles import correlations_inside_layers, likeness_of_one_output, same_strongest
from nnpg.analysis.profiles import (
    different_pictures,
    likeness_of_classes,
    most_alike,
    permutation_test,
    rank_correlations,
    within_between,
)
from nnpg.analysis.statistics import Interval, mean_interval, rank_correlation
from nnpg.analysis.verdicts import more_than
from nnpg.data import Dataset, find_duplicates
from nnpg.data.examples import one_of_each
from nnpg.plots import matrix_panels, network_diagram

ALIKE = more_than(0, "units with the highest gradients stay quite similar across different faces of the same identity")
LIKE_FACES = more_than(0, "similar classes often induce similar unit patterns")
CONFIDENCE = 1 - 0.05 / 5  # five comparisons are judged
APART = "two profiles, one identity minus two"
INSIDE, ON_TEST = f"{APART}, ranks inside layers", f"{APART}, test images only"
STRONGEST = "pairs that share the strongest filter, one identity minus two"
PEOPLE = "two people: likeness of their mean faces with that of their profiles"


@dataclass(frozen=True)
class Config(FaceNets):
    """Nets, and which images are drawn."""

    permutations: int = 9999
    drawn: tuple[str, ...] = ("normal", "happy", "glasses")


def run(config: Config, context: Context) -> Result:
    nets, seed = nets_of(config, context), context.seed_or(config.seed)
    data, labels = nets[0].data, nets[0].data.labels
    scores = [_norms(face) for face in nets]
    whole = np.array([rank_correlations(s.matrix) for s in scores])  # (nets, N, N)
    inside = np.array([correlations_inside_layers(s) for s in scores])
    counted = different_pictures(len(labels), find_duplicates(data))

    def p_value(likeness: np.ndarray) -> float:
        mean, draws = likeness.mean(axis=0), config.permutations
        return permutation_test(mean, labels, permutations=draws, rng=seed, counted=counted)

    pairs, pairs_inside = (_pairs(likeness, labels, counted) for likeness in (whole, inside))
    strongest = _pairs(np.array([same_strongest(s) for s in scores]), labels, counted)
    on_test = [_on_test(face, r, counted) for face, r in zip(nets, whole, strict=True)]
    tested = mean_interval(on_test, confidence=CONFIDENCE)
    named = mean_interval([(labels[most_alike(r, counted)] == labels).mean() for r in whole])
    one_output = mean_interval([likeness_of_one_output(face.net, face.data.x, labels) for face in nets])
    faces_like = _likeness_of_faces(data)
    pairs_of_people = np.triu_indices(data.K, 1)
    people = [
        rank_correlation(likeness_of_classes(r, labels, counted)[pairs_of_people], faces_like[pairs_of_people])
        for r in whole
    ]
    similar = mean_interval(people, confidence=CONFIDENCE)
    p, p_inside = p_value(whole), p_value(inside)
    over = partial(row, n=len(nets), over="nets", interval="95% t over nets")
    rho = partial(over, unit="Spearman")
    permuted = partial(row, n=config.permutations, over="permutations of the labels", unit="p")
    difference, inner = pairs["difference"], pairs_inside["difference"]
    judged = partial(over, interval=f"{CONFIDENCE:.2%} t over nets", claim=ALIKE)
    rows = (
        rho("two profiles of one identity", None, pairs["within"]),
        rho("two profiles of two identities", None, pairs["between"]),
        judged(APART, None, difference, unit="Spearman"),
        permuted("permutation test of it", None, p),
        rho("two profiles of one identity, ranks inside layers", None, pairs_inside["within"]),
        judged(INSIDE, None, inner, unit="Spearman"),
        permuted("permutation test of it, inside layers", None, p_inside),
        judged(ON_TEST, None, tested, unit="Spearman"),
        rho("one output, faces of its identity with other faces", None, one_output),
        over("pairs of one identity that share the strongest filter", None, strongest["within"]),
        over("pairs of two identities that share the strongest filter", None, strongest["between"]),
        judged(STRONGEST, None, strongest["difference"]),
        over("identity named by the most alike profile", None, named),
        partial(over, interval=f"{CONFIDENCE:.2%} t over nets")(
            PEOPLE,
            None,
            similar,
            unit="Spearman",
            claim=LIKE_FACES,
        ),
    )
    _table_ii(nets[0], scores[0], config, context)
    matrix_panels(
        [likeness_of_classes(r.mean(axis=0), labels, counted) for r in (whole, inside)],
        context.folder / "likeness.png",
        titles=["all filters", "ranks inside layers"],
        rows="identity", columns_are="identity", value="mean Spearman", columns=2,
    )  # fmt: skip
    says = {r.name: r.verdict for r in rows}
    verdict = (
        f"More alike within an identity than between two: {says[APART]} for the ranks of all filters "
        f"({pairs['within'].value:.2f} within, {pairs['between'].value:.2f} between, p = {p:.4f}), "
        f"{says[INSIDE]} inside layers (difference {inner.value:.2f}), "
        f"{says[ON_TEST]} on test images ({tested.value:.2f}), and "
        f"{says[STRONGEST]} for the strongest filter (shared by "
        f"{strongest['within'].value:.0%} of pairs within, {strongest['between'].value:.0%} between). The most alike "
        f"profile names {named.value:.0%} of the images (chance {1 / data.K:.0%}). That similar people have similar "
        f"profiles: {says[PEOPLE]} (Spearman {similar.value:.2f})."
    )
    notes = f"{len(find_duplicates(data))} images are copies of an earlier one; no copy is compared with its original."
    shows = {"table2.png": config.dataset, "likeness.png": None}
    return Result(rows, verdict, tuple(shows), (Text("Copies", notes),), shows)


def _likeness_of_faces(data: Dataset) -> np.ndarray:
    """Correlation of the mean faces of each two people (K, K), after the mean of all faces is subtracted."""
    means = np.array([data.x[data.labels == k].mean(axis=0).ravel() for k in range(data.K)], np.float64)
    return np.asarray(np.corrcoef(means - means.mean(axis=0)))


def _norms(face: FaceNet) -> FilterScores:
    """Frobenius norm of dy_t/do for every image and filter, rows N."""
    return convolutional_gradient(prediction_gradient(face.net, face.data.x, classes="true", labels=face.data.labels))


def _pairs(likeness: np.ndarray, labels: np.ndarray, counted: np.ndarray) -> dict[str, Interval]:
    """Means and intervals over nets of a likeness (nets, N, N): "within", "between", and their "difference"."""
    found = [within_between(net, labels, counted) for net in likeness]
    confidence = {"within": 0.95, "between": 0.95, "difference": CONFIDENCE}
    return {name: mean_interval([getattr(f, name) for f in found], confidence=c) for name, c in confidence.items()}


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
    version=2,
)
