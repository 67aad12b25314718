"""Contact sheets: images side by side, with outlines or heat maps over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.style import (
    COLOURS,
    COLUMN,
    PAGE,
    SMALL,
    canvas,
    checked_images,
    colour_bar,
    drawing,
    place_image,
    place_picture,
    text_width,
    wrapped,
)
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

_MARGIN, _GAP, _TEXT = 0.06, 0.06, 0.125  # inches; _TEXT is a line of text


@dataclass(frozen=True)
class _Sheet:
    """Where everything goes, in inches."""

    width: float
    height: float
    cell: float  # width of an image
    places: list[tuple[float, float]]  # upper left corner of each image
    tall: float  # height of a cell
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
        A column of print wide for up to 4 images a row with titles that fit, else a page.

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
    masks = None if overlay is None else np.asarray(overlay)
    if masks is not None and (masks.shape != (N, H, W) or masks.dtype != bool):
        raise ValueError(f"overlay must be a bool array ({N}, {H}, {W}), not {masks.dtype} {masks.shape}")
    sheet = _sheet(N, H / W, titles, columns, row_labels)
    with drawing(path, sheet.width, sheet.height) as figure:
        ax = canvas(figure)
        _words(ax, sheet)
        for n, (left, top) in enumerate(sheet.places):
            place_picture(ax, pixels[n], left, top, sheet.cell, sheet.cell * H / W)
            if masks is not None:
                _outline(ax, masks[n], left, top, sheet.cell / W)
    return figure


def maps_on_images(
    images: npt.ArrayLike,
    maps: npt.ArrayLike,
    path: str | Path | None = None,
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    label: str = "map / highest in this image",
) -> Figure:
    """Draw each image, and below it the same image with its heat map, such as a saliency, over it.

    Parameters
    ----------
    images : array (N, C, H, W)
        Grey or RGB, in [0, 1]; shown grey below the map.
    maps : array (N, H', W')
        Each is divided by its highest magnitude and stretched over its image. Where any is negative, red is
        positive and blue negative.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    titles : N strings, optional
    columns : int, optional
        Images in a row.
    label : str
        What the colour bar says.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If shapes, titles, pixels or path do not fit.

    Examples
    --------
    >>> figure = maps_on_images(np.full((2, 1, 4, 4), 0.5), np.eye(4)[None].repeat(2, axis=0))
    >>> len(figure.axes)
    1
    """
    pixels = checked_images(images)  # (N, H, W, 3)
    N, H, W, _ = pixels.shape
    heat = np.asarray(maps, np.float64)
    if heat.ndim != 3 or len(heat) != N or heat.size == 0:
        raise ValueError(f"maps must be an array ({N}, H, W), one for each image, not {heat.shape}")
    if not np.isfinite(heat).all():
        raise ValueError("maps hold NaN or infinity")
    signed = bool((heat < 0).any())
    highest = abs(heat).max(axis=(1, 2), keepdims=True)
    heat = heat / np.where(highest, highest, 1)
    tall = H / W
    sheet = _sheet(N, 2 * tall, titles, columns, None, foot=0.24)
    with drawing(path, sheet.width, sheet.height) as figure:
        ax, cmap = canvas(figure), _heat_colours(signed)
        _words(ax, sheet)
        for n, (left, top) in enumerate(sheet.places):
            below = top + sheet.cell * tall
            grey = 0.25 + 0.6 * pixels[n].mean(axis=-1)  # less contrast, so that the colours carry
            place_picture(ax, pixels[n], left, top, sheet.cell, sheet.cell * tall)
            place_image(ax, grey, left, below, sheet.cell, sheet.cell * tall, cmap="gray", vmin=0, vmax=1)
            over = {"cmap": cmap, "vmin": -1 if signed else 0, "vmax": 1}
            place_image(ax, heat[n], left, below, sheet.cell, sheet.cell * tall, **over)
        colour_bar(ax, cmap, _MARGIN, sheet.height - 0.18, ("−1" if signed else "0", "1"), label)
    return figure


def _sheet(
    N: int,
    tall: float,
    titles: Sequence[str] | None,
    columns: int | None,
    row_labels: Sequence[str] | None,
    foot: float = 0.0,
) -> _Sheet:
    """Lay out N cells whose height is `tall` times their width."""
    if titles is not None and len(titles) != N:
        raise ValueError(f"{N} images need {N} titles, not {len(titles)}")
    if columns is not None and columns < 1:
        raise ValueError(f"columns must be at least 1, not {columns}")
    longest = max((text_width(word) + _GAP for title in titles or () for word in title.split()), default=_GAP)
    labels = [wrapped(label, 1.0) for label in row_labels or ()]
    start = _MARGIN + (max((text_width(line) for own in labels for line in own), default=-_GAP) + _GAP)
    if columns is None:  # a wide sheet, with room for the longest word of a title
        columns = min(N, max(1, round((1.6 * N * tall) ** 0.5)), max(1, int((PAGE - start) / longest)))
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
        bottom = top + cell * tall
    return _Sheet(width, bottom + _MARGIN + foot, cell, places, tall * cell, broken, labels)


def _words(ax: Axes, sheet: _Sheet) -> None:
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
    across = np.stack([np.stack([j, i], -1), np.stack([j + 1, i], -1)], 1)
    i, j = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    down = np.stack([np.stack([j, i], -1), np.stack([j, i + 1], -1)], 1)
    edges = np.concatenate([across, down]) * pixel + np.array([left, top])
    for colour, width in (("white", 1.6), (COLOURS[1], 0.8)):  # a white rim, to be seen on dark and on bright
        ax.add_collection(LineCollection(list(edges), colors=colour, linewidths=width, capstyle="projecting"))


def _heat_colours(signed: bool) -> ListedColormap:
    """Colours that are transparent at zero."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    value = np.linspace(-1, 1, 511) if signed else np.linspace(0, 1, 256)
    rgba = colormaps["RdBu_r"]((value + 1) / 2) if signed else colormaps["YlOrRd"](0.3 + 0.6 * value)
    rgba[:, 3] = abs(value) ** 0.6
    return ListedColormap(rgba)
