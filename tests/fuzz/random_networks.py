"""Random networks and images: one filter, class, image or pixel, margins on one side, gaps and strides are likely."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import nnpg
from nnpg_kernels import Window

Rng = np.random.Generator
ACTIVATIONS: tuple[Any, ...] = (nnpg.Tanh, nnpg.ReLU, nnpg.Sigmoid)


class Case(NamedTuple):
    """A network on the Numba backend, images (N, ...), and labels (N,)."""

    net: nnpg.Network
    x: np.ndarray
    labels: np.ndarray


def case(seed: int) -> Case:
    """Return the network of a seed."""
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(["float32", "float64"]))
    shape = _images(rng)
    recipe = _recipe(rng, shape)
    net = nnpg.build(recipe, input_shape=shape, rng=rng, dtype=kind, backend="numba")
    exact = rng.random() < 0.2  # eighths: sums are exact, and pooling windows have ties

    def numbers(size: tuple[int, ...], scale: float) -> np.ndarray:
        drawn = rng.standard_normal(size) * scale
        return (np.round(8 * drawn) / 8 if exact else drawn).astype(kind)

    weights = {
        name: {p: numbers(w.shape, 0.3 if p == "b" else float(np.std(w)) or 0.5) for p, w in parameters.items()}
        for name, parameters in net.parameters.items()
    }
    N = int(rng.choice([1, 1, 2, 3, 5, 8, 9, 16, 17, 33]))
    return Case(net.with_parameters(weights), numbers((N, *shape), 1.0), rng.integers(0, net.K, N))


def _images(rng: Rng) -> tuple[int, ...]:
    if rng.random() < 0.12:
        return (int(rng.choice([1, 2, 7, 16, 19])),)
    H, W = (int(n) for n in rng.choice([1, 2, 3, 5, 8, 11, 12, 17, 20], 2))
    return int(rng.choice([1, 1, 2, 3])), H, W


def _recipe(rng: Rng, shape: tuple[int, ...]) -> list[Any]:
    recipe: list[Any] = []
    if rng.random() < 0.2:
        recipe.append(nnpg.Center(rng.standard_normal((*shape[:1], *[1] * (len(shape) - 1)))))
    if len(shape) == 3:
        for _ in range(rng.integers(0, 4)):
            block, shape = _block(rng, shape)
            recipe += block
        recipe.append(nnpg.Flatten())
    for _ in range(rng.integers(0, 3)):
        recipe.append(nnpg.dense(int(rng.choice([1, 1, 2, 7, 17])), bias=bool(rng.random() < 0.8)))
        recipe += [_activation(rng)] if rng.random() < 0.8 else []
        recipe += [nnpg.Dropout(0.5, key=3 if rng.random() < 0.2 else None)] if rng.random() < 0.1 else []
    recipe.append(nnpg.dense(int(rng.choice([1, 2, 3, 9, 17]))))
    head = rng.random()
    return [*recipe, *([nnpg.Softmax()] if head < 0.85 else [nnpg.Sigmoid()] if head < 0.95 else [])]


def _block(rng: Rng, shape: tuple[int, ...]) -> tuple[list[Any], tuple[int, ...]]:
    """A convolution that fits, and what comes behind it; the shape that it gives."""
    C, H, W = shape
    while True:
        most = 13 if rng.random() < 0.15 else 4
        size = (int(rng.integers(1, 1 + min(most, H + 2))), int(rng.integers(1, 1 + min(most, W + 2))))
        window = Window(size, _pair(rng, [1, 1, 1, 2, 3, 4]), _padding(rng, 3), _pair(rng, [1, 1, 1, 2, 3]))
        if rows_columns := _fits(window, H, W):
            break
    groups = C if C > 1 and rng.random() < 0.1 else 1
    filters = int(rng.choice([1, 1, 2, 3, 5, 9])) * groups
    conv = nnpg.conv(filters, size, stride=window.stride, padding=window.padding, dilation=window.dilation,
                     groups=groups, bias=bool(rng.random() < 0.8))  # fmt: skip
    shape = (filters, *rows_columns)
    behind: list[Any] = [_activation(rng)] if rng.random() < 0.8 else []
    if rng.random() < 0.6:
        pool = Window((1 + int(rng.integers(3)), 1 + int(rng.integers(3))), _pair(rng, [1, 1, 2, 3]), (0, 0, 0, 0))
        pool = pool._replace(padding=tuple(int(rng.integers(0, n)) for n in np.repeat(pool.size, 2)))
        if rows_columns := _fits(pool, *shape[1:]):
            kind = nnpg.MaxPool if rng.random() < 0.9 else nnpg.AvgPool
            behind.insert(int(rng.integers(0, len(behind) + 1)), kind(pool.size, pool.stride, pool.padding))
            shape = (filters, *rows_columns)
    if rng.random() < 0.06:
        behind.append(nnpg.Dropout(0.3))
    return [conv, *behind], shape


def _fits(window: Window, H: int, W: int) -> tuple[int, ...]:
    try:
        return window.output_shape(H, W)
    except ValueError:
        return ()


def _pair(rng: Rng, among: list[int]) -> tuple[int, int]:
    first, second = (int(n) for n in rng.choice(among, 2))
    return first, second


def _padding(rng: Rng, most: int) -> tuple[int, int, int, int]:
    """None, the same on all sides, or a margin on one side or two."""
    way = rng.random()
    top, bottom, left, right = (int(n) for n in rng.integers(0, most + 1, 4))
    if way < 0.4:
        return 0, 0, 0, 0
    if way < 0.6:
        return top, top, top, top
    sides = rng.random(4) < 0.4
    return top * int(sides[0]), bottom * int(sides[1]), left * int(sides[2]), right * int(sides[3])


def _activation(rng: Rng) -> Any:
    return ACTIVATIONS[int(rng.integers(3))]()
