"""The papers' network diagram: a circle per filter, brighter where its score is higher (Lo & Ding 2015, Table III)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.plots.checks import as_like, checked_images, optional_count
from nnpg.plots.protocols import FilterScoresLike
from nnpg.plots.style import (
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
from nnpg.support.arguments import as_sequence
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
    named = range(len(scores.rows)) if rows is None else as_sequence(rows, "rows", "names or numbers of rows")
    chosen = [scores.row_index(row) for row in named]
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
        meaning = "score / highest magnitude in this network" if signed else "score / highest in this network"
        _colour_bar(ax, cmap, _MARGIN, height - _FOOT + 0.04, ("−1" if signed else "0", "1"), meaning)
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
        # one row of numbers is enough where the line below has the same ones
        numbered = below is None or below[1] != first or below[2] < last
        lines.append(_Line(layer, first, last, top, numbered))
        top += _LINE + (_NUMBERS if numbered else 0.0)
    return lines, pitch, top


def _heading(scores: FilterScoresLike, row: int, width: float) -> _Heading:
    entries = [(s[row, f], layer, f) for layer, s in scores.scores.items() for f in range(s.shape[1])]
    score, layer, f = max(entries, key=lambda entry: np.nan_to_num(abs(entry[0]), nan=-1.0))
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
    """Put a small colour bar and its label on a `canvas`."""
    width, height, gap = 0.7, 0.09, 0.05
    left += text_width(ends[0]) + gap
    ax.text(left - gap, top + height / 2, ends[0], size=SMALL, ha="right", va="center_baseline")
    place_image(ax, np.linspace(0, 1, 256)[None], left, top, width, height, cmap=cmap)
    ax.text(left + width + gap, top + height / 2, f"{ends[1]}   {label}", size=SMALL, va="center_baseline")
