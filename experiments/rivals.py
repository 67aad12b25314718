"""The rankings that LD-4R and TH-P let compete."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from experiments.faces import FaceNet
from nnpg import FilterScores, filter_scores, rankings

OURS, REFERENCE = "prediction gradient", "Shapley"
CONTROLS = ("random", "layer, then random", "shuffled gradient")
RIVALS = ("weight norm", "activation norm", "Taylor", "Taylor, magnitudes", "conductance", "single ablation")
NAMES = (OURS, *CONTROLS, *RIVALS, REFERENCE)


def ranking(name: str, face: FaceNet, which: np.ndarray, *, steps: int = 16, pairs: int = 50) -> FilterScores:
    """Score the filters of a face net from the images `which`; one row an identity, NaN without images.

    Parameters
    ----------
    name : one of NAMES
    face : FaceNet
    which : indices of images
    steps : int
        Of the integral of the conductance, from the mean training face.
    pairs : int
        Of orders, for the Shapley values.
    """
    net, x, t = face.net, face.data.x[which], face.data.labels[which]
    every: dict[str, Callable[[], FilterScores]] = {
        OURS: lambda: filter_scores(net, x, t),
        "random": lambda: rankings.random_scores(net, rng=face.seed),
        "layer, then random": lambda: rankings.layer_scores(net, rng=face.seed),
        "shuffled gradient": lambda: rankings.shuffled_in_layers(filter_scores(net, x, t), face.seed),
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
