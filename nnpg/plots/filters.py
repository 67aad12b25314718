"""What filters do to an image: small filters with their numbers, all maps of a network, and gradients there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.checks import arrays_by_name, as_like, checked_images
from nnpg.plots.protocols import ReceptiveFieldLike
from nnpg.plots.style import (
    COLOURS,
    COLUMN,
    FAINT,
    GREY,
    PAGE,
    SMALL,
    arrangement,
    canvas,
    drawing,
    place_image,
    place_picture,
    place_shape,
    text_width,
    wrapped,
)
from nnpg.support.arguments import as_count, as_names, as_numbers, as_text, described
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARGIN, _GAP, _TEXT = 0.06, 0.05, 0.14  # inches; _TEXT is a line of text
_NUMBERS, _APART = 0.13, 0.12  # a line of a filter's numbers, between two filters
_ROWS = ("output", "gradient")


def filter_gallery(
    kernels: Mapping[str, npt.ArrayLike],
    outputs: npt.ArrayLike,
    path: str | Path | None = None,
    *,
    columns: int = 3,
) -> Figure:
    """Draw the output of each filter for one image, and the filter's numbers below it (Lo 2016, Fig. 2.5).

    Parameters
    ----------
    kernels : mapping
        kernels["blur"] is an array (I, J).
    outputs : array (F, H, W)
        One for each filter; each grey from its lowest (black) to its highest (white).
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    columns : int
        Filters side by side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If the numbers of filters and outputs differ, or the file cannot be written.

    Examples
    --------
    >>> figure = filter_gallery({"identity": [[0, 1, 0]], "blur": [[1 / 3] * 3]}, np.zeros((2, 4, 4)))
    >>> [text.get_text() for text in figure.axes[0].texts][:4]
    ['identity', '0', '1', '0']
    """
    numbers = arrays_by_name(kernels, "kernels", "an array (I, J)", ndim=2, finite=True)
    empty = [name for name, kernel in numbers.items() if kernel.size == 0]
    if empty or not numbers:
        raise ValueError(f"kernels must be at least one array (I, J), none empty, not {described(kernels)}")
    F = len(numbers)
    o = as_numbers(outputs, "outputs", f"an array ({F}, H, W)", ndim=3, finite=True).astype(np.float64)
    if len(o) != F or o.size == 0:
        raise ValueError(f"outputs must be an array ({F}, H, W), one for each of {F} kernels, not {o.shape}")
    columns = as_count(columns, "columns")
    from matplotlib.patches import Rectangle

    rows, columns, _ = arrangement(len(o), columns)
    cell = (COLUMN - 2 * _MARGIN + _APART) / columns - _APART
    tall = cell * o.shape[1] / o.shape[2]
    block = 0.17 + tall + 0.05 + _NUMBERS * max(len(kernel) for kernel in numbers.values()) + _APART
    with drawing(path, COLUMN, _MARGIN + rows * block) as figure:
        ax = canvas(figure)
        for n, (name, kernel) in enumerate(numbers.items()):
            left, top = _MARGIN + n % columns * (cell + _APART), _MARGIN + n // columns * block
            ax.text(left + cell / 2, top + 0.12, name, size=SMALL, weight="bold", ha="center")
            place_image(ax, o[n], left, top + 0.17, cell, tall, cmap="gray", **_limits(o[n]))
            place_shape(ax, Rectangle((left, top + 0.17), cell, tall, fill=False, edgecolor=FAINT, linewidth=0.5))
            numbers_shown = [[_number(value) for value in line] for line in kernel]
            step = max(text_width(number) for line in numbers_shown for number in line) + 0.08
            right = left + cell / 2 + step * (kernel.shape[1] - 1) / 2 + step / 2 - 0.04
            for i, line in enumerate(numbers_shown):
                for j, number in enumerate(reversed(line)):
                    at = top + 0.17 + tall + 0.05 + (i + 0.75) * _NUMBERS
                    ax.text(right - j * step, at, number, size=SMALL, ha="right")
    return figure


def _number(value: float) -> str:
    """Write a number of a filter: 1/n where it is one, else with three digits.

    Examples
    --------
    >>> _number(-4.0), _number(1 / 9), _number(0.3)
    ('−4', '1/9', '0.3')
    """
    if value != 0 and abs(value) < 1 and abs(1 / value - round(1 / value)) < 1e-6:
        return f"{'−' if value < 0 else ''}1/{abs(round(1 / value))}"
    return f"{value:.3g}".replace("-", "−")


def _limits(shown: Array) -> dict[str, float]:
    """Return the ends of the colours of one map: black at its lowest value, white at its highest."""
    return {"vmin": shown.min(), "vmax": shown.max() if np.ptp(shown) else shown.min() + 1}


def feature_maps(
    images: npt.ArrayLike,
    maps: Mapping[str, npt.ArrayLike],
    path: str | Path | None = None,
    *,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Draw each image and beside it every feature map, one row per layer (Lo & Ding 2015, Fig. 1).

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
    outputs = arrays_by_name(maps, "maps", f"an array ({N}, F, H, W)", ndim=4, finite=True)
    for name, output in outputs.items():
        if len(output) != N or output.size == 0:
            raise ValueError(
                f"maps {name!r} must be an array ({N}, F, H, W), one for each of {N} images, not {output.shape}"
            )
    if not outputs:
        raise ValueError("maps must be those of at least one layer, not of none")
    titles = None if titles is None else as_names(titles, "titles", N)
    face = 0.95
    left = _MARGIN + face + 2 * _GAP + max(map(text_width, outputs)) + 2 * _GAP
    most = max(output.shape[1] for output in outputs.values())
    side = min((PAGE - left - _MARGIN) / most - _GAP, 0.8)
    tall = {name: side * output.shape[2] / output.shape[3] + _GAP for name, output in outputs.items()}
    block = max(sum(tall.values()), face * H / W + 2 * _TEXT) + 3 * _GAP
    with drawing(path, PAGE, _MARGIN + N * block + 0.16) as figure:
        ax = canvas(figure)
        for n in range(N):
            top = _MARGIN + n * block
            place_picture(ax, pixels[n], _MARGIN, top, face, face * H / W)
            if titles is not None:
                words = "\n".join(wrapped(titles[n], face)[:2])
                ax.text(_MARGIN, top + face * H / W + _GAP, words, size=SMALL, va="top")
            for name, output in outputs.items():
                ax.text(left - 2 * _GAP, top + tall[name] / 2, name, size=SMALL, ha="right", va="center_baseline")
                for f, shown in enumerate(output[n]):
                    corner = (left + f * (side + _GAP), top)
                    place_image(ax, shown, *corner, side, tall[name] - _GAP, cmap="gray", **_limits(shown))
                top += tall[name]
        ax.text(_MARGIN, _MARGIN + N * block + 0.06, "each map from its lowest (black) to its highest (white)",
                size=SMALL, color=GREY, va="center_baseline")  # fmt: skip
    return figure


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
        Words, and another place (row and column in pixels) on each face to mark with a ring.

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
    titles = None if titles is None else as_names(titles, "titles", N)
    ring_words, rings = ("", None) if also is None else _places(also, N)
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
            strongest, i, j = (int(at) for at in np.unravel_index(int(delta[n].argmax()), delta[n].shape))
            for m, face_images in enumerate(faces):
                place_picture(ax, face_images[n], _MARGIN + m * (face + _GAP), top, face, face * H / W)
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
                for f, shown in enumerate(maps):
                    limits = _limits(shown) if row == 0 else {"vmin": -largest, "vmax": largest}
                    cmap = "gray" if row == 0 else "RdBu_r"
                    place_image(ax, shown, left + f * (side + _GAP), at, side, tall, cmap=cmap, **limits)
                corner = left + strongest * (side + _GAP)
                _box(ax, np.array([i - 1, j - 1, 3, 3]), corner, at, side / o.shape[3])
        key = "red raises the answer, blue lowers it; the box: the strongest unit, and what it sees"
        if rings is not None:
            key += f"; the ring: {ring_words}"
        ax.text(_MARGIN, 0.2 + N * block + 0.04, key, size=SMALL, color=GREY, va="center_baseline")
    return figure


def _places(also: tuple[str, npt.ArrayLike], N: int) -> tuple[str, Array]:
    """Return words, and a place (row, column) for each image."""
    expected = f"also must be words and {N} places (row, column), (str, array ({N}, 2))"
    if not isinstance(also, tuple | list) or len(also) != 2:
        raise TypeError(f"{expected}, not {described(also)}")
    places = as_numbers(also[1], "also: places", f"an array ({N}, 2)", ndim=2, finite=True)
    if places.shape != (N, 2):
        raise ValueError(f"{expected}, not places {places.shape}")
    return as_text(also[0], "also: words"), places


def _box(ax: Axes, box: Array, left: float, top: float, pixel: float) -> None:
    """Draw a box (top, left, height, width), in pixels, with a white rim that is seen on dark and on bright images."""
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
