"""Histograms side by side, with their moments: how gradients spread (Lo & Ding 2015, Fig. 5b)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.style import COLOURS, GREY, PAGE, SMALL, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = tuple[Mapping[str, npt.ArrayLike], str]  # values by name, and what is written above

# red, green and blue of an image, dark enough to be told apart by everyone; other names take COLOURS in order
_OWN = {"red": "#D55E00", "green": "#009E73", "blue": "#0072B2"}


def histogram_grid(
    cells: Sequence[Sequence[Cell]],
    path: str | Path | None = None,
    *,
    row_labels: Sequence[str],
    centred: Sequence[bool] | None = None,
    bins: int = 41,
) -> Figure:
    """Draw a grid of histograms as outlines, one line for each name; a dotted line stands at 0.

    Parameters
    ----------
    cells : rows of (values by name, title)
        Values of any number; each cell has its own scale.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    row_labels : strings
        To the left of each row.
    centred : bools, one for each column, optional
        Whether its histograms reach as far below 0 as above; all do unless told.
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
    widths = {len(row) for row in cells}
    if len(widths) != 1 or 0 in widths or len(row_labels) != len(cells):
        raise ValueError(f"histogram_grid needs rows of one length with a label each, not {widths} cells a row")
    columns = widths.pop()
    middle = [True] * columns if centred is None else list(centred)
    data = [[({n: np.ravel(v).astype(float) for n, v in own.items()}, title) for own, title in row] for row in cells]
    if not all(v.size and np.isfinite(v).all() for row in data for own, _ in row for v in own.values()):
        raise ValueError("every histogram needs values, all of them finite")
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    names = list(dict.fromkeys(n for row in data for own, _ in row for n in own))
    colours = {n: _OWN.get(n, COLOURS[i % len(COLOURS)]) for i, n in enumerate(names)}
    with drawing(path, PAGE, 0.3 + 1.25 * len(cells), layout="constrained") as figure:
        grid = figure.subplots(len(cells), columns, squeeze=False)
        for line, label, row in zip(grid, row_labels, data, strict=True):
            for ax, (own, title), around in zip(line, row, middle, strict=True):
                every = np.concatenate(list(own.values()))
                reach = float(np.quantile(abs(every), 0.999)) or 1.0
                ends = (-reach, reach) if around else (float(every.min()), float(every.max()) or 1.0)
                for name, values in own.items():
                    counts, edges = np.histogram(np.clip(values, *ends), bins=bins, range=ends)
                    ax.stairs(counts / values.size, edges, color=colours[name], linewidth=1)
                if around:
                    ax.axvline(0, color=GREY, linewidth=0.8, linestyle=(0, (1, 1)), zorder=0)
                ax.set_title(title, size=SMALL, weight="normal", loc="center")
                ax.set_yticks([])
                ax.grid(visible=False)
                ax.xaxis.set_major_locator(MaxNLocator(3))
                ax.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
                ax.xaxis.get_offset_text().set_size(SMALL)
            line[0].set_ylabel(label)
        if len(names) > 1:
            handles = [Line2D([], [], color=colours[n]) for n in names]
            figure.legend(handles, names, loc="outside upper right", ncols=len(names), handlelength=1.5)
    return figure
