"""Curves of functions side by side, such as the activations and what backward multiplies by (Lo 2016, Fig. 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.style import COLOURS, COLUMN, DASHES, PAGE, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def function_panels(
    x: npt.ArrayLike,
    panels: Mapping[str, Mapping[str, npt.ArrayLike]],
    path: str | Path | None = None,
    *,
    xlabel: str = "z",
    columns: int = 4,
) -> Figure:
    """Draw one set of axes for each function, all to the same scale; a jump is left open.

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
    at = np.asarray(x, np.float64)
    curves = {
        name: {label: np.asarray(y, np.float64) for label, y in own.items()} for name, own in panels.items() if own
    }
    if not curves or columns < 1:
        raise ValueError("function_panels needs at least one panel with a curve, and one column")
    for name, own in curves.items():
        for label, y in own.items():
            if at.ndim != 1 or y.shape != at.shape or not np.isfinite(y).all():
                raise ValueError(
                    f"{name!r}, {label!r}: expected {at.size} finite numbers, one for each x, not {y.shape}"
                )
    labels = list(dict.fromkeys(label for own in curves.values() for label in own))
    columns = min(columns, len(curves))
    lines = -(-len(curves) // columns)
    with drawing(path, COLUMN if columns <= 2 else PAGE, 0.3 + 1.55 * lines, layout="constrained") as figure:
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for ax in grid[len(curves) :]:
            ax.remove()
        for n, (ax, (name, own)) in enumerate(zip(grid, curves.items(), strict=False)):
            for axis in (ax.axhline, ax.axvline):
                axis(0, color="#b0b0b0", linewidth=0.6, zorder=0)
            for label, y in own.items():
                i = labels.index(label)
                ax.plot(*_broken(at, y), color=COLOURS[i], linestyle=DASHES[i % len(DASHES)], label=label)
            ax.set(title=name, xlabel=xlabel if n + columns >= len(curves) else "")
            ax.tick_params(labelbottom=n + columns >= len(curves))
        if len(labels) > 1:
            first = {str(line.get_label()): line for ax in reversed(figure.axes) for line in ax.lines}
            figure.legend([first[label] for label in labels], labels, loc="outside upper right", ncols=len(labels))
    return figure


def _broken(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The curve with a NaN wherever it jumps by a third of its range from one x to the next."""
    jumps = np.flatnonzero(abs(np.diff(y)) > np.ptp(y) / 3) + 1
    return np.insert(x, jumps, x[jumps]), np.insert(y, jumps, np.nan)
