"""A network of AlexNet's shape with random weights, for SZ-T5."""

from __future__ import annotations

import nnpg
from nnpg import Network
from nnpg.recipes.networks import Step


def alexnet(share: int, seed: int) -> Network:
    """Return a network of AlexNet's shape (Krizhevsky et al. 2012, without LRN), each layer a `share`th as wide."""

    def conv(filters: int, size: int, **options: int) -> Step:
        return nnpg.conv(filters // share, size, init="he", **options)  # type: ignore[arg-type]

    relu, pool, units = nnpg.ReLU(), nnpg.MaxPool(3, 2), 4096 // share
    recipe: list[Step] = [
        conv(96, 11, stride=4), relu, pool, conv(256, 5, padding=2, groups=2), relu, pool,
        conv(384, 3, padding=1), relu, conv(384, 3, padding=1, groups=2), relu,
        conv(256, 3, padding=1, groups=2), relu, pool, nnpg.Flatten(),
        nnpg.dense(units, init="he"), relu, nnpg.dense(units, init="he"), relu, nnpg.dense(1000 // share),
        nnpg.Softmax(),
    ]  # fmt: skip
    return nnpg.build(recipe, input_shape=(3, 227, 227), rng=seed)
