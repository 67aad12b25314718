"""Where in an image a layer's strongest unit looks: outputs and prediction gradients beside the image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.checks import as_like, as_two, checked_images, optional_names
from nnpg.plots.protocols import ReceptiveFieldLike
from nnpg.plots.style import (
    COLOURS,
    GREY,
    PAGE,
    SMALL,
    canvas,
    drawing,
    place_image,
    place_map,
    place_picture,
    place_shape,
    text_width,
    wrapped,
)
from nnpg.support.arguments import as_numbers, as_text
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARGIN, _GAP, _TEXT = 0.06, 0.05, 0.14  # inches; _TEXT is a line of text
_ROWS = ("output", "gradient")


def strongest_regions(
    images: npt.ArrayLike,
    outputs: npt.ArrayLike,
    gradients: npt.ArrayLike,
    field: ReceptiveFieldLike,
    path: str | Path | None = None,
    *,
    titles: Sequence[str] | None = None,
    others: npt.ArrayLike | None = None,
    also: tuple[str, npt.ArrayLike] | None = None,
) -> Figure:
    """Draw faces beside one layer's outputs and prediction gradients, with the strongest unit marked in all three.

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
        A second face beside each one, such as the person whom the network takes it for.
    also : (str, array (N, 2)), optional
        What a ring marks, in words, and the pixel (row, column) of each face that gets one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If shapes, titles, pixels or path do not fit.

    Examples
    --------
    >>> from nnpg.maps.receptive_fields import ReceptiveField
    >>> rng, field = np.random.default_rng(0), ReceptiveField((0, 0), (2, 2), (6, 6))
    >>> figure = strongest_regions(rng.random((1, 1, 60, 60)), rng.random((1, 5, 28, 28)),
    ...                            rng.normal(size=(1, 5, 28, 28)), field)
    >>> len(figure.axes[0].images)                    # the face, five outputs, five gradients
    11
    """
    pixels = checked_images(images)  # (N, H, W, 3)
    N, H, W, _ = pixels.shape
    expected = f"an array ({N}, F, H, W)"
    o = as_numbers(outputs, "outputs", expected, ndim=4, finite=True).astype(np.float64)
    delta = as_numbers(gradients, "gradients", expected, ndim=4, finite=True).astype(np.float64)
    if o.shape != delta.shape or len(o) != N or o.size == 0:
        raise ValueError(f"outputs and gradients must be arrays ({N}, F, H, W), not {o.shape} and {delta.shape}")
    as_like(field, ReceptiveFieldLike, "field")
    titles = optional_names(titles, "titles", N)
    ring_label, rings = ("", None) if also is None else _places(also, N)
    faces = [pixels] if others is None else [pixels, checked_images(others, N, "images", name="others")]
    face = 0.95
    left = _MARGIN + len(faces) * (face + _GAP) + max(map(text_width, _ROWS)) + 3 * _GAP
    F = o.shape[1]
    side = min((PAGE - left - _MARGIN) / F - _GAP, 1.05)
    tall = side * o.shape[2] / o.shape[3]
    block = max(2 * (tall + _GAP), face * H / W + 3 * _TEXT) + 3 * _GAP
    with drawing(path, PAGE, 0.2 + N * block + 0.16) as figure:
        ax = canvas(figure)
        for f in range(F):
            ax.text(left + f * (side + _GAP) + side / 2, 0.12, f"filter {f}", size=SMALL, ha="center")
        for n in range(N):
            top = 0.2 + n * block
            strongest, i, j = (int(k) for k in np.unravel_index(int(delta[n].argmax()), delta[n].shape))
            for m, face_images in enumerate(faces):
                place_picture(ax, face_images[n], _MARGIN + m * (face + _GAP), top, face, face * H / W)
            _box(ax, np.array(field.box(i, j)), _MARGIN, top, face / W)
            if rings is not None:
                _ring(ax, _MARGIN + (rings[n, 1] + 0.5) * face / W, top + (rings[n, 0] + 0.5) * face / W)
            if titles is not None:
                lines = wrapped(titles[n], len(faces) * (face + _GAP))[:3]
                ax.text(_MARGIN, top + face * H / W + _GAP, "\n".join(lines), size=SMALL, va="top")
            largest = abs(delta[n]).max() or 1.0
            for row, (name, maps) in enumerate(zip(_ROWS, (o[n], delta[n]), strict=True)):
                y = top + row * (tall + _GAP)
                ax.text(left - 2 * _GAP, y + tall / 2, name, size=SMALL, ha="right", va="center_baseline")
                for f, one_map in enumerate(maps):
                    place = (left + f * (side + _GAP), y, side, tall)
                    if name == "output":
                        place_map(ax, one_map, *place)
                    else:
                        place_image(ax, one_map, *place, cmap="RdBu_r", vmin=-largest, vmax=largest)
                corner = left + strongest * (side + _GAP)
                _box(ax, np.array([i - 1, j - 1, 3, 3]), corner, y, side / o.shape[3])
        key = "red raises the answer, blue lowers it; the box: the strongest unit, and what it sees"
        if rings is not None:
            key += f"; the ring: {ring_label}"
        ax.text(_MARGIN, 0.2 + N * block + 0.04, key, size=SMALL, color=GREY, va="center_baseline")
    return figure


def _places(also: tuple[str, npt.ArrayLike], N: int) -> tuple[str, Array]:
    """Return words, and a place (row, column) for each image."""
    expected = f"words and {N} places (row, column), (str, array ({N}, 2))"
    label, pixels = as_two(also, "also", expected)
    places = as_numbers(pixels, "also: places", f"an array ({N}, 2)", ndim=2, finite=True)
    if places.shape != (N, 2):
        raise ValueError(f"also must be {expected}, not places {places.shape}")
    return as_text(label, "also: words"), places


def _box(ax: Axes, box: Array, left: float, top: float, pixel: float) -> None:
    """Draw a box (top, left, height, width), in pixels, with a white rim that shows on dark and on bright images."""
    from matplotlib.patches import Rectangle

    i, j, height, width = box * pixel
    for colour, linewidth in (("white", 2.2), (COLOURS[1], 1.1)):
        box_at = Rectangle(
            (left + j, top + i), width, height, fill=False, edgecolor=colour, linewidth=linewidth, zorder=5
        )
        place_shape(ax, box_at)


def _ring(ax: Axes, x: float, y: float) -> None:
    for colour, edge in (("white", 2.4), (COLOURS[0], 1.2)):
        ax.plot(x, y, "o", markersize=7, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=edge, zorder=6)
