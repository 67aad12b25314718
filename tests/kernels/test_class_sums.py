"""Sums by class: the definition, whatever the threads; a class without images is 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnpg_kernels.numba.kernels.class_sums import PIECE, sum_by_class
from nnpg_kernels.threads import use_threads


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [1, PIECE, 2 * PIECE + 3])
def test_sums_by_class_are_the_same_bits_on_any_number_of_threads(dtype: Any, units: int) -> None:
    rng = np.random.default_rng(0)
    delta, labels = rng.normal(size=(3, 29, units)).astype(dtype), rng.choice([0, 2, 3], 29)
    expected = np.stack([delta[:, labels == c].astype(np.float64).sum(axis=1) for c in range(5)], axis=1)
    found = []
    for threads in (1, 2, 5):
        with use_threads(threads):
            found.append(sum_by_class(delta, labels, 5))
        np.testing.assert_allclose(found[-1], expected, rtol=0, atol=1e-13)
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()
    assert not found[0][:, [1, 4]].any()
