"""LD-2: Table II, prediction-gradient profiles of single images, and how alike they are within an identity.

python -m experiments run LD-2        (ten nets of 250 epochs if LD-0 has not trained them: about 3 minutes; then 20 s)

To expect: profiles of one identity are more alike than those of two, far beyond chance; but profiles of two are alike
as well, because a large map has a large norm in every face, so ranks inside each layer are compared too. Copies of one
image, of which the Yale set has nine pairs, are not compared with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.faces import FACE_SEED, IDENTITIES, FaceNet, face_nets
from nnpg import FilterScores, convolutional_gradient, filter_layers, prediction_gradient
from nnpg.data import Dataset, find_twins
from nnpg.plots import matrix_panels, network_diagram
from nnpg.profiles import permutation_test, rank_correlations, within_between
from nnpg.statistics import Interval, mean_interval


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
    data, profiles = nets[0].data, [_profiles(face) for face in nets]  # (K, N, filters) each
    own = [p[data.labels, np.arange(len(data.x))] for p in profiles]  # (N, filters): each image, its own output
    parts = np.split(np.arange(own[0].shape[1]), np.cumsum(_sizes(nets[0]))[:-1])
    whole = np.array([rank_correlations(s) for s in own])  # (nets, N, N)
    inside = np.array([np.mean([rank_correlations(s[:, part]) for part in parts], axis=0) for s in own])
    top = np.array([s.argmax(axis=1)[:, None] == s.argmax(axis=1) for s in own]).astype(float)
    counted = no_copies(data)

    def over_nets(likeness: np.ndarray, which: str) -> Interval:
        return mean_interval([getattr(within_between(r, data.labels, counted), which) for r in likeness])

    def p_value(likeness: np.ndarray) -> float:
        mean, draws = likeness.mean(axis=0), config.permutations
        return permutation_test(mean, data.labels, permutations=draws, rng=first, counted=counted)

    others = mean_interval([_same_output(p, data.labels) for p in profiles])
    told = mean_interval([_told(r, data.labels, counted) for r in whole])
    difference, inner = over_nets(whole, "difference"), over_nets(inside, "difference")
    tested = mean_interval([_on_test(face, r, counted) for face, r in zip(nets, whole, strict=True)])
    p, p_inside = p_value(whole), p_value(inside)
    over = partial(row, n=len(nets), interval="95% t over nets")
    rho = partial(over, unit="Spearman")
    rows = (
        rho("within an identity", None, over_nets(whole, "within")),
        rho("between identities", None, over_nets(whole, "between")),
        rho("within less between", None, difference, held=difference.low > 0 and p < 0.05),
        row("permutation test of it", None, p, config.permutations, unit="p"),
        rho("within less between, ranks inside layers", None, inner, held=inner.low > 0 and p_inside < 0.05),
        row("permutation test of it, inside layers", None, p_inside, config.permutations, unit="p"),
        rho("within less between, test images only", None, tested, held=tested.low > 0),
        rho("within an identity, ranks inside layers", None, over_nets(inside, "within")),
        rho("own face with other faces, same output", None, others),
        over("pairs that share the strongest filter, within", None, over_nets(top, "within")),
        over("pairs that share the strongest filter, between", None, over_nets(top, "between")),
        over("identity told by the most alike profile", None, told),
    )
    _table_ii(nets[0], own[0], config, context)
    matrix_panels(
        [_by_identity(r.mean(axis=0), data.labels, counted) for r in (whole, inside)],
        context.folder / "likeness.png",
        titles=["all filters", "ranks inside layers"],
        rows="identity", columns_are="identity", value="mean Spearman", columns=2,
    )  # fmt: skip
    verdict = (
        f"{'Held' if rows[2].held else 'Did not hold'}: two images of one identity rank the filters alike "
        f"({rows[0].ours:.2f}), and two of different ones {'nearly as much' if difference.value < 0.2 else 'less'} "
        f"({rows[1].ours:.2f}; difference {difference.value:.2f}, p = {p:.4f}; inside layers {inner.value:.2f}): "
        f"the profile marks the person, and names {told.value:.0%} of the images (chance {1 / data.K:.0%}), but its "
        f"strongest filter hardly does (shared by {rows[9].ours:.0%} of pairs within, {rows[10].ours:.0%} between)."
    )
    notes = f"{len(find_twins(data))} images are copies of an earlier one; no copy is compared with its original."
    return Result(rows, verdict, ("table2.png", "likeness.png"), (Text("Copies", notes),))


def _profiles(face: FaceNet) -> np.ndarray:
    """Frobenius norm of dy_c/do for every class c, image and filter, (K, N, filters)."""
    every = prediction_gradient(face.net, face.data.x, classes="all")
    return np.array([convolutional_gradient(every.for_class(c)).matrix for c in range(face.data.K)], np.float64)


def _sizes(face: FaceNet) -> list[int]:
    trace = face.net.forward(face.data.x[:1])
    return [trace[name].shape[1] for name in filter_layers(face.net)]


def no_copies(data: Dataset) -> np.ndarray:
    """Which pairs of images are not the same picture, (N, N)."""
    root = np.arange(len(data.x))
    for original, copy in find_twins(data):
        root[copy] = original
    return root[:, None] != root


def _same_output(profiles: np.ndarray, labels: np.ndarray) -> float:
    """Likeness of dy_c/do on faces of c and on all others: what the output gives, whosever the face."""
    return float(np.mean([rank_correlations(p[labels == c], p[labels != c]).mean() for c, p in enumerate(profiles)]))


def _told(likeness: np.ndarray, labels: np.ndarray, counted: np.ndarray) -> float:
    """Share of the images whose most alike other image is of the same identity."""
    return float((labels[np.where(counted, likeness, -np.inf).argmax(axis=1)] == labels).mean())


def _on_test(face: FaceNet, likeness: np.ndarray, counted: np.ndarray) -> float:
    some = np.ix_(face.split.test_indices, face.split.test_indices)
    return within_between(likeness[some], face.data.labels[face.split.test_indices], counted[some]).difference


def _by_identity(likeness: np.ndarray, labels: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Mean likeness of the images of two identities, (K, K)."""
    of = (labels == np.arange(labels.max() + 1)[:, None]).astype(float)  # (K, N)
    return (of @ (likeness * counted) @ of.T) / (of @ counted @ of.T)


def _table_ii(face: FaceNet, own: np.ndarray, config: Config, context: Context) -> None:
    """Three images each of three identities, an identity a column."""
    data = face.data
    conditions = np.array(data.conditions)
    chosen = [
        int(np.flatnonzero((data.labels == identity - 1) & (conditions == condition))[0])
        for condition in config.drawn
        for identity in IDENTITIES[:3]
    ]
    parts = np.split(own[chosen], np.cumsum(_sizes(face))[:-1], axis=1)
    names = tuple(f"ID {data.labels[i] + 1}, {conditions[i]}" for i in chosen)
    scores = FilterScores(dict(zip(filter_layers(face.net), parts, strict=True)), names, "frobenius", "prob")
    network_diagram(scores, context.folder / "table2.png", images=data.x[chosen], columns=3)


EXPERIMENT = Experiment(
    "LD-2",
    "Profiles of single images, within and between identities",
    "Lo & Ding 2015, Table II",
    {
        "smoke": Config("faces", epochs=2, seeds=2, permutations=99),
        "quick": Config(),
        "paper": Config(seeds=20, seed=0),
    },
    run,
)
