"""Matrices as pictures: who is taken for whom, step by step; how alike identities are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.style import COLUMN, NORMAL, PAGE, SMALL, drawing

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
        Of rows and columns; numbers from 1 unless given. Every third or so is written where there is no room for all.
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
    m = np.asarray(matrices, np.float64)
    if m.ndim != 3 or m.shape[1] != m.shape[2] or m.size == 0:
        raise ValueError(f"matrices must be an array (P, K, K), not {m.shape}")
    if not np.isfinite(m).all():
        raise ValueError("matrices hold NaN or infinity")
    P, K, _ = m.shape
    names = [str(c + 1) for c in range(K)] if labels is None else list(labels)
    if len(titles) != P or len(names) != K:
        given = f"{len(titles)} titles and {len(names)} labels"
        raise ValueError(f"{P} matrices of {K} classes need as many titles and labels, not {given}")
    low, high = limits if limits is not None else (float(m.min()), float(m.max()))
    columns = min(columns, P)
    lines = -(-P // columns)
    width = COLUMN if columns == 1 else PAGE
    side = (width - 0.9) / columns - 0.15 if columns > 1 else width - 1.1
    with drawing(path, width, lines * (side + 0.28) + 0.35, layout="constrained") as figure:
        grid = figure.subplots(lines, columns, squeeze=False)
        every = max(1, -(-K // int(side / 0.19)))
        for n, ax in enumerate(grid.ravel()):
            if n >= P:
                ax.remove()
                continue
            picture = ax.imshow(m[n], cmap="inferno", vmin=low, vmax=high)
            ax.grid(visible=False)
            ax.set_title(titles[n])
            ax.set_xticks(range(0, K, every), names[::every], rotation=90 if labels is not None else 0)
            ax.set_yticks(range(0, K, every), names[::every])
            ax.tick_params(labelleft=n % columns == 0, labelbottom=n + columns >= P, labelsize=SMALL)
        figure.supylabel(rows, size=NORMAL)
        figure.supxlabel(columns_are, size=NORMAL)
        bar = figure.colorbar(picture, ax=list(grid.ravel()[:P]), fraction=0.03, aspect=30)
        bar.set_label(value)
        bar.outline.set_linewidth(0.4)
    return figure
