"""What every filter makes of a face: the face, and beside it all maps, a row a layer (Lo & Ding 2015, Fig. 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.style import (
    GREY,
    PAGE,
    SMALL,
    canvas,
    checked_images,
    drawing,
    place_image,
    place_picture,
    text_width,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN, _GAP, _TEXT = 0.06, 0.05, 0.14  # inches


def feature_maps(
    images: npt.ArrayLike,
    maps: Mapping[str, npt.ArrayLike],
    path: str | Path | None = None,
    *,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Draw each image and beside it every feature map, a row a layer (Lo & Ding 2015, Fig. 1).

    Parameters
    ----------
    images : array (N, C, H, W)
        Grey or RGB, in [0, 1].
    maps : mapping
        maps["tanh1"] is an array (N, F, H', W'). Each map is grey, from black at its lowest to white at its highest.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    titles : N strings, optional

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If shapes, titles, pixels or path do not fit.

    Examples
    --------
    >>> figure = feature_maps(np.zeros((2, 1, 6, 6)), {"conv1": np.random.default_rng(0).random((2, 5, 4, 4))})
    >>> len(figure.axes[0].images)
    12
    """
    pixels = checked_images(images)  # (N, H, W, 3)
    N, H, W, _ = pixels.shape
    layers = {name: np.asarray(own, np.float64) for name, own in maps.items()}
    for name, own in layers.items():
        if own.ndim != 4 or len(own) != N or own.size == 0:
            raise ValueError(f"maps of {name!r} must be an array ({N}, F, H, W), one for each image, not {own.shape}")
    if not layers or (titles is not None and len(titles) != N):
        raise ValueError(f"{N} images need the maps of at least one layer, and {N} titles if any")
    face = 0.95
    left = _MARGIN + face + 2 * _GAP + max(map(text_width, layers)) + 2 * _GAP
    most = max(own.shape[1] for own in layers.values())
    side = min((PAGE - left - _MARGIN) / most - _GAP, 0.8)
    tall = {name: side * own.shape[2] / own.shape[3] + _GAP for name, own in layers.items()}
    block = max(sum(tall.values()), face * H / W + 2 * _TEXT) + 3 * _GAP
    with drawing(path, PAGE, _MARGIN + N * block + 0.16) as figure:
        ax = canvas(figure)
        for n in range(N):
            top = _MARGIN + n * block
            place_picture(ax, pixels[n], _MARGIN, top, face, face * H / W)
            if titles is not None:
                words = "\n".join(wrapped(titles[n], face)[:2])
                ax.text(_MARGIN, top + face * H / W + _GAP, words, size=SMALL, va="top")
            for name, own in layers.items():
                ax.text(left - 2 * _GAP, top + tall[name] / 2, name, size=SMALL, ha="right", va="center_baseline")
                for f, one in enumerate(own[n]):
                    ends = {"vmin": one.min(), "vmax": one.max() if np.ptp(one) else one.min() + 1}
                    place_image(ax, one, left + f * (side + _GAP), top, side, tall[name] - _GAP, cmap="gray", **ends)
                top += tall[name]
        ax.text(_MARGIN, _MARGIN + N * block + 0.06, "each map from its lowest (black) to its highest (white)",
                size=SMALL, color=GREY, va="center_baseline")  # fmt: skip
    return figure
