"""What the tests of the device share: a small network on it, images and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnpg
from nnpg_kernels import Array


@pytest.fixture(scope="module")
def net() -> Any:
    recipe = [nnpg.conv(2, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()]
    return nnpg.build(recipe, input_shape=(1, 8, 8), rng=0, backend="cupy")


@pytest.fixture(scope="module")
def x() -> Array:
    return np.random.default_rng(0).random((12, 1, 8, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def labels() -> Array:
    return np.arange(12) % 3
