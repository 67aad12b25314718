"""Filters by hand, and points that a line parts."""

import numpy as np
import pytest

from nnpg.analysis.edge_filters import KERNELS, answers_to_edges, convolved
from nnpg.analysis.separability import linearly_separable

SQUARE = np.array([[0.0, 0], [0, 1], [1, 1], [1, 0]])


def test_the_convolution_is_a_double_loop_without_flipping():
    images, kernel = np.random.default_rng(0).normal(size=(2, 1, 6, 7)), np.array(KERNELS["random"], float)
    out = convolved(images, [kernel])
    wanted = [
        [[(image[0, i : i + 3, j : j + 3] * kernel).sum() for j in range(5)] for i in range(4)] for image in images
    ]
    np.testing.assert_allclose(out[0], wanted)
    with pytest.raises(ValueError, match="grey images"):
        convolved(images[:, 0], [kernel])


def test_what_a_filter_answers_to():
    images = np.random.default_rng(0).random((2, 1, 30, 30)).astype("float32")
    images[:, :, 10:20, 10:20] += 4
    some = [KERNELS[name] for name in ("Sobel X", "Sobel Y", "blur", "identity", "random")]
    assert answers_to_edges(images, some).tolist() == [True, True, False, False, True]


def test_lines_part_what_step_units_need_two_of():
    for kinds in range(16):
        kind = np.array([bool(kinds >> n & 1) for n in range(4)])
        opposite = kind[0] == kind[2] and kind[1] == kind[3] and kind[0] != kind[1]  # XOR and its complement
        assert linearly_separable(SQUARE, kind) == (not opposite)
    hidden = np.stack([SQUARE.sum(axis=1) > 0.5, SQUARE.sum(axis=1) > 1.5], axis=1)  # at least one, both
    assert linearly_separable(hidden, [False, True, False, True])
    with pytest.raises(ValueError, match="kind must be 4 of True and False, one for each of the points, not"):
        linearly_separable(SQUARE, [True])
