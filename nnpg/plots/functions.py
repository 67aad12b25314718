"""Functions of one number as curves, and of two numbers as regions of a plane (Lo 2016, Fig. 2.2 and 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnpg.plots.checks import arrays_by_name, as_two, checked_panels
from nnpg.plots.style import (
    COLOURS,
    COLUMN,
    DASHES,
    INK,
    NORMAL,
    PAGE,
    arrangement,
    drawing,
    panel_axes,
)
from nnpg.support.arguments import (
    as_count,
    as_function,
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
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def function_panels(
    x: npt.ArrayLike,
    panels: Mapping[str, Mapping[str, npt.ArrayLike]],
    path: str | Path | None = None,
    *,
    xlabel: str = "z",
    columns: int = 4,
) -> Figure:
    """Draw one set of axes for each function, all to the same scale; a jump leaves a gap.

    Parameters
    ----------
    x : array (T,)
        Ascending.
    panels : mapping
        panels["tanh"]["f(z)"] is an array (T,).
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    xlabel : str
    columns : int
        Panels side by side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If there is nothing to draw, shapes do not fit, or the file cannot be written.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 5)
    >>> figure = function_panels(x, {"step": {"f(z)": x > 0}}, columns=1)
    >>> figure.axes[0].lines[-1].get_ydata()[[0, 2, 3, 4]]
    array([ 0.,  0., nan,  1.])
    """
    z = as_numbers(x, "x", "an ascending array (T,)", ndim=1, finite=True).astype(np.float64)
    if z.size == 0 or (np.diff(z) < 0).any():
        raise ValueError(f"x must be at least one number, ascending, not {described(x)}")
    expected = f"an array ({z.size},), one for each x,"
    data = {
        title: arrays_by_name(curves, f"panels {title!r}", expected, ndim=1, finite=True)
        for title, curves in as_mapping(panels, "panels", "title to curves").items()
        if curves or not isinstance(curves, Mapping)
    }
    if not data:
        raise ValueError("panels must hold at least one panel with a curve, not none")
    for title, curves in data.items():
        for label, y in curves.items():
            if y.shape != z.shape:
                raise ValueError(f"panels {title!r}, {label!r} must be {expected} not {y.shape}")
    as_text(xlabel, "xlabel")
    columns = as_count(columns, "columns")
    labels = list(dict.fromkeys(label for curves in data.values() for label in curves))
    rows, columns, _ = arrangement(len(data), columns)
    with drawing(path, COLUMN if columns <= 2 else PAGE, 0.3 + 1.55 * rows, layout="constrained") as figure:
        axes = panel_axes(figure, len(data), columns, sharex=True, sharey=True)
        for n, (ax, (name, curves)) in enumerate(zip(axes, data.items(), strict=True)):
            for draw_axis in (ax.axhline, ax.axvline):
                draw_axis(0, color="#b0b0b0", linewidth=0.6, zorder=0)
            for label, y in curves.items():
                i = labels.index(label)
                ax.plot(
                    *_with_gaps(z, y), color=COLOURS[i % len(COLOURS)], linestyle=DASHES[i % len(DASHES)], label=label
                )
            ax.set(title=name, xlabel=xlabel if n + columns >= len(data) else "")
            ax.tick_params(labelbottom=n + columns >= len(data))
        if len(labels) > 1:
            first = {str(line.get_label()): line for ax in reversed(figure.axes) for line in ax.lines}
            figure.legend([first[label] for label in labels], labels, loc="outside upper right", ncols=len(labels))
    return figure


def _with_gaps(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the curve with a NaN wherever it jumps by a third of its range from one x to the next."""
    jumps = np.flatnonzero(abs(np.diff(y)) > np.ptp(y) / 3) + 1
    return np.insert(x, jumps, x[jumps]), np.insert(y, jumps, np.nan)


@dataclass(frozen=True, eq=False)
class Plane:
    """One set of axes.

    Parameters
    ----------
    title : str
    points : array (P, 2)
    filled : bool array (P,)
        Points of this kind are drawn filled.
    names : P strings
        Points that coincide share a label.
    answer : function of points (M, 2) -> array (M,), optional
        The plane is shaded where it is above 0.5.
    lines : sequence of (w, b)
        Draw w . x + b = 0.
    xlabel, ylabel : str
    """

    title: str
    points: npt.ArrayLike
    filled: npt.ArrayLike
    names: Sequence[str]
    answer: Callable[[Array], Array] | None = None
    lines: Sequence[tuple[npt.ArrayLike, float]] = ()
    xlabel: str = "x1"
    ylabel: str = "x2"


def plane_panels(panels: Sequence[Plane], path: str | Path | None = None, *, columns: int = 3) -> Figure:
    """Draw points of two kinds, lines, and the network's answer; panels side by side.

    Parameters
    ----------
    panels : sequence of Plane
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    columns : int
        Panels side by side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If there is nothing to draw, or points, kinds and names do not fit.

    Examples
    --------
    >>> figure = plane_panels([Plane("AND", [[0, 0], [1, 1]], [False, True], ["a", "b"], lines=[([1, 1], -1.5)])])
    >>> figure.axes[0].get_xlim() == (-0.6, 1.6), sorted(text.get_text() for text in figure.axes[0].texts)
    (True, ['a', 'b'])
    """
    panels, columns = [_checked(panel) for panel in checked_panels(panels, Plane)], as_count(columns, "columns")
    rows, columns, width = arrangement(len(panels), columns)
    with drawing(path, width, rows * (width / columns + 0.15), layout="constrained") as figure:
        for ax, panel in zip(panel_axes(figure, len(panels), columns), panels, strict=True):
            _plane(ax, panel)
    return figure


def _checked(panel: Plane) -> Plane:
    """Return a panel whose points, kinds and lines are arrays."""
    where = f"panel {panel.title!r}"
    names = as_names(panel.names, f"{where}: names")
    P = len(names)
    points = as_numbers(panel.points, f"{where}: points", f"an array ({P}, 2)", ndim=2, finite=True).astype(np.float64)
    filled = as_units(panel.filled, f"{where}: filled")
    if points.shape != (P, 2) or filled.shape != (P,) or P == 0:
        raise ValueError(
            f"{where}: {P} names need points ({P}, 2) and filled ({P},), not {points.shape} and {filled.shape}: "
            "give one for each"
        )
    if panel.answer is not None:
        as_function(panel.answer, f"{where}: answer", "answer(points)")
    lines = [_line(line, f"{where}: lines") for line in as_sequence(panel.lines, f"{where}: lines", "(w, b)")]
    return replace(panel, names=names, points=points, filled=filled, lines=lines)


def _line(line: Any, name: str) -> tuple[Array, float]:
    """Return w (2,), which is not 0, and b."""
    w, b = as_two(line, name, "a list of (w, b)")
    normal = as_numbers(w, f"{name}: w", "an array (2,)", ndim=1, finite=True).astype(np.float64)
    if normal.shape != (2,) or not normal.any():
        raise ValueError(f"{name}: w must be two numbers, not both 0, not {described(w)}")
    return normal, as_number(b, f"{name}: b")


def _plane(ax: Axes, panel: Plane) -> None:
    from matplotlib.ticker import MaxNLocator

    points, filled = np.asarray(panel.points), np.asarray(panel.filled)
    reach = 0.6 * max(float(np.ptp(points, axis=0).max()), 1.0)
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    if panel.answer is not None:
        u, v = (np.linspace(low[axis], high[axis], 241) for axis in (0, 1))
        plane = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
        answers = as_numbers(panel.answer(plane), f"panel {panel.title!r}: answer(points)", "an array (M,)", ndim=1)
        if answers.shape != (len(plane),):
            raise ValueError(f"panel {panel.title!r}: answer(points) must be {len(plane)} numbers, not {answers.shape}")
        shade = (answers > 0.5).reshape(241, 241)
        extent = (low[0], high[0], low[1], high[1])
        ax.imshow(np.where(shade[..., None], (0.74, 0.84, 0.92), 1.0), extent=extent, origin="lower", zorder=0)
    for n, (w, b) in enumerate(panel.lines):
        (a, c), colour = np.asarray(w), COLOURS[(1, 2)[n % 2]]
        foot = -b * np.array([a, c]) / (a * a + c * c)  # the point of the line nearest to 0
        along = np.array([-c, a]) / np.hypot(a, c) * (np.hypot(*foot) + np.hypot(*(high - low)) + np.hypot(*low))
        ax.plot(*np.stack([foot - along, foot + along], axis=1), color=colour, linewidth=1.1)
    for place in np.unique(points, axis=0):
        equal = (points == place).all(axis=1)
        inner = INK if filled[equal][0] else "white"
        ax.plot(*place, "o", markersize=6, markerfacecolor=inner, markeredgecolor=INK, zorder=4)
        label = ", ".join(name for name, is_equal in zip(panel.names, equal, strict=True) if is_equal)
        ax.annotate(label, place, (5, 5), textcoords="offset points", size=NORMAL, zorder=5)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), title=panel.title, aspect="equal")
    ax.set(xlabel=panel.xlabel, ylabel=panel.ylabel)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=True))
    ax.grid(visible=False)
