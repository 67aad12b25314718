"""A quantity that grows or shrinks from layer to layer, such as the gain of a change, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.style import COLOURS, COLUMN, MARKERS, PAGE, SMALL, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Depth:
    """One network: the names of its layers, and for each series one positive number a layer; NaN leaves a gap."""

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
    if not panels or columns < 1:
        raise ValueError(f"depth_curves needs at least one panel and one column, not {len(panels)} and {columns}")
    for panel in panels:
        for name, values in panel.series.items():
            v = np.asarray(values, np.float64)
            if v.shape != (len(panel.layers),) or not (v[~np.isnan(v)] > 0).all():
                raise ValueError(f"panel {panel.title!r}, series {name!r}: expected a positive number for each layer")
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    columns = min(columns, len(panels))
    lines = -(-len(panels) // columns)
    longest = max(len(name) for panel in panels for name in panel.layers)
    width = COLUMN if columns == 1 else PAGE
    with drawing(path, width, 0.3 + lines * (1.75 + 0.06 * longest), layout="constrained") as figure:
        grid = figure.subplots(lines, columns, sharey=True, squeeze=False).ravel()
        for ax, panel in zip(grid, panels, strict=False):
            for name, values in panel.series.items():
                i = names.index(name)
                ax.plot(np.asarray(values), label=name, color=COLOURS[i], marker=MARKERS[i], markersize=3, mew=0)
            ax.set(title=panel.title, yscale="log")
            ax.set_xticks(range(len(panel.layers)), panel.layers, rotation=90)
            ax.tick_params(labelsize=SMALL, labelleft=True)
        for ax in grid[len(panels) :]:
            ax.remove()
        figure.supylabel(ylabel, size=8)
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(names))
    return figure
