"""Where the thesis's convolution (Lo 2016, eq. 2.6 and Fig. 2.5) is wrong as it is printed."""

from __future__ import annotations

import numpy as np
import pytest

import nnpg
from nnpg.analysis.edge_filters import KERNELS

K = nnpg.load_backend("numpy")
IMAGE, FILTER = np.random.default_rng(0).normal(size=(8, 9)), np.random.default_rng(1).normal(size=(3, 3))


def equation_2_6(i: int, j: int, last: int) -> float:
    """X'[i, j], both sums from 0 to `last`; a filter of width 3 has half a width of 1."""
    terms = [(k, l) for k in range(last + 1) for l in range(last + 1)]
    return float(sum(FILTER[k, l] * IMAGE[i - 1 + k, j - 1 + l] for k, l in terms))


def test_equation_2_6_needs_a_row_that_no_filter_has() -> None:
    with pytest.raises(IndexError):
        equation_2_6(4, 4, last=3)  # as printed: k = 0 .. w


def test_equation_2_6_with_one_term_less_is_ours_one_pixel_further() -> None:
    """Its window begins half a filter before the pixel, and so its first pixel is not at (0, 0) but at (1, 1)."""
    y, _ = nnpg.Conv(FILTER[None, None]).forward(K, IMAGE[None, None])
    H, W = IMAGE.shape
    inside = [[equation_2_6(i, j, last=2) for j in range(1, W - 1)] for i in range(1, H - 1)]
    np.testing.assert_allclose(y[0, 0], inside, rtol=1e-12)


def test_sobel_x_as_printed_answers_to_brightness() -> None:
    """Fig. 2.5 prints its last row as 1 0 1; it is -1 0 1, and then a plain area gives 0."""
    printed, meant = np.array([[-1, 0, 1], [-2, 0, 2], [1, 0, 1]]), np.array(KERNELS["Sobel X"])
    assert np.argwhere(printed != meant).tolist() == [[2, 0]]
    assert printed.sum() == 2
    assert meant.sum() == 0
