"""A table as a picture: numbers in cells whose colour is the number, and a reference below each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.style import COLUMN, INK, PAGE, SMALL, drawing, text_width, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL, _WIDE = 0.36, 0.78  # inches: height, and width unless the page asks for less


def cell_map(
    values: npt.ArrayLike,
    path: str | Path | None = None,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    words: Sequence[Sequence[str]],
    framed: npt.ArrayLike | None = None,
    label: str = "",
    limits: tuple[float, float] = (0.0, 1.0),
) -> Figure:
    """Draw a matrix of numbers, such as the error of each network on the images made for each other one.

    Parameters
    ----------
    values : array (R, C)
        What the colours show; NaN leaves a cell white.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    rows, columns : R and C strings
    words : R rows of C strings
        What is written in the cells; lines parted by a newline.
    framed : array (R, C), bool, optional
        Cells to put a frame around.
    label : str
        What numbers and frames are, below the picture.
    limits : (lowest, highest)
        Ends of the colours.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If shapes do not fit, or the file cannot be written.

    Examples
    --------
    >>> figure = cell_map(np.eye(2), rows=["a", "b"], columns=["x", "y"], words=[["1", "0"], ["0", "1"]])
    >>> len(figure.axes[0].texts)
    4
    """
    m = np.asarray(values, np.float64)
    frames = np.zeros(m.shape, bool) if framed is None else np.asarray(framed, bool)
    if m.ndim != 2 or m.size == 0 or (len(rows), len(columns)) != m.shape or frames.shape != m.shape:
        raise ValueError(f"values {m.shape} must be (R, C), with {len(rows)} rows and {len(columns)} columns named")
    if [len(own) for own in words] != [m.shape[1]] * m.shape[0]:
        raise ValueError(f"words must be {m.shape[0]} rows of {m.shape[1]}")
    R, C = m.shape
    left = max(text_width(name) for name in rows) + 0.2
    width = COLUMN if left + C * 0.62 + 0.1 <= COLUMN else PAGE
    cell = min(_WIDE, (width - left - 0.1) / C)
    lines = [line for part in label.split("\n") if part for line in wrapped(part, width - 0.12)]
    top, bottom = 0.28, 0.1 + 0.13 * len(lines)
    height = top + R * _CELL + bottom
    with drawing(path, width, height) as figure:
        from matplotlib import colormaps
        from matplotlib.patches import Rectangle

        shape = (left / width, bottom / height, C * cell / width, R * _CELL / height)
        ax = figure.add_axes(shape, xlim=(0, C), ylim=(R, 0))
        share = np.clip((m - limits[0]) / (limits[1] - limits[0]), 0, 1)
        colours = colormaps["Blues"](0.85 * np.nan_to_num(share) + 0.03)
        colours[np.isnan(m)] = 1
        ax.imshow(colours, extent=(0, C, R, 0), aspect="auto")
        for r in range(R):
            for c in range(C):
                ink = "white" if share[r, c] > 0.7 else INK
                ax.text(c + 0.5, r + 0.5, words[r][c], size=SMALL, ha="center", va="center", color=ink)
                if frames[r, c]:
                    ax.add_patch(Rectangle((c + 0.04, r + 0.06), 0.92, 0.88, fill=False, edgecolor="#D55E00", lw=1.1))
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0, labeltop=True, labelbottom=False, labelsize=SMALL)
        ax.set_xticks(np.arange(C) + 0.5, columns)
        ax.set_yticks(np.arange(R) + 0.5, rows)
        for i, line in enumerate(lines):
            figure.text(0.06 / width, (bottom - 0.1 - 0.13 * i) / height, line, size=SMALL, va="center")
    return figure
