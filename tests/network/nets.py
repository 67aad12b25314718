"""Small networks that hold every kind of layer, in float64, with weights and biases that are not 0."""

from __future__ import annotations

import numpy as np
from parameters import with_biases

import nnpg
from nnpg_kernels import Backend


def small(backend: Backend | str = "numpy", seed: int = 0) -> nnpg.Network:
    """Every layer that is differentiable, overlapping and padded windows included."""
    net = nnpg.build(
        [
            nnpg.Center(np.array(0.2)),
            nnpg.conv(4, 3, padding=(1, 0, 0, 1)),
            nnpg.Tanh(),
            nnpg.MaxPool(3, stride=2, padding=1),
            nnpg.LocalResponseNorm(size=3, alpha=0.5),
            nnpg.conv(6, (2, 3), groups=2, dilation=(2, 1)),
            nnpg.ReLU(),
            nnpg.AvgPool(2, stride=1),
            nnpg.Flatten(),
            nnpg.dense(8),
            nnpg.Sigmoid(),
            nnpg.Dropout(0.3, key=4),
            nnpg.dense(5),
            nnpg.Softmax(),
        ],
        input_shape=(2, 9, 10),
        rng=seed,
        dtype=np.float64,
    )
    return with_biases(net).to(backend)


def faces(dtype: str = "float64") -> nnpg.Network:
    """The papers' chain of conv, tanh, pool at a third of its size; pools do not overlap and use every pixel."""
    net = nnpg.build(
        [
            nnpg.conv(3, 5), nnpg.Tanh(), nnpg.MaxPool(2),
            nnpg.conv(4, 3), nnpg.Tanh(), nnpg.MaxPool(2),
            nnpg.Flatten(), nnpg.dense(6), nnpg.Tanh(), nnpg.dense(4), nnpg.Softmax(),
        ],
        input_shape=(1, 20, 20),
        rng=1,
        dtype=np.float64,
    )  # fmt: skip
    return with_biases(net).astype(dtype)


def images(net: nnpg.Network, N: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((N, *net.input_shape))


def one_hot_seeds(N: int, K: int) -> np.ndarray:
    """One seed for each class: (K, N, K)."""
    return np.broadcast_to(np.eye(K)[:, None, :], (K, N, K)).copy()
