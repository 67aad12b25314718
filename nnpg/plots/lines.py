"""Curves over any x, a line for each name (Lo & Ding 2015, Fig. 6 and 8), and over the layers of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnpg.plots.checks import arrays_by_name, as_two, checked_panels, series_names
from nnpg.plots.style import (
    COLOURS,
    GREY,
    MARKERS,
    NORMAL,
    SMALL,
    arrangement,
    drawing,
    legend_columns,
    line_look,
    panel_axes,
    share_labels,
)
from nnpg.support.arguments import as_count, as_ends, as_flag, as_names, as_number, as_numbers, as_text, described

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORDS_WIDTH, WORDS_HEIGHT = 0.25, 0.09  # of the axes, that the words of a level take


@dataclass(frozen=True, eq=False)
class Lines:
    """One set of axes.

    Parameters
    ----------
    title : str
    x : array (E,)
    series : mapping
        series["dog"] is an array (E,) of fractions, or of positive numbers in a logarithmic scale; NaN leaves a gap.
    xlabel, ylabel : str
    level : (float, str), optional
        A value to mark, and what it is.
    span : (low, high), optional
        A range of x to shade, such as where the paper found its optimum.
    """

    title: str
    x: npt.ArrayLike
    series: Mapping[str, npt.ArrayLike]
    xlabel: str
    ylabel: str
    level: tuple[float, str] | None = None
    span: tuple[float, float] | None = None


def line_panels(
    panels: Sequence[Lines],
    path: str | Path | None = None,
    *,
    columns: int = 2,
    top: float | None = 1.0,
    logarithmic: bool = False,
) -> Figure:
    """Draw fractions over x, panels side by side; a name has the same colour in every panel.

    Parameters
    ----------
    panels : sequence of Lines
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    columns : int
        Panels side by side.
    top : float, optional
        Upper end of the axes; None for the next whole tenth above the highest value.
    logarithmic : bool
        Draw positive numbers of any size over positive x, both in a logarithmic scale; `top` is then not used.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If there is nothing to draw, shapes do not fit, a value is not a fraction (or, in a logarithmic scale, not
        positive), or the file cannot be written.

    Examples
    --------
    >>> figure = line_panels([Lines("A", [0, 1], {"dog": [0.1, 0.9]}, "eta", "success")], columns=1)
    >>> figure.axes[0].lines[0].get_ydata()
    array([0.1, 0.9])
    >>> errors = Lines("a derivative", [1e-6, 1e-3], {"central": [1e-11, 1e-7]}, "step", "error")
    >>> line_panels([errors], logarithmic=True).axes[0].get_xscale()
    'log'
    """
    logarithmic = as_flag(logarithmic, "logarithmic")
    panels = [_checked(panel, logarithmic) for panel in checked_panels(panels, Lines)]
    columns, top = as_count(columns, "columns"), None if top is None else as_number(top, "top", above=0)
    from matplotlib.lines import Line2D
    from matplotlib.ticker import PercentFormatter

    if top is None:
        highest = max(np.nanmax([*np.ravel(y), 0.0]) for panel in panels for y in panel.series.values())
        top = min(1.0, float(np.floor(10 * highest) + 1) / 10)
    names = series_names(panel.series for panel in panels)
    rows, columns, width = arrangement(len(panels), columns)
    label_columns = legend_columns(names, width)
    height = 0.35 + 2.1 * rows + 0.15 * -(-len(names) // label_columns)
    with drawing(path, width, height, layout="constrained") as figure:
        shared = len({(np.min(panel.x), np.max(panel.x)) for panel in panels}) == 1
        axes = panel_axes(figure, len(panels), columns, sharey=True, sharex=shared)
        for ax, panel in zip(axes, panels, strict=True):
            if panel.span is not None:
                ax.axvspan(*panel.span, color=GREY, alpha=0.12, linewidth=0)
            if panel.level is not None:
                value, label = panel.level
                ax.axhline(value, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
                end = 0 if logarithmic else _free_end(panel, value, top)
                ax.annotate(label, (end, value), (3 - 6 * end, 2), xycoords=("axes fraction", "data"), size=SMALL,
                            textcoords="offset points", ha="right" if end else "left", color=GREY)  # fmt: skip
            spacing = -(-np.size(panel.x) // 20)  # markers do not touch each other
            for name, values in panel.series.items():
                y = np.asarray(values, np.float64)
                ax.plot(panel.x, y, zorder=3, markevery=spacing, **line_look(names.index(name)))
            ax.set(title=panel.title, xlabel=panel.xlabel, ylabel=panel.ylabel)
            if logarithmic:
                ax.set(xscale="log", yscale="log")
                continue
            ax.set_ylim(0, 1.02 * top)
            ax.yaxis.set_major_formatter(PercentFormatter(1))
        share_labels(axes, columns)
        if len(names) > 1:
            handles = [Line2D([], [], **line_look(i)) for i in range(len(names))]
            figure.legend(
                handles, names, loc="outside upper left", ncols=label_columns, handlelength=2, columnspacing=1.2
            )
    return figure


def _free_end(panel: Lines, value: float, top: float) -> int:
    """Return 0 or 1: the left end of a level, or the right one if fewer curves run through the words there."""
    x = np.asarray(panel.x, np.float64)
    share = (x - x.min()) / (np.ptp(x) or 1.0)
    curves = np.array(list(panel.series.values()), np.float64)
    behind = (curves > value - 0.01 * top) & (curves < value + WORDS_HEIGHT * top)  # of the words
    left, right = (behind[:, part].any(axis=1).sum() for part in (share <= WORDS_WIDTH, share >= 1 - WORDS_WIDTH))
    return int(right < left)


def _checked(panel: Lines, logarithmic: bool) -> Lines:
    """Return a panel whose x and series are arrays."""
    where = f"panel {panel.title!r}"
    x = as_numbers(panel.x, f"{where}: x", "an array (E,)", ndim=1, finite=True)
    series = arrays_by_name(panel.series, f"{where}: series", f"an array ({x.size},)", ndim=1)
    if not series or x.size == 0:
        raise ValueError(f"{where} must hold at least one line and one x, not {len(series)} and {x.size}")
    for name, y in series.items():
        if y.shape != x.shape:
            raise ValueError(f"{where}, {name!r}: expected {x.size} values, one for each x, not {y.shape}")
        if logarithmic:
            if not ((y > 0) & np.isfinite(y) | np.isnan(y)).all() or not (x > 0).all():
                raise ValueError(
                    f"{where}, {name!r}: a logarithmic scale takes positive numbers over positive x, not "
                    f"{described(panel.series[name])} over {described(panel.x)}"
                )
        elif not ((y >= 0) & (y <= 1) | np.isnan(y)).all():
            raise ValueError(f"{where}, {name!r}: expected fractions in 0 .. 1, not {described(panel.series[name])}")
    if panel.span is not None:
        as_ends(panel.span, f"{where}: span")
    if panel.level is not None:
        level, label = as_two(panel.level, f"{where}: level", "(value, words)")
        as_number(level, f"{where}: level")
        as_text(label, f"{where}: words of the level")
    return replace(panel, x=x, series=series)


@dataclass(frozen=True, eq=False)
class Depth:
    """One network: the names of its layers, and for each series one positive number per layer; NaN leaves a gap."""

    title: str
    layers: Sequence[str]
    series: Mapping[str, npt.ArrayLike]


def depth_curves(
    panels: Sequence[Depth], path: str | Path | None = None, *, ylabel: str = "gain", columns: int = 2
) -> Figure:
    """Draw series against depth, a panel for each network, in one logarithmic scale.

    Parameters
    ----------
    panels : sequence of Depth
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    ylabel : str
    columns : int
        Panels side by side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If there is nothing to draw, a number is not positive, or the file cannot be written.

    Examples
    --------
    >>> figure = depth_curves([Depth("a net", ["dense1", "tanh1"], {"bound": [10.0, 10.0]})])
    >>> figure.axes[0].get_yscale()
    'log'
    """
    as_text(ylabel, "ylabel")
    panels, columns = checked_panels(panels, Depth), as_count(columns, "columns")
    for panel in panels:
        where = f"panel {panel.title!r}, series"
        L = len(as_names(panel.layers, f"panel {panel.title!r}, layers"))
        for name, v in arrays_by_name(panel.series, where, f"an array ({L},)", ndim=1).items():
            if L == 0 or v.shape != (L,) or not ((v > 0) & (v < np.inf) | np.isnan(v)).all():
                raise ValueError(
                    f"{where} {name!r} must be {L} positive numbers, one for each layer, not "
                    f"{described(panel.series[name])}"
                )
    names = series_names(panel.series for panel in panels)
    rows, columns, width = arrangement(len(panels), columns)
    longest = max(len(name) for panel in panels for name in panel.layers)
    with drawing(path, width, 0.3 + rows * (1.75 + 0.06 * longest), layout="constrained") as figure:
        axes = panel_axes(figure, len(panels), columns, sharey=True)
        for ax, panel in zip(axes, panels, strict=True):
            for name, values in panel.series.items():
                i = names.index(name)
                look: dict[str, Any] = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
                ax.plot(np.asarray(values), label=name, markersize=3, mew=0, **look)
            ax.set(title=panel.title, yscale="log")
            ax.set_xticks(range(len(panel.layers)), panel.layers, rotation=90)
            ax.tick_params(labelsize=SMALL, labelleft=True)
        figure.supylabel(ylabel, size=NORMAL)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(names))
    return figure
