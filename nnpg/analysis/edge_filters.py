"""Well-known filters of 3 x 3 weights, and whether a filter responds to edges or to brightness (Lo 2016, Fig. 2.5)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.layers import Conv
from nnpg.support.arguments import as_numbers, described
from nnpg_kernels import Array, load

KERNELS: dict[str, list[list[float]]] = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "Sobel X": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "Sobel Y": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "blur": [[1 / 9] * 3] * 3,
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "random": [[-4, 1, -1], [2, -3, 4], [0, -2, 3]],  # the one that the thesis shows
}


def convolve(images: npt.ArrayLike, kernels: npt.ArrayLike) -> Array:
    """Return the output of each filter for each grey image, without padding or flipping.

    Parameters
    ----------
    images : array (N, 1, H, W)
    kernels : array (F, I, J)

    Returns
    -------
    array (F, N, H - I + 1, W - J + 1)

    Raises
    ------
    ValueError
        If the images are not grey, or there is none.

    Examples
    --------
    >>> bright = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> convolve(bright, [KERNELS["identity"], KERNELS["Sobel X"]])[:, 0]
    array([[[ 5.,  6.], [ 9., 10.]], [[ 8.,  8.], [ 8.,  8.]]])
    """
    x = as_numbers(images, "images", "grey images (N, 1, H, W)", ndim=4, finite=True)
    W = as_numbers(kernels, "kernels", "filters (F, I, J)", ndim=3, finite=True)
    if x.shape[1] != 1 or x.size == 0:
        raise ValueError(f"images must be grey images (N, 1, H, W), at least one, not {described(x)}")
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    y, _ = Conv(W[:, None].astype(x.dtype)).forward(load("numpy"), x)
    return np.moveaxis(y, 1, 0)


def responds_to_edges(images: npt.ArrayLike, kernels: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return whether |output| correlates more with the steepness of the image than output does with its brightness.

        corr(|o|, sqrt(sobel_x^2 + sobel_y^2))  >  |corr(o, blur)|        over all places of all images

    Parameters
    ----------
    images : array (N, 1, H, W)
    kernels : array (F, 3, 3)

    Returns
    -------
    bool array (F,)

    Examples
    --------
    >>> bright_square = np.zeros((1, 1, 12, 12))
    >>> bright_square[..., 4:8, 4:8] = 1
    >>> responds_to_edges(bright_square, [KERNELS[name] for name in ("Sobel X", "blur", "random")])
    array([ True, False,  True])
    """
    outputs = convolve(images, kernels)
    right, down, bright = convolve(images, [KERNELS[name] for name in ("Sobel X", "Sobel Y", "blur")])
    steep = np.hypot(right, down).ravel()
    with_edges = np.array([np.corrcoef(abs(o).ravel(), steep)[0, 1] for o in outputs])
    with_brightness = np.array([np.corrcoef(o.ravel(), bright.ravel())[0, 1] for o in outputs])
    return with_edges > abs(with_brightness)
