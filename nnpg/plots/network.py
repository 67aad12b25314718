"""Networks as diagrams: a circle a feature map (Lo & Ding 2015, Table III); every weight of a small one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.plots.checks import as_like, checked_images, optional_count
from nnpg.plots.protocols import FilterScoresLike
from nnpg.plots.style import (
    COLOURS,
    COLUMN,
    GREY,
    INK,
    NORMAL,
    PAGE,
    SMALL,
    canvas,
    drawing,
    place_image,
    place_picture,
    place_shape,
    text_width,
    wrapped,
)
from nnpg.support.arguments import as_names, as_numbers, as_sequence, described
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

# inches
_MARGIN, _GAP = 0.06, 0.1
_TEXT = 0.14  # a line of text
_LINE = 0.235  # a line of circles
_NUMBERS = 0.115  # the line of filter numbers
_FOOT = 0.42  # colour bar, and what the scores are
_FACE = 0.7  # side of a face
_CIRCLE = 0.2  # diameter
_UNIT, _BIAS, _APART = 0.17, 0.27, 0.85  # radius of a unit, length of the arrow of a bias, between units of a layer


class _Line(NamedTuple):
    layer: str
    first: int  # filters first .. last - 1
    last: int
    top: float  # inches below the heading
    numbered: bool


class _Heading(NamedTuple):
    """A row's name and its highest score, side by side where there is room."""

    name: list[str]
    highest: str
    beside: bool

    @property
    def height(self) -> float:
        return _TEXT * (len(self.name) + (not self.beside)) + 0.06


def network_diagram(
    scores: FilterScoresLike,
    path: str | Path | None = None,
    *,
    rows: Sequence[int | str] | None = None,
    images: npt.ArrayLike | None = None,
    columns: int | None = None,
) -> Figure:
    """Draw the network once for each row of scores, one circle per filter (Lo & Ding 2015, Tables II and III).

    A circle is brighter where the filter's score is higher, as a share of the highest score in the same network,
    because gradients of different classes differ by orders of magnitude (V.B). A layer of many filters takes more
    lines. Scores that keep their sign are coloured by it, as a share of the highest magnitude.

    Parameters
    ----------
    scores : FilterScores
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    rows : indices or names, optional
        Which rows, in which order; all unless given.
    images : array (rows drawn, C, H, W), optional
        A face for each row drawn, grey or RGB in [0, 1].
    columns : int, optional
        Networks side by side. Unless given, 1 for up to six rows (as wide as a column of print), else 2 (as a page).

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, KeyError, FileNotFoundError
        If rows, images or path do not fit.

    Examples
    --------
    >>> from nnpg import FilterScores
    >>> scores = FilterScores({"pool1": np.array([[0.1, 0.4]])}, ("class 0",), "frobenius", "prob")
    >>> len(network_diagram(scores).axes[0].patches)
    2
    """
    as_like(scores, FilterScoresLike, "scores")
    wanted = range(len(scores.rows)) if rows is None else as_sequence(rows, "rows", "names or numbers of rows")
    chosen = [scores.row_index(row) for row in wanted]
    if not chosen:
        raise ValueError("no rows to draw: name at least one")
    faces = None if images is None else checked_images(images, len(chosen), "rows drawn")
    columns = optional_count(columns, "columns") or (1 if len(chosen) <= 6 else 2)
    width = COLUMN if columns == 1 else PAGE
    block = (width - 2 * _MARGIN - (columns - 1) * 2 * _GAP) / columns
    left = (_FACE + _GAP if faces is not None else 0.0) + max(map(text_width, scores.scores)) + _GAP
    headings = [_heading(scores, row, block) for row in chosen]
    beside = all(heading.beside for heading in headings)  # the same in all, so that they can be compared
    headings = [heading._replace(beside=beside) for heading in headings]
    head = max(heading.height for heading in headings)
    lines, pitch, tall = _lines({layer: s.shape[1] for layer, s in scores.scores.items()}, block - left)
    tall = head + max(tall, _FACE if faces is not None else 0.0) + _GAP
    height = _MARGIN + tall * -(-len(chosen) // columns) + _FOOT
    signed = any((s[chosen] < 0).any() for s in scores.scores.values())
    with drawing(path, width, height) as figure:
        ax, cmap = canvas(figure), _colours(signed)
        for n, row in enumerate(chosen):
            x = _MARGIN + n % columns * (block + 2 * _GAP)
            y = _MARGIN + n // columns * tall
            _write(ax, headings[n], x, y + head - headings[n].height, block)
            if faces is not None:
                H, W = faces.shape[1:3]
                pixel = _FACE / max(H, W)
                place_picture(ax, faces[n], x, y + head, W * pixel, H * pixel)
            row_scores = {layer: s[row] for layer, s in scores.scores.items()}
            _network(ax, row_scores, lines, pitch, x + left, y + head, cmap, signed)
        what = "score / highest magnitude in this network" if signed else "score / highest in this network"
        _colour_bar(ax, cmap, _MARGIN, height - _FOOT + 0.04, ("−1" if signed else "0", "1"), what)
        ax.text(_MARGIN, height - 0.1, f"score: {scores.description}", size=SMALL, color=GREY, va="center_baseline")
    return figure


def _lines(filters: dict[str, int], width: float) -> tuple[list[_Line], float, float]:
    """Break each layer into lines that fit; return them, the distance of the circles and the height of all lines."""
    narrowest = text_width(str(max(filters.values()) - 1)) + 0.035
    most = max(1, int(width / narrowest))  # circles on a line
    spans: list[tuple[str, int, int]] = []
    for layer, F in filters.items():
        per_line = -(-F // -(-F // most))  # lines of equal length
        spans += [(layer, first, min(first + per_line, F)) for first in range(0, F, per_line)]
    pitch = min(_CIRCLE / 0.84, width / max(last - first for _, first, last in spans))
    lines, top = [], 0.0
    for (layer, first, last), below in zip(spans, [*spans[1:], None], strict=True):
        # where the line below shows these numbers too, one row of them serves both
        numbered = below is None or below[1] != first or below[2] < last
        lines.append(_Line(layer, first, last, top, numbered))
        top += _LINE + (_NUMBERS if numbered else 0.0)
    return lines, pitch, top


def _heading(scores: FilterScoresLike, row: int, width: float) -> _Heading:
    every = [(s[row, f], layer, f) for layer, s in scores.scores.items() for f in range(s.shape[1])]
    score, layer, f = max(every, key=lambda entry: np.nan_to_num(abs(entry[0]), nan=-1.0))
    highest = "no score" if np.isnan(score) else f"highest {score:.5f}: {layer}[{f}]"
    name = wrapped(scores.rows[row], width, NORMAL, "bold")
    beside = len(name) == 1 and text_width(name[0], NORMAL, "bold") + text_width(highest) + 2 * _GAP <= width
    return _Heading(name, highest, beside)


def _write(ax: Axes, heading: _Heading, x: float, y: float, width: float) -> None:
    y += _TEXT  # the baseline of the first line
    for i, line in enumerate(heading.name):
        ax.text(x, y + i * _TEXT, line, size=NORMAL, weight="bold")
    if heading.beside:
        ax.text(x + width, y, heading.highest, size=SMALL, color=GREY, ha="right")
    else:
        ax.text(x, y + len(heading.name) * _TEXT, heading.highest, size=SMALL, color=GREY)


def _network(
    ax: Axes,
    scores: dict[str, Array],
    lines: list[_Line],
    pitch: float,
    x: float,
    y: float,
    cmap: Colormap,
    signed: bool,
) -> None:
    from matplotlib.patches import Circle

    highest = max(float(np.nan_to_num(abs(s)).max()) for s in scores.values()) or 1.0
    for line in lines:
        middle = y + line.top + _LINE / 2
        if line.first == 0:
            ax.text(x - _GAP, middle, line.layer, size=SMALL, ha="right", va="center_baseline")
        for i, f in enumerate(range(line.first, line.last)):
            share = scores[line.layer][f] / highest
            colour = "none" if np.isnan(share) else cmap(float((share + 1) / 2 if signed else share))
            centre = x + (i + 0.5) * pitch
            circle = Circle((centre, middle), 0.42 * pitch, facecolor=colour, edgecolor=INK, linewidth=0.4)
            place_shape(ax, circle)
            if line.numbered:
                below = middle + _LINE / 2 + _NUMBERS / 2
                ax.text(centre, below, str(f), size=SMALL, color=GREY, ha="center", va="center_baseline")


def _colours(signed: bool) -> Colormap:
    from matplotlib import colormaps

    return colormaps["RdBu_r" if signed else "inferno"]  # colour-blind readers can tell these colours apart


def _colour_bar(ax: Axes, cmap: Colormap, left: float, top: float, ends: tuple[str, str], label: str) -> None:
    """Put a small colour bar with words behind it on a `canvas`."""
    width, height, gap = 0.7, 0.09, 0.05
    left += text_width(ends[0]) + gap
    ax.text(left - gap, top + height / 2, ends[0], size=SMALL, ha="right", va="center_baseline")
    place_image(ax, np.linspace(0, 1, 256)[None], left, top, width, height, cmap=cmap)
    ax.text(left + width + gap, top + height / 2, f"{ends[1]}   {label}", size=SMALL, va="center_baseline")


def wiring_diagram(
    layers: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]],
    path: str | Path | None = None,
    *,
    names: Sequence[Sequence[str]],
) -> Figure:
    """Draw inputs and units as circles, a line for each weight with its number on it, an arrow below for each bias.

    Parameters
    ----------
    layers : sequence of (W, b)
        W (units, units before), b (units,) of each layer, from the first to the last. Weights of 0 are not drawn;
        negative ones are dashed.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    names : a sequence of strings for the inputs, and one for each layer's units

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If shapes or names do not fit, or the file cannot be written.

    Examples
    --------
    >>> figure = wiring_diagram([([[1.0, -1.0]], [-0.5])], names=[["x1", "x2"], ["y"]])
    >>> sorted(text.get_text() for text in figure.axes[0].texts if text.get_text())
    ['1', 'x1', 'x2', 'y', '−0.5', '−1']
    """
    weights = [_layer(layer) for layer in as_sequence(layers, "layers", "(W, b)")]
    names = [as_names(some, "names") for some in as_sequence(names, "names", "lists of strings")]
    sizes = [len(layer_names) for layer_names in names]
    if not weights or [(n, m) for m, n in pairwise(sizes)] != [W.shape for W, _ in weights]:
        raise ValueError(f"names of {sizes} inputs and units do not fit weights {[W.shape for W, _ in weights]}")
    if any(b.shape != W.shape[:1] for W, b in weights):
        raise ValueError("each layer needs one bias per unit")
    height = _APART * max(sizes) + 0.1
    step = (COLUMN - 0.75) / len(weights)
    with drawing(path, COLUMN, height) as figure:
        ax = canvas(figure)
        at = [
            [(0.25 + column * step, height / 2 - 0.04 + (row - (n - 1) / 2) * _APART) for row in range(n)]
            for column, n in enumerate(sizes)
        ]
        for column, (W, b) in enumerate(weights):
            for u, end in enumerate(at[column + 1]):
                for v, start in enumerate(at[column]):
                    _weight(ax, start, end, float(W[u, v]), 0.30 if v % 2 == u % 2 else 0.36)
                _bias(ax, end, float(b[u]))
        for places, layer_names in zip(at, names, strict=True):
            for (x, y), name in zip(places, layer_names, strict=True):
                ax.plot(x, y, "o", markersize=2 * _UNIT * 72, markerfacecolor="white", markeredgecolor=INK, zorder=4)
                ax.text(x, y, name, size=NORMAL, ha="center", va="center_baseline", zorder=5)
    return figure


def _layer(layer: tuple[npt.ArrayLike, npt.ArrayLike]) -> tuple[Array, Array]:
    """Return W (units, units before) and b (units,)."""
    if not isinstance(layer, tuple | list) or len(layer) != 2:
        raise TypeError(f"layers must be a list of (W, b), not {described(layer)}")
    W = as_numbers(layer[0], "layers: W", "an array (units, units before)", ndim=2, finite=True)
    b = as_numbers(layer[1], "layers: b", "an array (units,)", ndim=1, finite=True)
    return W.astype(np.float64), b.astype(np.float64)


def _weight(ax: Axes, start: tuple[float, float], end: tuple[float, float], weight: float, along: float) -> None:
    if weight == 0:
        return
    colour, dash = (COLOURS[0], "-") if weight > 0 else (COLOURS[1], (0, (4, 1.5)))
    ax.plot(*zip(start, end, strict=True), color=colour, linestyle=dash, linewidth=1.2, zorder=1)
    x, y = (a + along * (b - a) for a, b in zip(start, end, strict=True))
    ax.text(x, y, _number(weight), size=SMALL, color=colour, ha="center", va="center_baseline", zorder=3,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})  # fmt: skip


def _bias(ax: Axes, unit: tuple[float, float], bias: float) -> None:
    x, y = unit
    ax.annotate("", (x, y + _UNIT), (x, y + _UNIT + _BIAS), arrowprops={"arrowstyle": "->", "color": GREY, "lw": 0.8})
    ax.text(x + 0.05, y + _UNIT + _BIAS - 0.05, _number(bias), size=SMALL, color=GREY, va="center_baseline")


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−")
