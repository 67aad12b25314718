"""Well-known filters: the convolution by a double loop, and what they respond to."""

import numpy as np
import pytest

from nnpg.analysis.edge_filters import KERNELS, convolve, responds_to_edges


def test_the_convolution_is_a_double_loop_without_flipping():
    images, kernel = np.random.default_rng(0).normal(size=(2, 1, 6, 7)), np.array(KERNELS["random"], float)
    out = convolve(images, [kernel])
    expected = [
        [[(image[0, i : i + 3, j : j + 3] * kernel).sum() for j in range(5)] for i in range(4)] for image in images
    ]
    np.testing.assert_allclose(out[0], expected)
    with pytest.raises(ValueError, match="grey images"):
        convolve(images[:, 0], [kernel])


def test_edge_filters_respond_to_edges_and_the_blur_to_brightness():
    images = np.random.default_rng(0).random((2, 1, 30, 30)).astype("float32")
    images[:, :, 10:20, 10:20] += 4
    kernels = [KERNELS[name] for name in ("Sobel X", "Sobel Y", "blur", "identity", "random")]
    assert responds_to_edges(images, kernels).tolist() == [True, True, False, False, True]
