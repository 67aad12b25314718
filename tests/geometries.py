"""Networks of every geometry that a plan covers, and images for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from parameters import with_biases

import nnpg
from nnpg import conv, dense

T, R, S, P = nnpg.Tanh, nnpg.ReLU, nnpg.Sigmoid, nnpg.MaxPool
HEAD = [nnpg.Flatten(), dense(4), T(), dense(3), nnpg.Softmax()]
CONV2 = [conv(3, 3), T(), P(2), conv(6, 3, padding=1), R(), P(2)]
NETS: dict[str, tuple[tuple[int, ...], list[Any]]] = {
    "faces": ((1, 20, 20), [*CONV2, *HEAD]),
    "colours and a mean": ((3, 12, 11), [nnpg.Center(np.full((3, 1, 1), 0.3)), conv(5, 3), T(), P(2), *HEAD]),
    "pooling before the activation": ((1, 12, 12), [conv(9, 3), P(3), S(), *HEAD]),
    "no pooling": ((2, 9, 9), [conv(4, 3), R(), conv(11, 2), T(), *HEAD]),
    "no activation": ((2, 9, 9), [conv(4, 3), P(2), *HEAD]),
    "overlapping, padded pooling": ((1, 13, 13), [conv(4, 5, padding=2), R(), P(3, 2, padding=1), conv(3, 3), *HEAD]),
    "pooling that leaves gaps": ((1, 17, 16), [conv(4, 3), T(), P(2, 3), *HEAD]),
    "wide pooling": ((1, 40, 40), [conv(3, 5), T(), P((2, 5), (2, 5)), conv(2, 3), T(), *HEAD]),
    "stride": ((2, 15, 17), [conv(4, 3, stride=2), T(), P(2), *HEAD]),
    "stride, twice": ((1, 24, 24), [conv(3, 4, stride=2, padding=1), T(), conv(5, 3, stride=(2, 1)), R(), *HEAD]),
    "dilation": ((1, 16, 16), [conv(3, 3), T(), conv(4, 3, dilation=2), T(), P(2), *HEAD]),
    "uneven padding and filters": ((1, 14, 12), [conv(3, (2, 4), padding=(1, 0, 2, 1)), T(), conv(4, (3, 1)), *HEAD]),
    "one filter": ((1, 8, 8), [conv(1, 3), T(), conv(1, 3), T(), *HEAD]),
    "7 columns": ((1, 15, 15), [conv(3, 7), T(), conv(2, 6), *HEAD]),
    "8 and 13 columns, uneven padding": ((1, 21, 23), [conv(2, 8, padding=(0, 3, 7, 0)), T(), conv(3, (2, 13)), *HEAD]),
    "11 columns, stride 4": ((3, 39, 41), [conv(5, 11, stride=4, padding=2), R(), P(3, 2), conv(2, 3), R(), *HEAD]),
    "9 columns with gaps": ((1, 12, 22), [conv(2, (1, 9), dilation=(1, 2), padding=(0, 0, 1, 3)), R(), *HEAD]),
    "pooling of 144 pixels": ((1, 27, 27), [conv(3, 3), T(), P(12, 6), conv(2, 2), T(), *HEAD]),
    "many channels": ((1, 21, 20), [conv(9, 3), T(), P(2), conv(7, 5, padding=2), R(), P(2), *HEAD]),
    "many channels, overlapping pooling": (
        (2, 14, 15),
        [conv(17, 3), T(), conv(5, (2, 3), padding=(1, 0, 2, 1)), S(), P(3, 2), conv(4, 2), R(), P(2), *HEAD],
    ),
    "filters in lanes": ((3, 12, 15), [conv(8, 3, padding=1), R(), conv(16, (3, 2)), T(), P(2), *HEAD]),
    "filters in lanes, stride": (
        (1, 37, 41),
        [nnpg.Center(np.array(0.3)), conv(8, 7, stride=(3, 2), padding=2), R(), P(3, 2),
         conv(16, (3, 2), padding=(1, 0, 2, 1), bias=False), S(), P(2, 2, padding=1), *HEAD],
    ),
    "dense only": ((37,), [dense(21), S(), dense(17), R(), dense(5), nnpg.Softmax()]),
    "images without convolution": ((2, 5, 5), HEAD),
    "one layer": ((6,), [dense(3), nnpg.Softmax()]),
}  # fmt: skip

K = 11  # more than one vector of float64


def network(name: str, dtype: str = "float64", backend: str = "numba") -> nnpg.Network:
    shape, recipe = NETS[name]
    recipe = [*recipe[:-2], nnpg.dense(K), nnpg.Softmax()]
    rng = np.random.default_rng(3)
    net = nnpg.build(recipe, input_shape=shape, rng=rng, dtype=dtype, backend=backend)
    return with_biases(net, rng)


def examples(net: nnpg.Network, N: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(4)
    return rng.standard_normal((N, *net.input_shape)).astype(net.dtype), rng.integers(0, K, N)
