"""LD-2: Table II, prediction-gradient profiles of single images, and how alike they are within an identity.

python -m experiments run LD-2        (under a minute; it trains twenty nets if LD-0 has not)

Expected: profiles of one identity are more alike than profiles of two identities, far beyond chance. Profiles of two
identities are alike as well, because a large map has a large norm in every face, so ranks inside each layer are
compared too. Copies of one image, of which the Yale set has nine pairs, are not compared with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.lo_ding.filters.table2 import draw_table_2
from experiments.models.face_data import FEW
from experiments.models.faces import FaceNet, FaceNets, nets_of
from nnpg import FilterScores, convolutional_gradient, prediction_gradient
from nnpg.analysis import filter_profiles, profiles
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.analysis.verdicts import more_than, share_interval
from nnpg.data import find_duplicates
from nnpg.plots import matrix_panels

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
    whole = np.array([profiles.rank_correlations(s.matrix) for s in scores])  # (nets, N, N)
    inside = np.array([filter_profiles.correlations_inside_layers(s) for s in scores])
    copies = find_duplicates(data)
    counted = profiles.different_pictures(len(labels), copies)
    p, p_inside = (
        profiles.permutation_test(r.mean(axis=0), labels, permutations=config.permutations, rng=seed, counted=counted)
        for r in (whole, inside)
    )
    pairs, pairs_inside = (_pairs(likeness, labels, counted) for likeness in (whole, inside))
    strongest = _pairs(np.array([filter_profiles.same_strongest(s) for s in scores]), labels, counted)
    on_test = [_on_test(face, r, counted) for face, r in zip(nets, whole, strict=True)]
    tested = mean_interval(on_test, confidence=CONFIDENCE)
    named = share_interval([(labels[profiles.most_alike(r, counted)] == labels).mean() for r in whole])
    one_output = mean_interval([filter_profiles.likeness_of_one_output(face.net, face.data.x, labels) for face in nets])
    people = [filter_profiles.agreement_with_mean_images(r, data.x, labels, counted) for r in whole]
    similar = mean_interval(people, confidence=CONFIDENCE)

    over = partial(row, n=len(nets), over="nets", interval="95% t over nets")
    rho = partial(over, unit="Spearman")
    judged = partial(over, interval=f"{CONFIDENCE:.2%} t over nets", claim=ALIKE)
    permuted = partial(row, n=config.permutations, over="permutations of the labels", unit="p")
    rows = (
        rho("two profiles of one identity", None, pairs["within"]),
        rho("two profiles of two identities", None, pairs["between"]),
        judged(APART, None, pairs["difference"], unit="Spearman"),
        permuted("permutation test of it", None, p),
        rho("two profiles of one identity, ranks inside layers", None, pairs_inside["within"]),
        judged(INSIDE, None, pairs_inside["difference"], unit="Spearman"),
        permuted("permutation test of it, inside layers", None, p_inside),
        judged(ON_TEST, None, tested, unit="Spearman"),
        rho("one output, faces of its identity with other faces", None, one_output),
        over("pairs of one identity that share the strongest filter", None, strongest["within"]),
        over("pairs of two identities that share the strongest filter", None, strongest["between"]),
        judged(STRONGEST, None, strongest["difference"]),
        over("identity named by the most alike profile", None, named),
        judged(PEOPLE, None, similar, unit="Spearman", claim=LIKE_FACES),
    )
    draw_table_2(data, scores[0], config.drawn, context.folder / "table2.png")
    matrix_panels(
        [profiles.likeness_of_classes(r.mean(axis=0), labels, counted) for r in (whole, inside)],
        context.folder / "likeness.png",
        titles=["all filters", "ranks inside layers"],
        rows="identity", columns_are="identity", value="mean Spearman", columns=2,
    )  # fmt: skip
    says = {r.name: r.verdict for r in rows}
    verdict = (
        f"More alike within an identity than between two: {says[APART]} for the ranks of all filters "
        f"({pairs['within'].value:.2f} within, {pairs['between'].value:.2f} between, p = {p:.4f}), "
        f"{says[INSIDE]} inside layers (difference {pairs_inside['difference'].value:.2f}), "
        f"{says[ON_TEST]} on test images ({tested.value:.2f}), and "
        f"{says[STRONGEST]} for the strongest filter (shared by "
        f"{strongest['within'].value:.0%} of pairs within, {strongest['between'].value:.0%} between). The most alike "
        f"profile names {named.value:.0%} of the images (chance {1 / data.K:.0%}). That similar people have similar "
        f"profiles: {says[PEOPLE]} (Spearman {similar.value:.2f})."
    )
    text = Text("Copies", f"{len(copies)} images are copies of an earlier one; no copy is compared with its original.")
    shows = {"table2.png": config.dataset, "likeness.png": None}
    return Result(rows, verdict, tuple(shows), (text,), shows)


def _norms(face: FaceNet) -> FilterScores:
    """Frobenius norm of dy_t/do for every image and filter, rows N."""
    return convolutional_gradient(prediction_gradient(face.net, face.data.x, classes="true", labels=face.data.labels))


def _pairs(likeness: np.ndarray, labels: np.ndarray, counted: np.ndarray) -> dict[str, Interval]:
    """Means and intervals over nets of a likeness (nets, N, N): "within", "between", and their "difference"."""
    found = [profiles.within_between(net, labels, counted) for net in likeness]
    confidence = {"within": 0.95, "between": 0.95, "difference": CONFIDENCE}
    return {name: mean_interval([getattr(f, name) for f in found], confidence=c) for name, c in confidence.items()}


def _on_test(face: FaceNet, likeness: np.ndarray, counted: np.ndarray) -> float:
    pairs = np.ix_(face.split.test_indices, face.split.test_indices)
    return profiles.within_between(
        likeness[pairs], face.data.labels[face.split.test_indices], counted[pairs]
    ).difference


EXPERIMENT = Experiment(
    "LD-2",
    "Profiles of single images, within and between identities",
    "Lo & Ding 2015, Table II",
    {
        "smoke": Config(FEW, epochs=2, seeds=2, permutations=99, drawn=("normal",)),
        "quick": Config(),
        "paper": Config(seeds=20, seed=0),
    },
    run,
    version=2,
)
