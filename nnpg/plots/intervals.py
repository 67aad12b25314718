"""Values with their intervals, side by side: which of several methods is better, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnpg.plots.style import COLOURS, COLUMN, GREY, PAGE, drawing
from nnpg.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    values: Mapping[str, Interval]
    xlabel: str


def interval_plot(
    panels: Sequence[Measured], path: str | Path | None = None, *, highlight: str | None = None, columns: int = 2
) -> Figure:
    """Draw values as dots and their intervals as lines, a name a row; all panels share the rows.

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
        If the panels name different things, a value is no number, or the file cannot be written.

    Examples
    --------
    >>> values = {"ours": Interval(0.4, 0.3, 0.5), "random": Interval(0.1, 0.0, 0.2)}
    >>> figure = interval_plot([Measured("area", values, "share")], columns=1, highlight="ours")
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['ours', 'random']
    """
    if not panels or columns < 1:
        raise ValueError(f"interval_plot needs at least one panel and one column, not {len(panels)} and {columns}")
    names = list(panels[0].values)
    for panel in panels:
        if list(panel.values) != names or not names:
            first = ", ".join(names) or "nothing"
            raise ValueError(f"panel {panel.title!r} must name what the first panel names: {first}")
        if not np.isfinite([v.value for v in panel.values.values()]).all():
            raise ValueError(f"panel {panel.title!r} holds a value that is no number")
    if highlight is not None and highlight not in names:
        raise ValueError(f"highlight must be one of {', '.join(names)}, not {highlight!r}")
    columns = min(columns, len(panels))
    lines = -(-len(panels) // columns)
    height = lines * (0.62 + 0.17 * len(names))
    with drawing(path, COLUMN if columns == 1 else PAGE, height, layout="constrained") as figure:
        grid = figure.subplots(lines, columns, sharey=True, squeeze=False).ravel()
        for ax in grid[len(panels) :]:
            ax.remove()
        for n, (ax, panel) in enumerate(zip(grid, panels, strict=False)):
            for row, (name, v) in enumerate(panel.values.items()):
                colour = COLOURS[1] if name == highlight else COLOURS[0]
                if np.isfinite([v.low, v.high]).all():
                    ax.plot([v.low, v.high], [row, row], color=colour, linewidth=1.2, solid_capstyle="butt")
                ax.plot(v.value, row, color=colour, marker="D" if name == highlight else "o", markersize=4)
                if name == highlight:
                    ax.axvline(v.value, color=GREY, linewidth=0.6, linestyle=(0, (2, 2)), zorder=0)
            ax.grid(visible=True, axis="x")
            ax.grid(visible=False, axis="y")
            below = panels[n + columns].xlabel if n + columns < len(panels) else ""  # once is enough
            ax.set(title=panel.title, ylim=(len(names) - 0.5, -0.5))
            ax.set_xlabel("" if below == panel.xlabel else panel.xlabel)
            ax.set_yticks(range(len(names)), names)
        if highlight is not None:
            for ax in grid[: len(panels) : columns]:
                ax.get_yticklabels()[names.index(highlight)].set_fontweight("bold")
    return figure
