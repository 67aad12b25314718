"""What filters do to an image: small filters with their numbers, all maps of a network, and their deltas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.checks import arrays_by_name, checked_images, optional_names
from nnpg.plots.images import signed_colours
from nnpg.plots.style import (
    COLUMN,
    FAINT,
    GREY,
    PAGE,
    SMALL,
    arrangement,
    canvas,
    drawing,
    place_map,
    place_picture,
    place_shape,
    text_width,
    wrapped,
)
from nnpg.support.arguments import as_count, as_numbers, as_text, described
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARGIN, _GAP, _TEXT = 0.06, 0.05, 0.14  # inches; _TEXT is a line of text
_NUMBERS, _APART = 0.13, 0.12  # a line of a filter's numbers, between two filters
_MAP, _CELLS = 0.62, 0.15  # the widest map of a pass, the height of a row of cells


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
            place_map(ax, o[n], left, top + 0.17, cell, tall)
            place_shape(ax, Rectangle((left, top + 0.17), cell, tall, fill=False, edgecolor=FAINT, linewidth=0.5))
            texts = [[_number(value) for value in line] for line in kernel]
            step = max(text_width(number) for line in texts for number in line) + 0.08
            right = left + cell / 2 + step * (kernel.shape[1] - 1) / 2 + step / 2 - 0.04
            for i, line in enumerate(texts):
                for j, number in enumerate(reversed(line)):
                    baseline = top + 0.17 + tall + 0.05 + (i + 0.75) * _NUMBERS
                    ax.text(right - j * step, baseline, number, size=SMALL, ha="right")
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
    titles = optional_names(titles, "titles", N)
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
                title = "\n".join(wrapped(titles[n], face)[:2])
                ax.text(_MARGIN, top + face * H / W + _GAP, title, size=SMALL, va="top")
            for name, output in outputs.items():
                ax.text(left - 2 * _GAP, top + tall[name] / 2, name, size=SMALL, ha="right", va="center_baseline")
                for f, one_map in enumerate(output[n]):
                    corner = (left + f * (side + _GAP), top)
                    place_map(ax, one_map, *corner, side, tall[name] - _GAP)
                top += tall[name]
        ax.text(_MARGIN, _MARGIN + N * block + 0.06, "each map from its lowest (black) to its highest (white)",
                size=SMALL, color=GREY, va="center_baseline")  # fmt: skip
    return figure


def pass_diagram(
    outputs: Mapping[str, npt.ArrayLike],
    deltas: Mapping[str, npt.ArrayLike],
    path: str | Path | None = None,
    *,
    quantity: str = "L",
) -> Figure:
    """Draw the outputs of one image, layer by layer, and beside each its delta: read down, then up.

    Parameters
    ----------
    outputs : mapping
        outputs["tanh1"] is an array (F, H, W), outputs["dense1"] an array (F,). A map is grey, from black at its lowest
        to white at its highest; a row of cells is one map.
    deltas : mapping
        The derivative with respect to each output, of its shape: red above 0, blue below. The colours of a layer end
        at its largest magnitude, which stands beside it.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    quantity : str
        What is differentiated.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If names, shapes or path do not fit.

    Examples
    --------
    >>> maps = np.eye(3)[None]
    >>> figure = pass_diagram({"tanh1": maps, "dense1": [0.0, 2.0]}, {"tanh1": -maps, "dense1": [1, 0]})
    >>> len(figure.axes[0].images)
    4
    """
    expected, quantity = "an array (F, H, W) or (F,)", as_text(quantity, "quantity")
    forward, backward = (
        arrays_by_name(a, name, expected, finite=True) for a, name in ((outputs, "outputs"), (deltas, "deltas"))
    )
    if not forward or list(forward) != list(backward):
        raise ValueError(f"deltas must be those of the outputs {', '.join(forward)}, not of {', '.join(backward)}")
    for name, o in forward.items():
        if o.ndim not in (1, 3) or o.size == 0 or backward[name].shape != o.shape:
            raise ValueError(
                f"outputs {name!r} and their deltas must be {expected} of one shape, not {o.shape} and "
                f"{backward[name].shape}"
            )
    left = _MARGIN + max(map(text_width, forward)) + 2 * _GAP
    last = max(text_width(f"{abs(d).max():.2g}") for d in backward.values()) + 2 * _GAP
    half = (PAGE - left - last - _MARGIN - 3 * _GAP) / 2
    tall = {name: _CELLS if o.ndim == 1 else _side(o, half) * o.shape[1] / o.shape[2] for name, o in forward.items()}
    words = f"d{quantity}/do"
    with drawing(path, PAGE, _MARGIN + 1.5 * _TEXT + sum(tall.values()) + 2 * _GAP * len(tall)) as figure:
        ax = canvas(figure)
        titles = ((left, "outputs o, downwards"), (left + half + 3 * _GAP, f"deltas {words}, upwards"))
        for x, title in titles:
            ax.text(x, _MARGIN + _TEXT / 2, title, size=SMALL, weight="bold", va="center_baseline")
        ax.text(
            PAGE - _MARGIN, _MARGIN + _TEXT / 2, "largest", size=SMALL, color=GREY, ha="right", va="center_baseline"
        )
        top = _MARGIN + 1.5 * _TEXT
        for name, o in forward.items():
            middle, d = top + tall[name] / 2, backward[name]
            ax.text(left - 2 * _GAP, middle, name, size=SMALL, ha="right", va="center_baseline")
            _place_row(ax, o, left, top, half, tall[name], signed=False)
            _place_row(ax, d, left + half + 3 * _GAP, top, half, tall[name], signed=True)
            number = f"{abs(d).max():.2g}".replace("-", "−")
            ax.text(PAGE - _MARGIN, middle, number, size=SMALL, color=GREY, ha="right", va="center_baseline")
            top += tall[name] + 2 * _GAP
    return figure


def _side(o: Array, half: float) -> float:
    """Return the width of each map (F, H, W), of which all stand in `half` inches."""
    return min((half + _GAP) / len(o) - _GAP, _MAP)


def _place_row(ax: Axes, a: Array, left: float, top: float, half: float, tall: float, *, signed: bool) -> None:
    """Put the maps of a layer (F, H, W) side by side, or its numbers (F,) as one row of cells."""
    maps = a[None, None] if a.ndim == 1 else a
    side = half if a.ndim == 1 else _side(a, half)
    colours = signed_colours(np.concatenate(list(maps), axis=1)[None])[0].transpose(1, 2, 0) if signed else None
    for f, one_map in enumerate(maps):
        corner = (left + f * (side + _GAP), top)
        if colours is None:
            place_map(ax, one_map, *corner, side, tall)
        else:
            W = maps.shape[2]
            place_picture(ax, colours[:, f * W : (f + 1) * W], *corner, side, tall)
