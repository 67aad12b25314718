"""Claims about prediction gradients, each tested with numbers of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nnpg.analysis.loss_gradients import loss_gradient
from nnpg.analysis.statistics import rank_correlation
from nnpg.class_gradients import class_gradient
from nnpg.data import Dataset
from nnpg.knockout import Knockout
from nnpg.network import Network
from nnpg.prediction import predict, prediction_gradient
from nnpg.scores import FilterScores, convolutional_gradient
from nnpg_kernels import Array

BATCH = 32  # images at a time, whose outputs stay in the cache


@dataclass(frozen=True)
class Claim:
    """A statement about networks, the numbers of this run, and whether they agree with it."""

    claim: str
    found: str
    holds: bool


def claims_about_gradients(net: Network, data: Dataset, scores: FilterScores) -> list[Claim]:
    """Test the gradients: two identities, the relation to the delta of training (III.B), and V.A."""
    x, t = data.x, data.labels
    one_image_each = x[:: len(x) // data.K]
    host = net.to("numpy")  # what is computed once compiles no kernels
    all_classes = prediction_gradient(host, one_image_each, layers=tuple(scores.scores))
    left_over = max(abs(d.sum(axis=0)).max() / abs(d).max() for d in all_classes.deltas.values())
    exact = host.astype(np.float64)
    sides = [
        class_gradient(exact, x, t, method=method, progress=False).deltas
        for method in ("average_of_gradients", "gradient_of_average")
    ]
    apart = max(abs(a - b).max() / abs(a).max() for a, b in zip(*(d.values() for d in sides), strict=True))
    true = prediction_gradient(net, x, classes="true", labels=t, batch=len(x))
    deltas = loss_gradient(host, x, t, batch=BATCH)  # those of training
    y = predict(net, x)[np.arange(len(t)), t]
    off = max(
        abs(d + y.reshape(-1, *[1] * (d.ndim - 1)) * deltas[layer]).max() / abs(d).max()
        for layer, d in true.deltas.items()
    )
    within, between = _likeness(convolutional_gradient(true).matrix, t)
    return [
        Claim(
            "The gradients of all classes add up to zero: what one answer gains, the others lose",
            f"sum at most {left_over:.0e} of the largest",
            bool(left_over < 1e-5),
        ),
        Claim(
            "Eq. 3: the average of the gradients is the gradient of the average",
            f"both sides differ by {apart:.0e} of the largest",
            bool(apart < 1e-10),
        ),
        Claim(
            "III.B: training has it already: for the right answer, dy/do is the delta of training, dL/do, times -y",
            f"they differ by {off:.0e} of the largest",
            bool(off < 1e-4),
        ),
        Claim(
            "V.A: photographs of one person depend on the same filters, more than photographs of two people",
            f"rank correlation {within:.2f} within a person, {between:.2f} between people",
            within > between,
        ),
    ]


def _likeness(profiles: Array, t: Array) -> tuple[float, float]:
    """Mean rank correlation of two images' filter scores (N, F): of one class, and of two."""
    ranks = profiles.argsort(axis=1).argsort(axis=1)
    correlation = np.atleast_2d(np.corrcoef(ranks))
    same = t[:, None] == t
    pairs = ~np.eye(len(t), dtype=bool)
    return float(correlation[same & pairs].mean()), float(correlation[~same].mean())


def claims_about_knockouts(
    curves: Mapping[tuple[int, str], Knockout], random: Sequence[Knockout], class_names: Sequence[str]
) -> list[Claim]:
    """Test what V.D says about knock-outs; curves[c, "strongest"] and [c, "weakest"] are of class c's ranking."""
    people = [c for c, order in curves if order == "strongest"]
    strong = np.array([curves[c, "strongest"].overall_error for c in people])  # (P, T + 1)
    weak = np.array([curves[c, "weakest"].overall_error for c in people])
    of_class = np.array([curves[c, "strongest"].class_error(c) for c in people])
    by_chance = np.mean([curve.overall_error for curve in random])
    sooner = int((strong.mean(axis=1) > weak.mean(axis=1)).sum())
    agree = rank_correlation(of_class, strong)
    first = people[0]
    modes = curves[first, "strongest"].modes  # (T + 1, K)
    lost = [int((modes[:, c] != c).argmax()) if (modes[:, c] != c).any() else len(modes) for c in range(modes.shape[1])]
    earlier = sum(step < lost[first] for step in lost)
    return [
        Claim(
            "V.D: knocking out the strongest filters hurts sooner than the weakest",
            f"for {sooner} of {len(people)} people; mean overall error along the way {strong.mean():.0%} strongest "
            f"first, {by_chance:.0%} in random order, {weak.mean():.0%} weakest first",
            sooner == len(people),
        ),
        Claim(
            "V.D: with the 10 strongest gone, nearly all images of that person are wrong",
            f"for {(of_class[:, 10] >= 0.9).sum()} of {len(people)} people 90% or more are wrong; class error of the "
            f"{len(people)}: {_range(of_class[:, 10])}",
            bool((of_class[:, 10] >= 0.9).all()),
        ),
        Claim(
            "V.D: with the 10 weakest gone, less than 25% of all images are wrong",
            f"overall error, by whose weakest filters go: {_range(weak[:, 10])}",
            bool((weak[:, 10] < 0.25).all()),
        ),
        Claim(
            "V.D: class error and overall error rise together",
            f"rank correlation {agree:.2f}, strongest first",
            agree > 0.5,
        ),
        Claim(
            f"V.D: {class_names[first]} is not the first to be mistaken for another when its strongest filters go",
            f"{earlier} of the other {modes.shape[1] - 1} go earlier",
            earlier > 0,
        ),
    ]


def claim_about_places(density: Array) -> Claim:
    """Test whether gradients are large where features were planted; `density` is as `densities` returns it."""
    K = len(density)
    people = int((density.argmax(axis=0) == np.arange(K)).sum())
    return Claim(
        "No one else's gradient lies as densely in the place of a planted feature as that of the person who has it",
        f"for {people} of {K} people; chance would find 1",
        people >= 5,  # by chance 5 or more of 15 happen about once in 450 runs
    )


def _range(values: Array) -> str:
    low, high = f"{values.min():.1%}", f"{values.max():.1%}"
    return low if low == high else f"{low} to {high}"
