"""Patches are parts of images; whitening is folded into the encoder; the convolution is the encoder of patches."""

import numpy as np
import pytest

import nnpg
from nnpg.recipes.patch_features import as_convolution, random_patches, zca


def test_patches_are_parts_of_images_and_come_from_everywhere():
    x = np.arange(3 * 2 * 6 * 5, dtype=float).reshape(3, 2, 6, 5)
    patches = random_patches(x, 400, 3, rng=0).reshape(-1, 2, 3, 3)
    corner = patches[:, 0, 0, 0].astype(int)
    n, position = np.divmod(corner, 60)
    h, w = np.divmod(position, 5)
    for patch, i, a, b in zip(patches, n, h, w, strict=True):
        np.testing.assert_array_equal(patch, x[i, :, a : a + 3, b : b + 3])
    assert len(set(zip(n, h, w, strict=True))) == 3 * 4 * 3, "every position"
    with pytest.raises(ValueError, match="size must be a whole number from 1 to 5, not 6"):
        random_patches(x, 1, 6, rng=0)


def test_a_convolution_of_the_folded_encoder_is_the_encoder_at_every_place():
    rng = np.random.default_rng(1)
    x = rng.random((2, 3, 7, 6))
    patches = random_patches(x, 500, 4, rng=2)
    whiten = zca(patches)
    encode = nnpg.Dense(rng.normal(size=(5, 48)), rng.normal(size=5))
    k = nnpg.load_backend("numpy")
    maps = as_convolution(whiten.folded_into(encode), C=3, stride=2).forward(k, x)[0]
    assert maps.shape == (2, 5, 2, 2)
    for h in range(2):
        for w in range(2):
            patch = x[:, :, 2 * h : 2 * h + 4, 2 * w : 2 * w + 4].reshape(2, -1)
            np.testing.assert_allclose(maps[:, :, h, w], encode.forward(k, whiten(patch))[0], atol=1e-9)


def test_whitening_changes_patches_least():
    """ZCA is symmetric; strong patterns get the variance 1, those below eps of the mean a smaller one."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    patches = rng.normal(size=(20000, 4)) * [10, 3, 1, 1e-4] @ axes.T + 7
    whiten = zca(patches, eps=0.01)
    np.testing.assert_allclose(whiten.matrix, whiten.matrix.T, atol=1e-12)
    variances = ((whiten(patches) @ axes).std(axis=0)) ** 2
    assert variances[0] == pytest.approx(1, rel=0.02)
    assert variances[3] < 1e-6
    with pytest.raises(ValueError, match="square patches of C=3 channels, not 47 inputs"):
        as_convolution(nnpg.Dense(np.zeros((2, 47)), np.zeros(2)), C=3)
