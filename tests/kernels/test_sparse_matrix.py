"""Products of a matrix most of whose numbers are 0 are those of the whole matrix, and the same bits on any threads."""

from __future__ import annotations

import numpy as np
import pytest

from nnpg_kernels import use_threads

pytest.importorskip("numba")

from nnpg_kernels.numba.sparse_matrix import SparseMatrix


def mostly_zero(N: int, D: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((N, D)) * (rng.random((N, D)) < 0.2)).astype(dtype)
    x[N // 2], x[:, D // 2] = 0, 0  # a row and a column without numbers
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("F", [1, 16, 100, 230])  # one vector, whole vectors, a part of one, several tiles
def test_both_products_are_those_of_the_whole_matrix(F: int, dtype: str) -> None:
    x, rng = mostly_zero(130, 75, dtype), np.random.default_rng(1)
    W, delta = (rng.standard_normal((F, n)).astype(dtype) for n in (75, 130))
    S, near = SparseMatrix(x), 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(S @ W.T, x @ W.T, atol=near)
    np.testing.assert_allclose(delta @ S, delta @ x, atol=3 * near)


def test_the_bits_are_the_same_on_any_number_of_threads() -> None:
    S, W = SparseMatrix(mostly_zero(400, 60, "float32")), np.random.default_rng(1).standard_normal((30, 60), np.float32)
    found = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            found.append((S @ W.T).tobytes())
    assert len(set(found)) == 1


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_product_of_0_and_infinity_is_not_left_out(bad: float) -> None:
    x, W = mostly_zero(8, 5, "float64"), np.ones((3, 5))
    W[1, 2] = bad  # meets the column without numbers
    with np.errstate(invalid="ignore"):
        assert np.isnan(SparseMatrix(x) @ W.T)[:, 1].all()


def test_other_factors_are_multiplied_as_numpy_does() -> None:
    """Complex weights (a complex step), several seeds at once."""
    x, rng = mostly_zero(8, 5, "float64"), np.random.default_rng(1)
    for delta in (rng.standard_normal((2, 3, 8)), rng.standard_normal((3, 8)) + 1j):
        np.testing.assert_array_equal(delta @ SparseMatrix(x), delta @ x)
