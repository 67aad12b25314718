"""The nets and data of all calls."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import nnpg

K, N = 3, 6  # classes and images of every call


@cache
def net(backend: str = "numba") -> nnpg.Network:
    recipe = [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(4), nnpg.Tanh(),
              nnpg.dense(K), nnpg.Softmax()]  # fmt: skip
    return nnpg.build(recipe, input_shape=(1, 6, 6), rng=0, backend=backend)


@cache
def images() -> np.ndarray[Any, Any]:
    """Sixteenths, so that float16 holds them exactly."""
    return np.random.default_rng(0).integers(1, 16, size=(N, 1, 6, 6)).astype(np.float32) / 16


LABELS = np.array([0, 1, 2, 0, 1, 2])
FOLDER = Path(tempfile.gettempdir())  # where cases write
FILTERS = [("pool1", 0), ("pool1", 2)]


@cache
def gradient() -> nnpg.PredictionGradient:
    return nnpg.class_gradient(net(), images(), LABELS)


@cache
def filter_scores() -> nnpg.FilterScores:
    return nnpg.filter_scores(net(), images(), LABELS)


@cache
def curve() -> nnpg.Knockout:
    return nnpg.knock_out_curve(net(), images(), LABELS, FILTERS)
