"""Points of two kinds in a plane, and how a network parts them: the XOR problem (Lo 2016, Fig. 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from nnpg.plots.style import COLOURS, COLUMN, INK, NORMAL, PAGE, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Plane:
    """One set of axes.

    Parameters
    ----------
    title : str
    points : array (P, 2)
    filled : bool array (P,)
        Which of the two kinds each point is.
    names : P strings
        Points that coincide share a label.
    answer : function of points (M, 2) -> array (M,), optional
        Where it is above 0.5 the plane is shaded.
    lines : sequence of (w, b)
        Draw w . x + b = 0.
    xlabel, ylabel : str
    """

    title: str
    points: npt.ArrayLike
    filled: npt.ArrayLike
    names: Sequence[str]
    answer: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    lines: Sequence[tuple[npt.ArrayLike, float]] = ()
    xlabel: str = "x1"
    ylabel: str = "x2"


def plane_panels(panels: Sequence[Plane], path: str | Path | None = None, *, columns: int = 3) -> Figure:
    """Draw points, lines and the network's answer, one plane beside the other.

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
    if not panels or columns < 1:
        raise ValueError(f"plane_panels needs at least one panel and one column, not {len(panels)} and {columns}")
    for panel in panels:
        shape, P = np.shape(panel.points), len(panel.names)
        if shape != (P, 2) or np.shape(panel.filled) != (P,) or P == 0:
            raise ValueError(f"panel {panel.title!r}: {P} names need points ({P}, 2) and as many kinds, not {shape}")
    columns = min(columns, len(panels))
    lines = -(-len(panels) // columns)
    width = COLUMN if columns == 1 else PAGE
    with drawing(path, width, lines * (width / columns + 0.15), layout="constrained") as figure:
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        for ax in grid[len(panels) :]:
            ax.remove()
        for ax, panel in zip(grid, panels, strict=False):
            _plane(ax, panel)
    return figure


def _plane(ax: Axes, panel: Plane) -> None:
    from matplotlib.ticker import MaxNLocator

    points, filled = np.asarray(panel.points, np.float64), np.asarray(panel.filled, bool)
    reach = 0.6 * max(float(np.ptp(points, axis=0).max()), 1.0)
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    if panel.answer is not None:
        u, v = (np.linspace(low[axis], high[axis], 241) for axis in (0, 1))
        plane = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
        shade = (panel.answer(plane) > 0.5).reshape(241, 241)
        extent = (low[0], high[0], low[1], high[1])
        ax.imshow(np.where(shade[..., None], (0.74, 0.84, 0.92), 1.0), extent=extent, origin="lower", zorder=0)
    for n, (w, b) in enumerate(panel.lines):
        (a, c), colour = np.asarray(w, np.float64), COLOURS[(1, 2)[n % 2]]
        foot = -b * np.array([a, c]) / (a * a + c * c)  # the point of the line nearest to 0
        along = np.array([-c, a]) / np.hypot(a, c) * (np.hypot(*foot) + np.hypot(*(high - low)) + np.hypot(*low))
        ax.plot(*np.stack([foot - along, foot + along], axis=1), color=colour, linewidth=1.1)
    for place in np.unique(points, axis=0):
        here = (points == place).all(axis=1)
        inner = INK if filled[here][0] else "white"
        ax.plot(*place, "o", markersize=6, markerfacecolor=inner, markeredgecolor=INK, zorder=4)
        words = ", ".join(name for name, own in zip(panel.names, here, strict=True) if own)
        ax.annotate(words, place, (5, 5), textcoords="offset points", size=NORMAL, zorder=5)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), title=panel.title, aspect="equal")
    ax.set(xlabel=panel.xlabel, ylabel=panel.ylabel)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=True))
    ax.grid(visible=False)
