"""Maps as pictures: red over a face, or red and blue around white, for `image_grid`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg_kernels import Array


def heat(images: Array, maps: Array) -> Array:
    """Return grey images (N, 1, H, W) as RGB with red where a map (N, H, W) is high, each map by its own highest.

    Where a map is NaN or negative the image stays grey.

    Examples
    --------
    >>> heat(np.full((1, 1, 1, 2), 0.5), np.array([[[0.0, 1.0]]])).round(2)[0, :, 0]
    array([[0.7 , 0.82],
           [0.7 , 0.04],
           [0.7 , 0.04]])
    """
    positive = np.clip(np.nan_to_num(maps, nan=0.0), 0, None)
    highest = positive.max(axis=(1, 2), keepdims=True)
    strength = (positive / np.where(highest, highest, 1))[:, None] ** 0.8  # (N, 1, H, W)
    red = np.array([0.82, 0.04, 0.04])[:, None, None]
    return (1 - strength) * (0.45 + 0.5 * images) + strength * red


def signed_colours(maps: npt.ArrayLike) -> Array:
    """Return maps (N, H, W) as RGB (N, 3, H, W): red above zero, blue below, white at it, each by its own largest.

    Examples
    --------
    >>> signed_colours([[[-2.0, 0.0, 1.0]]]).round(2)[0]
    array([[[0.02, 1.  , 0.89]],
           [[0.19, 1.  , 0.5 ]],
           [[0.38, 1.  , 0.4 ]]])
    """
    from matplotlib import colormaps

    values = np.nan_to_num(np.asarray(maps, np.float64), nan=0.0)
    largest = abs(values).max(axis=(1, 2), keepdims=True)
    share = values / np.where(largest, largest, 1)
    rgb = colormaps["RdBu_r"]((share + 1) / 2)[..., :3]  # (N, H, W, 3)
    rgb[share == 0] = 1
    return np.asarray(rgb.transpose(0, 3, 1, 2))
