"""A face, what the filters make of it, and the prediction gradient there (Lo 2016, Fig. 4.3 and 4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.style import (
    COLOURS,
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
from nnpg.receptive_field import ReceptiveField
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARGIN, _GAP, _TEXT = 0.06, 0.05, 0.14  # inches
_ROWS = ("output", "gradient")


def strongest_regions(
    images: npt.ArrayLike,
    outputs: npt.ArrayLike,
    gradients: npt.ArrayLike,
    field: ReceptiveField,
    path: str | Path | None = None,
    *,
    titles: Sequence[str] | None = None,
    others: npt.ArrayLike | None = None,
    also: tuple[str, npt.ArrayLike] | None = None,
) -> Figure:
    """Draw faces beside one layer's outputs and prediction gradients, the strongest unit marked in all three.

    Parameters
    ----------
    images : array (N, C, H, W)
        Grey or RGB, in [0, 1].
    outputs, gradients : arrays (N, F, H', W')
        An output map is grey, from its lowest (black) to its highest (white). Gradients are red above zero, blue below;
        one scale for all maps of a face, so that the strongest filter stands out.
    field : ReceptiveField
        What a unit of that layer sees: the box on the face.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    titles : N strings, optional
        Below each face.
    others : array (N, C, H, W), optional
        Another face beside each one: whom it is taken for.
    also : (str, array (N, 2)), optional
        Another place, row and column in pixels, to mark on each face with a ring, and what it is.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If shapes, titles, pixels or path do not fit.

    Examples
    --------
    >>> rng, field = np.random.default_rng(0), ReceptiveField((0, 0), (2, 2), (6, 6))
    >>> figure = strongest_regions(rng.random((1, 1, 60, 60)), rng.random((1, 5, 28, 28)),
    ...                            rng.normal(size=(1, 5, 28, 28)), field)
    >>> len(figure.axes[0].images)                    # the face, five outputs, five gradients
    11
    """
    pixels = checked_images(images)  # (N, H, W, 3)
    N, H, W, _ = pixels.shape
    o, delta = np.asarray(outputs, np.float64), np.asarray(gradients, np.float64)  # (N, F, H', W')
    if o.ndim != 4 or o.shape != delta.shape or len(o) != N or o.size == 0:
        raise ValueError(f"outputs and gradients must be arrays ({N}, F, H, W), not {o.shape} and {delta.shape}")
    if titles is not None and len(titles) != N:
        raise ValueError(f"{N} images need {N} titles, not {len(titles)}")
    rings = None if also is None else np.asarray(also[1])
    if rings is not None and rings.shape != (N, 2):
        raise ValueError(f"{N} images need {N} places (row, column) to mark, not {rings.shape}")
    faces = [pixels] if others is None else [pixels, checked_images(others, N, "images")]
    face = 0.95
    left = _MARGIN + len(faces) * (face + _GAP) + max(map(text_width, _ROWS)) + 3 * _GAP
    F = o.shape[1]
    side = min((PAGE - left - _MARGIN) / F - _GAP, 1.05)
    tall = side * o.shape[2] / o.shape[3]
    block = max(2 * (tall + _GAP), face * H / W + 3 * _TEXT) + 3 * _GAP
    with drawing(path, PAGE, 0.2 + N * block + 0.16) as figure:
        ax = canvas(figure)
        for f in range(F):
            ax.text(left + f * (side + _GAP) + side / 2, 0.12, f"filter {f + 1}", size=SMALL, ha="center")
        for n in range(N):
            top = 0.2 + n * block
            strongest, i, j = (int(at) for at in np.unravel_index(int(delta[n].argmax()), delta[n].shape))
            for m, own in enumerate(faces):
                place_picture(ax, own[n], _MARGIN + m * (face + _GAP), top, face, face * H / W)
            _box(ax, np.array(field.box(i, j)), _MARGIN, top, face / W)
            if rings is not None:
                _ring(ax, _MARGIN + (rings[n, 1] + 0.5) * face / W, top + (rings[n, 0] + 0.5) * face / W)
            if titles is not None:
                words = wrapped(titles[n], len(faces) * (face + _GAP))[:3]
                ax.text(_MARGIN, top + face * H / W + _GAP, "\n".join(words), size=SMALL, va="top")
            largest = abs(delta[n]).max() or 1.0
            for row, (name, maps) in enumerate(zip(_ROWS, (o[n], delta[n]), strict=True)):
                at = top + row * (tall + _GAP)
                ax.text(left - 2 * _GAP, at + tall / 2, name, size=SMALL, ha="right", va="center_baseline")
                for m, one in enumerate(maps):
                    ends = (one.min(), one.max() if np.ptp(one) else one.min() + 1) if row == 0 else (-largest, largest)
                    look = {"cmap": "gray" if row == 0 else "RdBu_r", "vmin": ends[0], "vmax": ends[1]}
                    place_image(ax, one, left + m * (side + _GAP), at, side, tall, **look)
                corner = left + strongest * (side + _GAP)
                _box(ax, np.array([i - 1, j - 1, 3, 3]), corner, at, side / o.shape[3])
        key = "red raises the answer, blue lowers it; the box: the strongest unit, and what it sees"
        if also is not None:
            key += f"; the ring: {also[0]}"
        ax.text(_MARGIN, 0.2 + N * block + 0.04, key, size=SMALL, color=GREY, va="center_baseline")
    return figure


def _box(ax: Axes, box: Array, left: float, top: float, pixel: float) -> None:
    """Mark (top, left, height, width), in pixels, with a white rim that is seen on dark and on bright."""
    from matplotlib.patches import Rectangle

    i, j, height, width = box * pixel
    for colour, wide in (("white", 2.2), (COLOURS[1], 1.1)):
        ax.add_patch(
            Rectangle((left + j, top + i), width, height, fill=False, edgecolor=colour, linewidth=wide, zorder=5)
        )


def _ring(ax: Axes, x: float, y: float) -> None:
    for colour, wide in (("white", 2.4), (COLOURS[0], 1.2)):
        ax.plot(x, y, "o", markersize=7, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=wide, zorder=6)
