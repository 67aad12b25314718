"""What small filters do to a picture: each output above the filter's own numbers (Lo 2016, Fig. 2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.style import COLUMN, FAINT, SMALL, canvas, drawing, place_image, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN, _GAP, _TEXT = 0.06, 0.12, 0.13  # inches


def filter_gallery(
    kernels: Mapping[str, npt.ArrayLike],
    outputs: npt.ArrayLike,
    path: str | Path | None = None,
    *,
    columns: int = 3,
) -> Figure:
    """Draw what each filter makes of a picture, and the filter's numbers below.

    Parameters
    ----------
    kernels : mapping
        kernels["blur"] is an array (I, J).
    outputs : array (F, H, W)
        One for each filter; each grey from its lowest (black) to its highest (white).
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    columns : int
        Filters side by side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If numbers of filters and outputs differ, or the file cannot be written.

    Examples
    --------
    >>> figure = filter_gallery({"identity": [[0, 1, 0]], "blur": [[1 / 3] * 3]}, np.zeros((2, 4, 4)))
    >>> [text.get_text() for text in figure.axes[0].texts][:4]
    ['identity', '0', '1', '0']
    """
    o = np.asarray(outputs, np.float64)
    numbers = {name: np.asarray(kernel, np.float64) for name, kernel in kernels.items()}
    if o.ndim != 3 or len(o) != len(numbers) or len(o) == 0 or columns < 1:
        raise ValueError(f"{len(numbers)} filters need outputs ({len(numbers)}, H, W), not {o.shape}, and one column")
    flat = [name for name, kernel in numbers.items() if kernel.ndim != 2]
    if flat:
        raise ValueError(f"filter {flat[0]!r} must be an array (I, J), not {numbers[flat[0]].shape}")
    from matplotlib.patches import Rectangle

    columns = min(columns, len(o))
    lines = -(-len(o) // columns)
    cell = (COLUMN - 2 * _MARGIN + _GAP) / columns - _GAP
    tall = cell * o.shape[1] / o.shape[2]
    block = 0.17 + tall + 0.05 + _TEXT * max(len(kernel) for kernel in numbers.values()) + _GAP
    with drawing(path, COLUMN, _MARGIN + lines * block) as figure:
        ax = canvas(figure)
        for n, (name, kernel) in enumerate(numbers.items()):
            left, top = _MARGIN + n % columns * (cell + _GAP), _MARGIN + n // columns * block
            ax.text(left + cell / 2, top + 0.12, name, size=SMALL, weight="bold", ha="center")
            ends = {"vmin": o[n].min(), "vmax": o[n].max() if np.ptp(o[n]) else o[n].min() + 1}
            place_image(ax, o[n], left, top + 0.17, cell, tall, cmap="gray", **ends)
            ax.add_patch(Rectangle((left, top + 0.17), cell, tall, fill=False, edgecolor=FAINT, linewidth=0.5))
            words = [[_number(value) for value in line] for line in kernel]
            step = max(text_width(word) for line in words for word in line) + 0.08
            right = left + cell / 2 + step * (kernel.shape[1] - 1) / 2 + step / 2 - 0.04
            for i, line in enumerate(words):
                for j, word in enumerate(reversed(line)):
                    at = top + 0.17 + tall + 0.05 + (i + 0.75) * _TEXT
                    ax.text(right - j * step, at, word, size=SMALL, ha="right")
    return figure


def _number(value: float) -> str:
    """As people write it: whole, or as one over something.

    Examples
    --------
    >>> _number(-4.0), _number(1 / 9), _number(0.3)
    ('−4', '1/9', '0.3')
    """
    if value != 0 and abs(value) < 1 and abs(1 / value - round(1 / value)) < 1e-6:
        return f"{'−' if value < 0 else ''}1/{abs(round(1 / value))}"
    return f"{value:.3g}".replace("-", "−")
