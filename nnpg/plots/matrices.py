"""Tables as pictures: square matrices in one scale of colours, and cells with words in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.style import (
    COLUMN,
    INK,
    NORMAL,
    PAGE,
    SMALL,
    arrangement,
    drawing,
    panel_axes,
    text_width,
    wrapped,
)
from nnpg.support.arguments import as_count, as_ends, as_names, as_numbers, as_sequence, as_text, as_units

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def matrix_panels(
    matrices: npt.ArrayLike,
    path: str | Path | None = None,
    *,
    titles: Sequence[str],
    labels: Sequence[str] | None = None,
    rows: str = "true class",
    columns_are: str = "predicted class",
    value: str = "share of its images",
    limits: tuple[float, float] | None = None,
    columns: int = 4,
) -> Figure:
    """Draw square matrices side by side in one scale of colours, such as the confusion matrix after each knock-out.

    Parameters
    ----------
    matrices : array (P, K, K)
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    titles : P strings
    labels : K strings, optional
        Of rows and columns; numbers from 1 unless given. Where there is no room for all, some are left out.
    rows, columns_are, value : str
        What the axes and the colours are.
    limits : (lowest, highest), optional
        Ends of the colours; those of the matrices unless given.
    columns : int
        Panels side by side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If shapes, titles or labels do not fit, a number is NaN, or the file cannot be written.

    Examples
    --------
    >>> figure = matrix_panels(np.eye(3)[None], titles=["intact"])
    >>> figure.axes[0].get_title(loc="left"), len(figure.axes)     # and the colour bar
    ('intact', 2)
    """
    m = as_numbers(matrices, "matrices", "an array (P, K, K)", ndim=3, finite=True).astype(np.float64)
    if m.shape[1] != m.shape[2] or m.size == 0:
        raise ValueError(f"matrices must be an array (P, K, K), not {m.shape}")
    P, K, _ = m.shape
    titles = as_names(titles, "titles", P)
    names = tuple(str(c + 1) for c in range(K)) if labels is None else as_names(labels, "labels", K)
    low, high = (float(m.min()), float(m.max())) if limits is None else as_ends(limits, "limits")
    as_text(rows, "rows")
    as_text(columns_are, "columns_are")
    as_text(value, "value")
    columns = as_count(columns, "columns")
    lines, columns, width = arrangement(P, columns)
    side = (width - 0.9) / columns - 0.15 if columns > 1 else width - 1.1
    with drawing(path, width, lines * (side + 0.28) + 0.35, layout="constrained") as figure:
        axes = panel_axes(figure, P, columns)
        spacing = max(1, -(-K // int(side / 0.19)))
        for n, ax in enumerate(axes):
            picture = ax.imshow(m[n], cmap="inferno", vmin=low, vmax=high)
            ax.grid(visible=False)
            ax.set_title(titles[n])
            ax.set_xticks(range(0, K, spacing), names[::spacing], rotation=90 if labels is not None else 0)
            ax.set_yticks(range(0, K, spacing), names[::spacing])
            ax.tick_params(labelleft=n % columns == 0, labelbottom=n + columns >= P, labelsize=SMALL)
        figure.supylabel(rows, size=NORMAL)
        figure.supxlabel(columns_are, size=NORMAL)
        bar = figure.colorbar(picture, ax=axes, fraction=0.03, aspect=30)
        bar.set_label(value)
        bar.outline.set_linewidth(0.4)
    return figure


_CELL, _WIDE = 0.36, 1.4  # inches: height of a cell, and its width where there is room


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
        What is written in the cells; a newline starts a new line.
    framed : array (R, C), bool, optional
        Cells to put a frame around.
    label : str
        What numbers and frames mean; written below the cells.
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
    m = as_numbers(values, "values", "an array (R, C)", ndim=2).astype(np.float64)
    if m.size == 0:
        raise ValueError(f"values must be an array (R, C), not one of shape {m.shape}")
    R, C = m.shape
    rows, columns = as_names(rows, "rows", R), as_names(columns, "columns", C)
    words = [as_names(row, "words", C) for row in as_sequence(words, "words", f"{R} rows of {C} strings")]
    if len(words) != R:
        raise ValueError(f"words must be {R} rows of {C} strings, not {len(words)} rows")
    frames = np.zeros(m.shape, bool) if framed is None else as_units(framed, "framed")
    if frames.shape != m.shape:
        raise ValueError(f"framed must be an array ({R}, {C}) of True and False, not one of shape {frames.shape}")
    as_text(label, "label")
    lowest, highest = as_ends(limits, "limits")
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
        share = np.clip((m - lowest) / (highest - lowest), 0, 1)
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
