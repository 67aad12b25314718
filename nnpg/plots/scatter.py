"""Two numbers for each thing, against each other, with the line on which they are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.style import COLOURS, COLUMN, GREY, PAGE, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    """Draw dots and the line y = x, the same square of the plane in every panel.

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
    if not panels or columns < 1:
        raise ValueError(f"scatter_panels needs at least one panel and one column, not {len(panels)} and {columns}")
    data = [(np.ravel(panel.x).astype(np.float64), np.ravel(panel.y).astype(np.float64)) for panel in panels]
    for panel, (x, y) in zip(panels, data, strict=True):
        if x.shape != y.shape or x.size == 0 or not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ValueError(f"panel {panel.title!r}: expected pairs of finite numbers, not {x.size} and {y.size}")
    low, high = min(a.min() for pair in data for a in pair), max(a.max() for pair in data for a in pair)
    rim = 0.03 * (high - low or 1.0)
    columns = min(columns, len(panels))
    lines = -(-len(panels) // columns)
    width = COLUMN if columns == 1 else PAGE
    with drawing(path, width, lines * (width / columns + 0.25), layout="constrained") as figure:
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        for ax in grid[len(panels) :]:
            ax.remove()
        for n, (ax, panel, (x, y)) in enumerate(zip(grid, panels, data, strict=False)):
            ax.plot(x, y, "o", color=COLOURS[0], markersize=1.6, markeredgewidth=0, alpha=0.45, rasterized=True)
            ends = (low - rim, high + rim)
            ax.plot(ends, ends, color=GREY, linewidth=0.7, linestyle=(0, (3, 2)), zorder=0)
            ax.set(xlim=ends, ylim=ends, title=panel.title, xlabel=xlabel, aspect="equal")
            ax.set_ylabel(ylabel if n % columns == 0 else "")
    return figure
