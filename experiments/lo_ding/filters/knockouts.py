"""Used by LD-4 to LD-6: the errors while filters are knocked out in a ranking's order, and the area under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.models.face_data import IDENTITIES
from experiments.models.faces import FaceNet
from nnpg import Filter, FilterScores, knock_out_curves
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.analysis.verdicts import Comparison, compare
from nnpg.knockout import To
from nnpg.rankings import knock_out_area

STRONG, WEAK = 0, 1  # first
ORDERS = ("strongest first", "weakest first")


class Errors(NamedTuple):
    """Errors after each step, arrays (..., identity, order, T + 1); once stacked, the first axis is the nets."""

    class_: np.ndarray  # of the identity whose ranking it is
    overall: np.ndarray
    test: np.ndarray  # overall, on the test images only


def knock_out_errors(
    face: FaceNet, scores: FilterScores, *, identities: Sequence[int] = IDENTITIES, to: To = "zero"
) -> Errors:
    """Knock all filters out, strongest and weakest first, for each identity (counted from 1), and count errors."""
    data, (seen, _) = face.data, face.split.apply(face.data)
    rankings = [(t, (_units(scores.strongest(t)), _units(scores.weakest(t)))) for t in (i - 1 for i in identities)]
    distinct = list(dict.fromkeys(order for _, both in rankings for order in both))  # classes may have the same ones
    rest: Any = {"to": to, "reference": None if to == "zero" else seen.x, "rng": face.seed, "progress": False}
    done = dict(zip(distinct, knock_out_curves(face.net, data.x, data.labels, distinct, **rest), strict=True))
    curves = [(t, [done[order] for order in both]) for t, both in rankings]
    test = face.split.test_indices
    return Errors(
        np.array([[c.class_error(t) for c in both] for t, both in curves]),
        np.array([[c.overall_error for c in both] for _, both in curves]),
        np.array([[(c.predictions != c.labels)[:, test].mean(axis=1) for c in both] for _, both in curves]),
    )


def _units(ranking: Sequence[Filter]) -> tuple[tuple[str, int], ...]:
    """Return filters without their scores."""
    return tuple((layer, f) for layer, f, _ in ranking)


def errors_of_nets(
    nets: Sequence[FaceNet], scores: Sequence[FilterScores], *, identities: Sequence[int] = IDENTITIES, to: To = "zero"
) -> Errors:
    """Return the errors of several nets, each by its own scores: the nets are the first axis."""
    errors = [knock_out_errors(f, s, identities=identities, to=to) for f, s in zip(nets, scores, strict=True)]
    return Errors(*(np.stack(kind) for kind in zip(*errors, strict=True)))


def areas(errors: np.ndarray) -> np.ndarray:
    """Area under the curves of each net and order, the mean of its identities: (nets, 2)."""
    return knock_out_area(errors).mean(axis=1)


def gap(errors: np.ndarray) -> np.ndarray:
    """Area strongest first minus area weakest first, (nets,): 0 for chance; the higher the better."""
    both = areas(errors)
    return both[:, STRONG] - both[:, WEAK]


def over_nets(values: np.ndarray, *, confidence: float = 0.95) -> Interval:
    """Mean and interval over nets of values (nets, ...): values of one net are not independent."""
    return mean_interval(values.reshape(len(values), -1).mean(axis=1), confidence=confidence)


def against_others(gaps: Mapping[str, Mapping[str, np.ndarray]], ours: str) -> dict[str, dict[str, Comparison]]:
    """Compare one ranking with all others, for every kind of error: gaps["class"]["random"] holds one value per net.

    Differences are ours minus the other's; p is corrected for all rankings and kinds together.
    """
    pairs = [(kind, name) for kind, of_kind in gaps.items() for name in of_kind if name != ours]
    found = compare({(kind, name): gaps[kind][ours] - gaps[kind][name] for kind, name in pairs})
    return {kind: {name: found[kind, name] for k, name in pairs if k == kind} for kind in gaps}


def significant(comparisons: Mapping[str, Comparison], sign: int) -> dict[str, float]:
    """Return the rankings that ours is above (sign 1) or below (sign -1), corrected p < 0.05, and the difference."""
    return {name: abs(c.mean) for name, c in comparisons.items() if c.significant(sign)}


def both_gaps(errors: Mapping[str, Errors]) -> dict[str, dict[str, np.ndarray]]:
    """Return the gap of each ranking by either kind of error: ["class"]["random"] holds one value per net."""
    return {
        "class": {name: gap(e.class_) for name, e in errors.items()},
        "overall": {name: gap(e.overall) for name, e in errors.items()},
    }
