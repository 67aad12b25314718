"""Sums by class: those of the definition, on any number of threads; a class without images gets 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnpg_kernels import definition
from nnpg_kernels.numba.kernels.class_sums import PIECE, sum_by_class
from nnpg_kernels.threads import use_threads


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [1, PIECE, 2 * PIECE + 3])
def test_sums_by_class_have_the_bits_of_the_definition_on_any_number_of_threads(dtype: Any, units: int) -> None:
    rng = np.random.default_rng(0)
    delta, labels = rng.normal(size=(3, 29, units)).astype(dtype), rng.choice([0, 2, 3], 29)
    expected = definition.sum_by_class(delta, labels, 5)
    assert not expected[:, [1, 4]].any()
    for threads in (1, 2, 5):
        with use_threads(threads):
            np.testing.assert_array_equal(sum_by_class(delta, labels, 5), expected)
