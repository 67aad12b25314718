"""Images side by side, with outlines over them; maps as colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.checks import checked_images, optional_count, optional_names
from nnpg.plots.style import (
    COLOURS,
    COLUMN,
    PAGE,
    SMALL,
    canvas,
    drawing,
    place_picture,
    text_width,
    wrapped,
)
from nnpg.support.arguments import as_numbers, as_units, described
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARGIN, _GAP, _TEXT = 0.06, 0.06, 0.125  # inches; _TEXT is a line of text


@dataclass(frozen=True)
class _Sheet:
    """Positions and sizes in inches."""

    width: float
    height: float
    cell: float  # width of an image, without the gap to the next
    places: list[tuple[float, float]]  # upper left corner of each image
    tall: float  # height of an image
    titles: list[list[str]]
    labels: list[list[str]]


def image_grid(
    images: npt.ArrayLike,
    path: str | Path | None = None,
    *,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    row_labels: Sequence[str] | None = None,
    overlay: npt.ArrayLike | None = None,
) -> Figure:
    """Draw images side by side.

    Parameters
    ----------
    images : array (N, C, H, W)
        Grey or RGB, in [0, 1].
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    titles : N strings, optional
        Above each image; long ones are broken into lines.
    columns : int, optional
        Images in a row.
    row_labels : strings, optional
        To the left of each row of images.
    overlay : array (N, H, W), bool, optional
        A region of each image to outline, pixel by pixel.

    Returns
    -------
    matplotlib.figure.Figure
        As wide as a column of print for up to 4 images per row with titles that fit, else as a page.

    Raises
    ------
    ValueError, FileNotFoundError
        If shapes, numbers of titles or labels, pixels or path do not fit.

    Examples
    --------
    >>> figure = image_grid(np.zeros((6, 1, 4, 4)), columns=3)
    >>> len(figure.axes[0].images), float(figure.get_size_inches()[0])
    (6, 3.5)
    """
    pixels = checked_images(images)  # (N, H, W, 3)
    N, H, W, _ = pixels.shape
    masks = None if overlay is None else as_units(overlay, "overlay")
    if masks is not None and masks.shape != (N, H, W):
        raise ValueError(f"overlay must be a bool array ({N}, {H}, {W}), not {masks.dtype} {masks.shape}")
    titles = optional_names(titles, "titles", N)
    row_labels = optional_names(row_labels, "row_labels")
    sheet = _sheet(N, H / W, titles, optional_count(columns, "columns"), row_labels)
    with drawing(path, sheet.width, sheet.height) as figure:
        ax = canvas(figure)
        _text(ax, sheet)
        for n, (left, top) in enumerate(sheet.places):
            place_picture(ax, pixels[n], left, top, sheet.cell, sheet.cell * H / W)
            if masks is not None:
                _outline(ax, masks[n], left, top, sheet.cell / W)
    return figure


def _sheet(
    N: int,
    ratio: float,
    titles: Sequence[str] | None,
    columns: int | None,
    row_labels: Sequence[str] | None,
) -> _Sheet:
    """Lay out N images whose height is `ratio` times their width."""
    longest = max((text_width(word) + _GAP for title in titles or () for word in title.split()), default=_GAP)
    labels = [wrapped(label, 1.0) for label in row_labels or ()]
    start = _MARGIN + (max((text_width(line) for lines in labels for line in lines), default=-_GAP) + _GAP)
    if columns is None:  # wider than tall, with room for the longest word of a title
        columns = min(N, max(1, round((1.6 * N * ratio) ** 0.5)), max(1, int((PAGE - start) / longest)))
        columns = -(-N // -(-N // columns))  # rows of equal length
    rows = -(-N // columns)
    if row_labels is not None and len(row_labels) != rows:
        raise ValueError(f"{N} images in {columns} columns are {rows} rows: row_labels has {len(row_labels)}")
    width = COLUMN if columns <= 4 and columns * longest <= COLUMN - start else PAGE
    cell = (width - start - _MARGIN + _GAP) / columns - _GAP
    broken = [wrapped(title, cell) for title in titles or ()]
    places, bottom = [], _MARGIN - _GAP
    for first in range(0, N, columns):
        top = bottom + _GAP + _TEXT * max(map(len, broken[first : first + columns]), default=0)
        places += [(start + i * (cell + _GAP), top) for i in range(min(columns, N - first))]
        bottom = top + cell * ratio
    return _Sheet(width, bottom + _MARGIN, cell, places, ratio * cell, broken, labels)


def _text(ax: Axes, sheet: _Sheet) -> None:
    for lines, (left, top) in zip(sheet.titles, sheet.places, strict=False):
        for i, line in enumerate(lines, start=1):
            ax.text(left + sheet.cell / 2, top - 0.04 - (len(lines) - i) * _TEXT, line, size=SMALL, ha="center")
    tops = sorted({top for _, top in sheet.places})
    for lines, top in zip(sheet.labels, tops, strict=False):
        ax.text(_MARGIN, top + sheet.tall / 2, "\n".join(lines), size=SMALL, va="center")


def _outline(ax: Axes, mask: Array, left: float, top: float, pixel: float) -> None:
    """Draw the border of a mask along the edges of its pixels."""
    from matplotlib.collections import LineCollection

    padded = np.pad(mask, 1)
    i, j = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])  # between row i - 1 and row i
    horizontal = np.stack([np.stack([j, i], -1), np.stack([j + 1, i], -1)], 1)
    i, j = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    vertical = np.stack([np.stack([j, i], -1), np.stack([j, i + 1], -1)], 1)
    edges = np.concatenate([horizontal, vertical]) * pixel + np.array([left, top])
    # the white rim shows on dark images, the colour on bright ones
    for colour, width in (("white", 1.6), (COLOURS[1], 0.8)):
        ax.add_collection(LineCollection(list(edges), colors=colour, linewidths=width, capstyle="projecting"))


def heat(images: npt.ArrayLike, maps: npt.ArrayLike) -> Array:
    """Return grey images (N, 1, H, W) as RGB with red where a map (N, H, W) is high, as a share of that map's maximum.

    Where a map is NaN or negative the image stays grey.

    Examples
    --------
    >>> heat(np.full((1, 1, 1, 2), 0.5), np.array([[[0.0, 1.0]]])).round(2)[0, :, 0]
    array([[0.7 , 0.82],
           [0.7 , 0.04],
           [0.7 , 0.04]])
    """
    grey = as_numbers(images, "images", "an array (N, 1, H, W)", ndim=4)
    values = _maps(maps)
    if grey.shape != (len(values), 1, *values.shape[1:]):
        raise ValueError(f"maps must be (N, H, W) for images (N, 1, H, W), not {values.shape} for {grey.shape}")
    positive = np.clip(np.nan_to_num(values, nan=0.0), 0, None)
    highest = positive.max(axis=(1, 2), keepdims=True)
    strength = (positive / np.where(highest, highest, 1))[:, None] ** 0.8  # (N, 1, H, W)
    red = np.array([0.82, 0.04, 0.04])[:, None, None]
    return (1 - strength) * (0.45 + 0.5 * grey) + strength * red


def signed_colours(maps: npt.ArrayLike) -> Array:
    """Return maps (N, H, W) as RGB (N, 3, H, W): red above zero, blue below, white at zero.

    Each map is divided by its largest magnitude.

    Examples
    --------
    >>> signed_colours([[[-2.0, 0.0, 1.0]]]).round(2)[0]
    array([[[0.02, 1.  , 0.89]],
           [[0.19, 1.  , 0.5 ]],
           [[0.38, 1.  , 0.4 ]]])
    """
    values = np.nan_to_num(_maps(maps).astype(np.float64), nan=0.0)
    from matplotlib import colormaps

    largest = abs(values).max(axis=(1, 2), keepdims=True)
    share = values / np.where(largest, largest, 1)
    rgb = colormaps["RdBu_r"]((share + 1) / 2)[..., :3]  # (N, H, W, 3)
    rgb[share == 0] = 1
    return np.asarray(rgb.transpose(0, 3, 1, 2))


def _maps(maps: npt.ArrayLike) -> Array:
    values = as_numbers(maps, "maps", "an array (N, H, W)", ndim=3)
    if values.size == 0:
        raise ValueError(f"maps must be an array (N, H, W), at least one map, not {described(values)}")
    return values
