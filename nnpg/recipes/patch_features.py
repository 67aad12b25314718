"""Features learned without labels: whitened patches of images, and an encoder of patches as a convolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnpg.layers import Conv, Dense
from nnpg.support.arguments import as_count, as_generator, as_instance, as_number, as_numbers, described
from nnpg_kernels import Array


def random_patches(x: npt.ArrayLike, n: int, size: int, rng: int | np.random.Generator) -> Array:
    """Return n square patches from random images and positions, as rows (n, C size size).

    Parameters
    ----------
    x : array (N, C, H, W)
    n : int
    size : int
        Height and width, in pixels.
    rng : int or numpy.random.Generator

    Raises
    ------
    ValueError
        If the images are smaller than the patches.

    Examples
    --------
    >>> random_patches(np.zeros((2, 3, 8, 8)), 5, 4, rng=0).shape
    (5, 48)
    """
    images = as_numbers(x, "x", "images (N, C, H, W)", ndim=4, finite=True)
    if images.size == 0:
        raise ValueError(f"x must be images (N, C, H, W), at least one, not {described(images)}")
    n, size, rng = as_count(n, "n"), as_count(size, "size", most=min(images.shape[2:])), as_generator(rng)
    N, _, H, W = images.shape
    index, top, left = (rng.integers(high, size=n) for high in (N, H - size + 1, W - size + 1))
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(2, 3))  # (N, C, H', W', size, size)
    return np.asarray(windows[index, :, top, left].reshape(n, -1))


@dataclass(frozen=True, eq=False)
class Whitening:
    """The map (x - mean) matrix, after which patches are uncorrelated and have variance 1.

    Parameters
    ----------
    mean : array (D,)
    matrix : array (D, D)
        Symmetric.
    """

    mean: Array
    matrix: Array

    def __call__(self, patches: npt.ArrayLike) -> Array:
        """Return whitened patches (n, D)."""
        return (np.asarray(patches) - self.mean) @ self.matrix

    def folded_into(self, layer: Dense) -> Dense:
        """Return the layer that gives for patches what `layer` gives for whitened patches.

        Examples
        --------
        >>> whiten = Whitening(np.array([1.0]), np.array([[2.0]]))
        >>> layer = whiten.folded_into(Dense(np.array([[3.0]]), np.array([0.5])))
        >>> layer.W, layer.b
        (array([[6.]]), array([-5.5]))
        """
        W = layer.W @ self.matrix
        b = -W @ self.mean
        return Dense(W.astype(layer.W.dtype), (b if layer.b is None else layer.b + b).astype(layer.W.dtype))


def zca(patches: npt.ArrayLike, eps: float = 0.1) -> Whitening:
    """Return the whitening that changes patches least: C^(-1/2), with C their covariance (Bell & Sejnowski 1997).

    Parameters
    ----------
    patches : array (n, D)
    eps : float
        Added to the variances, as a share of their mean, so that noise in the weakest directions is not amplified.

    Examples
    --------
    >>> patches = np.random.default_rng(0).normal(size=(2000, 2)) @ np.array([[3.0, 1.0], [0.0, 0.5]])
    >>> np.cov(zca(patches, eps=0.0)(patches).T).round(6) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    p = as_numbers(patches, "patches", "an array (n, D)", ndim=2, finite=True).astype(np.float64)
    eps = as_number(eps, "eps", least=0)
    if len(p) < 2 or p.shape[1] < 2:
        raise ValueError(f"patches must be an array (n, D) of at least 2 patches of 2 numbers, not {described(p)}")
    mean = p.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(p.T, ddof=1))
    scale = 1 / np.sqrt(variances.clip(0) + eps * variances.mean())
    return Whitening(mean, (axes * scale) @ axes.T)


def as_convolution(layer: Dense, C: int, stride: int = 1) -> Conv:
    """Return the convolution that applies a layer of patches (n, C I I) at every position in an image.

    Raises
    ------
    ValueError
        If the inputs of the layer are not square patches of C channels.

    Examples
    --------
    >>> as_convolution(Dense(np.zeros((7, 48)), np.zeros(7)), C=3).W.shape
    (7, 3, 4, 4)
    """
    layer, C, stride = as_instance(layer, Dense, "layer"), as_count(C, "C"), as_count(stride, "stride")
    F, D = layer.W.shape
    side = round((D / C) ** 0.5)
    if C * side * side != D:
        raise ValueError(f"layer must take square patches of C={C} channels, not {D} inputs")
    return Conv(layer.W.reshape(F, C, side, side), layer.b, stride)
