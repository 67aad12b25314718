"""The rankings that LD-4R and TH-P compare, and the figures of LD-4R."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from experiments.lo_ding.filters.knockouts import ORDERS, Errors, areas
from experiments.models.faces import FaceNet
from nnpg import FilterScores, filter_scores, rankings
from nnpg.analysis.statistics import mean_interval, rank_correlation
from nnpg.plots import Measured, Panel

OURS, REFERENCE = "prediction gradient", "Shapley"
CONTROLS = ("random", "layer, then random", "shuffled gradient")
OTHERS = ("weight norm", "activation norm", "Taylor", "Taylor, magnitudes", "conductance", "single ablation")
NAMES = (OURS, *CONTROLS, *OTHERS, REFERENCE)


def ranking(name: str, face: FaceNet, indices: np.ndarray, *, steps: int = 16, pairs: int = 50) -> FilterScores:
    """Score the filters of a face net from the images `indices`; one row per identity, NaN without images.

    Parameters
    ----------
    name : one of NAMES
    face : FaceNet
    indices : array of int
        Of the images.
    steps : int
        Of the integral of the conductance, from the mean training face.
    pairs : int
        Of orders, for the Shapley values.
    """
    net, x, t = face.net, face.data.x[indices], face.data.labels[indices]
    every: dict[str, Callable[[], FilterScores]] = {
        OURS: lambda: filter_scores(net, x, t),
        "random": lambda: rankings.random_scores(net, rng=face.seed),
        "layer, then random": lambda: rankings.layer_scores(net, rng=face.seed),
        "shuffled gradient": lambda: rankings.shuffle_in_layers(filter_scores(net, x, t), rng=face.seed),
        "weight norm": lambda: rankings.weight_norm_scores(net),
        "activation norm": lambda: rankings.activation_scores(net, x, t),
        "Taylor": lambda: rankings.taylor_scores(net, x, t),
        "Taylor, magnitudes": lambda: rankings.taylor_scores(net, x, t, magnitude=True),
        "conductance": lambda: rankings.conductance_scores(
            net, x, t, baseline=face.data.x[face.split.train_indices].mean(axis=0), steps=steps
        ),
        "single ablation": lambda: rankings.ablation_scores(net, x, t),
        REFERENCE: lambda: rankings.shapley_scores(net, x, t, pairs=pairs, rng=face.seed, progress=False)[0],
    }
    return every[name]()


def timed(scorings: Sequence[Callable[[], FilterScores]]) -> tuple[list[FilterScores], float]:
    """Return the scores, and the median of the processor's seconds for one; the first may compile kernels."""
    scores, seconds = [], []
    for scoring in scorings:
        began = time.process_time()
        scores.append(scoring())
        seconds.append(time.process_time() - began)
    return scores, float(np.median(seconds))


def curves(errors: Mapping[str, Errors], kind: str) -> list[Panel]:
    """One panel per ranking, beside the prediction gradient: all in one panel would be 22 lines."""
    return [
        Panel(
            name,
            {
                f"{label}, {order}": getattr(errors[key], kind)[:, :, i].mean(axis=1)
                for key, label in ((OURS, "gradient"), (name, "this ranking"))
                for i, order in enumerate(ORDERS)
            },
            "filters out",
            f"{kind.rstrip('_')} error",
        )
        for name in NAMES[1:]
    ]


def area_panels(errors: Mapping[str, Errors]) -> list[Measured]:
    """Area under each ranking's curves, both kinds of error and both orders."""
    return [
        Measured(
            f"{kind.rstrip('_')} error, {order}",
            {name: mean_interval(areas(getattr(e, kind))[:, i]) for name, e in errors.items()},
            "area under the curve",
        )
        for kind in ("class_", "overall")
        for i, order in enumerate(ORDERS)
    ]


def area_table(
    scores: dict[str, list[FilterScores]], seconds: dict[str, float], errors: dict[str, Errors], ids: list[int]
) -> str:
    """Return areas, correlation with the Shapley values and cost, one line per ranking."""
    heads = ("class area", "overall area", "test area")
    lines = [" " * 29 + "".join(f"{head + ' s/w':>18}" for head in heads) + "   with Shapley  CPU s / net"]
    for name in NAMES:
        cells = [areas(kind).mean(axis=0) for kind in errors[name]]
        pairs = zip(scores[name], scores[REFERENCE], strict=True)
        alike = np.nanmean([rank_correlation(a.matrix[r], b.matrix[r]) for a, b in pairs for r in ids])
        lines.append(
            f"{name:29}" + "".join(f"{s:9.3f} /{w:7.3f}" for s, w in cells) + f"{alike:15.2f}{seconds[name]:13.3f}"
        )
    return "\n".join([*lines, "s/w: strongest / weakest first; with Shapley: mean Spearman over the identities"])
