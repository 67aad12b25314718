"""The one table from which every law of the layers is tested: a layer and the shape of one image that it takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from of_device import on

import nnpg
from nnpg.layers import arrays
from nnpg_kernels import Array, Backend


class Row(NamedTuple):
    name: str
    layer: Any
    shape: tuple[int, ...]
    affine: bool = False  # in x; then the adjoint test applies

    def on(self, k: Backend, dtype: str = "float64") -> Any:
        """The layer with its arrays of that type, on that backend; its methods take and return arrays of the host."""
        of_type = {name: a.astype(dtype) for name, a in arrays(self.layer).items()}
        return on(k, replace(self.layer, **of_type) if of_type else self.layer)

    def x(self, N: int = 3, dtype: str = "float64", seed: int = 0) -> Array:
        return np.random.default_rng(seed).standard_normal((N, *self.shape)).astype(dtype)


def delta(y: Array, lead: tuple[int, ...] = (), seed: int = 1) -> Array:
    """A random seed for y: never all ones, which would hide half of the mistakes."""
    return np.random.default_rng(seed).standard_normal((*lead, *y.shape)).astype(y.dtype)


def _weights(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape) / np.sqrt(np.prod(shape[1:]))


def _conv(name: str, W: tuple[int, ...], shape: tuple[int, ...], bias: bool = True, **settings: Any) -> Row:
    b = _weights(W[0], 1)[:, 0] if bias else None
    return Row(f"conv {name}", nnpg.Conv(_weights(*W), b, **settings), shape, affine=True)


ROWS = [
    Row("dense", nnpg.Dense(_weights(5, 7), _weights(5, 1)[:, 0]), (7,), affine=True),
    Row("dense without bias", nnpg.Dense(_weights(4, 3)), (3,), affine=True),
    Row("dense 1 to 1", nnpg.Dense(_weights(1, 1), _weights(1, 1)[0]), (1,), affine=True),
    _conv("3x3", (4, 2, 3, 3), (2, 6, 7)),
    _conv("1x1", (3, 5, 1, 1), (5, 3, 2)),
    _conv("2x3 without bias", (3, 1, 2, 3), (1, 5, 4), bias=False),
    _conv("as large as the image", (2, 3, 4, 5), (3, 4, 5)),
    _conv("stride with a rest", (2, 2, 3, 2), (2, 8, 9), stride=(2, 3)),
    _conv("stride over pixels", (2, 2, 2, 2), (2, 8, 7), stride=3),
    _conv("padding on four sides", (2, 1, 3, 3), (1, 4, 5), padding=(0, 1, 2, 3)),
    _conv("dilation", (2, 2, 3, 2), (2, 7, 6), dilation=(2, 3)),
    _conv("groups", (6, 2, 3, 3), (4, 5, 5), groups=2),
    _conv("depthwise", (4, 1, 2, 2), (4, 4, 5), groups=4),
    _conv("all at once", (4, 3, 3, 2), (6, 9, 10), stride=(2, 1), padding=(1, 0, 2, 1), dilation=(1, 2), groups=2),
    Row("flatten", nnpg.Flatten(), (2, 3, 4), affine=True),
    Row("center", nnpg.Center(_weights(2, 3, 4)), (2, 3, 4), affine=True),
    Row("center of channels", nnpg.Center(_weights(2, 1, 1)), (2, 3, 4), affine=True),
    Row("tanh", nnpg.Tanh(), (5,)),
    Row("relu", nnpg.ReLU(), (2, 3, 4)),
    Row("sigmoid", nnpg.Sigmoid(), (2, 3, 4)),
    Row("step", nnpg.Step(), (9,)),
    Row("step, 1 at 0", nnpg.Step(at_zero=1), (2, 3, 4)),
    Row("softmax", nnpg.Softmax(), (6,)),
    Row("softmax of 2", nnpg.Softmax(), (2,)),
    Row("max pool", nnpg.MaxPool(2), (2, 4, 6)),
    Row("max pool with a rest", nnpg.MaxPool((2, 3)), (2, 5, 8)),
    Row("max pool, overlapping", nnpg.MaxPool(3, stride=2), (2, 7, 8)),
    Row("max pool, padded", nnpg.MaxPool((3, 2), stride=(1, 2), padding=(2, 0, 1, 0)), (2, 4, 5)),
    Row("max pool of the whole", nnpg.MaxPool((4, 5)), (3, 4, 5)),
    Row("max pool of one pixel", nnpg.MaxPool(1, stride=2), (2, 4, 5), affine=True),
    Row("avg pool", nnpg.AvgPool(2), (2, 4, 6), affine=True),
    Row("avg pool, overlapping", nnpg.AvgPool((3, 2), stride=(2, 1)), (2, 8, 5), affine=True),
    Row("avg pool, padded", nnpg.AvgPool(3, stride=2, padding=(2, 1, 0, 1)), (2, 5, 6), affine=True),
    Row("dropout", nnpg.Dropout(0.4, key=3), (2, 3, 4), affine=True),
    Row("dropout at rest", nnpg.Dropout(0.4), (5,), affine=True),
    Row("lrn", nnpg.LocalResponseNorm(size=3, alpha=0.7, beta=0.6, bias=1.5), (5, 2, 3)),
    Row("lrn, even", nnpg.LocalResponseNorm(size=4, alpha=0.7), (5, 2, 3)),
    Row("lrn, wider than the maps", nnpg.LocalResponseNorm(size=9, alpha=2.0, beta=1.0), (3, 2, 2)),
]
