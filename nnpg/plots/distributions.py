"""Distributions: histograms, values with their intervals, and two numbers against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.checks import arrays_by_name, as_like, as_two, checked_panels
from nnpg.plots.protocols import IntervalLike
from nnpg.plots.style import (
    COLOURS,
    GREY,
    PAGE,
    SMALL,
    arrangement,
    drawing,
    panel_axes,
)
from nnpg.support.arguments import (
    as_choice,
    as_count,
    as_mapping,
    as_names,
    as_number,
    as_numbers,
    as_sequence,
    as_text,
    as_units,
    described,
)
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = tuple[Mapping[str, npt.ArrayLike], str]  # values by name, and what is written above

# Red, green and blue of an image, dark enough for everyone to tell them apart; other names take COLOURS in order.
_RGB = {"red": "#D55E00", "green": "#009E73", "blue": "#0072B2"}


def histogram_grid(
    cells: Sequence[Sequence[Cell]],
    path: str | Path | None = None,
    *,
    row_labels: Sequence[str],
    centred: Sequence[bool] | None = None,
    bins: int = 41,
) -> Figure:
    """Draw a grid of histograms as outlines, one line for each name; a dotted line marks 0.

    Parameters
    ----------
    cells : rows of (values by name, title)
        Values of any number; each cell has its own scale.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    row_labels : strings
        To the left of each row.
    centred : bools, one for each column, optional
        Whether its histograms reach as far below 0 as above; all do unless given.
    bins : int

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If rows differ in length, labels do not fit, a value is not finite, or the file cannot be written.

    Examples
    --------
    >>> figure = histogram_grid([[({"red": [-1.0, 0.0, 1.0]}, "skew 0")]], row_labels=["dog"])
    >>> figure.axes[0].get_title()
    'skew 0'
    """
    data = [[_cell(cell) for cell in as_sequence(row, "cells", "rows of (values by name, title)")]
            for row in as_sequence(cells, "cells", "rows of (values by name, title)")]  # fmt: skip
    widths = {len(row) for row in data}
    if len(widths) != 1 or 0 in widths:
        raise ValueError(f"cells must be rows of one length, at least 1, not rows of {sorted(widths)} cells")
    columns = widths.pop()
    row_labels = as_names(row_labels, "row_labels", len(data))
    centred_columns = np.ones(columns, bool) if centred is None else as_units(centred, "centred")
    if centred_columns.shape != (columns,):
        raise ValueError(f"centred must be {columns} times True or False, one per column, not {described(centred)}")
    bins = as_count(bins, "bins")
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    names = list(dict.fromkeys(name for row in data for cell, _ in row for name in cell))
    colours = {name: _RGB.get(name, COLOURS[i % len(COLOURS)]) for i, name in enumerate(names)}
    with drawing(path, PAGE, 0.3 + 1.25 * len(cells), layout="constrained") as figure:
        grid = figure.subplots(len(cells), columns, squeeze=False)
        for line, label, row in zip(grid, row_labels, data, strict=True):
            for ax, (cell, title), is_centred in zip(line, row, centred_columns, strict=True):
                values = np.concatenate(list(cell.values()))
                reach = float(np.quantile(abs(values), 0.999)) or 1.0
                ends = (-reach, reach) if is_centred else (float(values.min()), float(values.max()) or 1.0)
                for name, values in cell.items():
                    counts, edges = np.histogram(np.clip(values, *ends), bins=bins, range=ends)
                    ax.stairs(counts / values.size, edges, color=colours[name], linewidth=1)
                if is_centred:
                    ax.axvline(0, color=GREY, linewidth=0.8, linestyle=(0, (1, 1)), zorder=0)
                ax.set_title(title, size=SMALL, weight="normal", loc="center")
                ax.set_yticks([])
                ax.grid(visible=False)
                ax.xaxis.set_major_locator(MaxNLocator(3))
                ax.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
                ax.xaxis.get_offset_text().set_size(SMALL)
            line[0].set_ylabel(label)
        if len(names) > 1:
            handles = [Line2D([], [], color=colours[name]) for name in names]
            figure.legend(handles, names, loc="outside upper right", ncols=len(names), handlelength=1.5)
    return figure


def _cell(cell: Cell) -> tuple[dict[str, Array], str]:
    """Return the finite values (n,) of a cell by name, and what is written above."""
    arrays, title = as_two(cell, "cells", "rows of (values by name, title)")
    values = {name: v.ravel() for name, v in arrays_by_name(arrays, "cells", "an array", finite=True).items()}
    if not values or not all(v.size for v in values.values()):
        raise ValueError("cells must hold values, at least one for each name, not an empty cell")
    return values, as_text(title, "cells: title")


@dataclass(frozen=True, eq=False)
class Measured:
    """One set of axes: a value with its interval for each name.

    Parameters
    ----------
    title : str
    values : mapping
        values["random"] is an Interval; without a spread (NaN) only the value is drawn.
    xlabel : str
    """

    title: str
    values: Mapping[str, IntervalLike]
    xlabel: str


def interval_plot(
    panels: Sequence[Measured], path: str | Path | None = None, *, highlight: str | None = None, columns: int = 2
) -> Figure:
    """Draw values as dots and their intervals as lines, one row per name; all panels share the rows.

    Parameters
    ----------
    panels : sequence of Measured
        Of the same names, in the same order.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    highlight : str, optional
        The name that the others are compared with: its dot is coloured, and a line runs through it.
    columns : int
        Panels side by side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If the panels name different things, a value is not a number, or the file cannot be written.

    Examples
    --------
    >>> from nnpg.analysis.statistics import Interval
    >>> values = {"ours": Interval(0.4, 0.3, 0.5), "random": Interval(0.1, 0.0, 0.2)}
    >>> figure = interval_plot([Measured("area", values, "share")], columns=1, highlight="ours")
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['ours', 'random']
    """
    panels, columns = checked_panels(panels, Measured), as_count(columns, "columns")
    for panel in panels:
        where = f"panel {panel.title!r}, values"
        for name, interval in as_mapping(panel.values, where, "name to Interval").items():
            as_like(interval, IntervalLike, f"{where} {name!r}")
            as_number(interval.value, f"{where} {name!r}")
            as_numbers([interval.low, interval.high], f"{where} {name!r}", "an interval")
    names = list(panels[0].values)
    for panel in panels:
        if list(panel.values) != names or not names:
            first = ", ".join(names) or "nothing"
            raise ValueError(f"panel {panel.title!r} must name what the first panel names: {first}")
    if highlight is not None:
        as_choice(highlight, "highlight", names)
    lines, columns, width = arrangement(len(panels), columns)
    with drawing(path, width, lines * (0.62 + 0.17 * len(names)), layout="constrained") as figure:
        axes = panel_axes(figure, len(panels), columns, sharey=True)
        for n, (ax, panel) in enumerate(zip(axes, panels, strict=True)):
            for row, (name, v) in enumerate(panel.values.items()):
                colour = COLOURS[1] if name == highlight else COLOURS[0]
                if np.isfinite([v.low, v.high]).all():
                    ax.plot([v.low, v.high], [row, row], color=colour, linewidth=1.2, solid_capstyle="butt")
                ax.plot(v.value, row, color=colour, marker="D" if name == highlight else "o", markersize=4)
                if name == highlight:
                    ax.axvline(v.value, color=GREY, linewidth=0.6, linestyle=(0, (2, 2)), zorder=0)
            ax.grid(visible=True, axis="x")
            ax.grid(visible=False, axis="y")
            below = panels[n + columns].xlabel if n + columns < len(panels) else ""  # written once per column
            ax.set(title=panel.title, ylim=(len(names) - 0.5, -0.5))
            ax.set_xlabel("" if below == panel.xlabel else panel.xlabel)
            ax.set_yticks(range(len(names)), names)
        if highlight is not None:
            for ax in axes[::columns]:
                ax.get_yticklabels()[names.index(highlight)].set_fontweight("bold")
    return figure


@dataclass(frozen=True, eq=False)
class Pairs:
    """One set of axes: `y` against `x`, arrays of the same size."""

    title: str
    x: npt.ArrayLike
    y: npt.ArrayLike


def scatter_panels(
    panels: Sequence[Pairs],
    path: str | Path | None = None,
    *,
    xlabel: str,
    ylabel: str,
    columns: int = 3,
) -> Figure:
    """Draw dots and the line y = x; every panel shows the same range of both axes.

    Parameters
    ----------
    panels : sequence of Pairs
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    xlabel, ylabel : str
    columns : int
        Panels side by side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If there is nothing to draw, sizes differ, a number is not finite, or the file cannot be written.

    Examples
    --------
    >>> figure = scatter_panels([Pairs("same", [0.0, 1.0], [0.0, 1.0])], xlabel="a", ylabel="b")
    >>> figure.axes[0].lines[0].get_xdata()
    array([0., 1.])
    """
    panels, columns = checked_panels(panels, Pairs), as_count(columns, "columns")
    as_text(xlabel, "xlabel")
    as_text(ylabel, "ylabel")
    data = [(_flat(panel.x, panel, "x"), _flat(panel.y, panel, "y")) for panel in panels]
    for panel, (x, y) in zip(panels, data, strict=True):
        if x.shape != y.shape or x.size == 0:
            raise ValueError(f"panel {panel.title!r}: x and y must be pairs, at least one, not {x.size} and {y.size}")
    low, high = min(a.min() for pair in data for a in pair), max(a.max() for pair in data for a in pair)
    rim = 0.03 * (high - low or 1.0)
    lines, columns, width = arrangement(len(panels), columns)
    with drawing(path, width, lines * (width / columns + 0.25), layout="constrained") as figure:
        axes = panel_axes(figure, len(panels), columns)
        for n, (ax, panel, (x, y)) in enumerate(zip(axes, panels, data, strict=True)):
            ax.plot(x, y, "o", color=COLOURS[0], markersize=1.6, markeredgewidth=0, alpha=0.45, rasterized=True)
            ends = (low - rim, high + rim)
            ax.plot(ends, ends, color=GREY, linewidth=0.7, linestyle=(0, (3, 2)), zorder=0)
            ax.set(xlim=ends, ylim=ends, title=panel.title, xlabel=xlabel, aspect="equal")
            ax.set_ylabel(ylabel if n % columns == 0 else "")
    return figure


def _flat(values: npt.ArrayLike, panel: Pairs, axis: str) -> Array:
    array = as_numbers(values, f"panel {panel.title!r}: {axis}", "an array", finite=True)
    return array.ravel().astype(np.float64)
