"""A small network as a diagram: every unit, weight and bias."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.plots.checks import as_two
from nnpg.plots.style import COLOURS, COLUMN, GREY, INK, NORMAL, SMALL, canvas, drawing
from nnpg.support.arguments import as_names, as_numbers, as_sequence
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# inches: radius of a unit, length of the arrow of a bias, between units of a layer
_UNIT, _BIAS, _APART = 0.17, 0.27, 0.85


def wiring_diagram(
    layers: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]],
    path: str | Path | None = None,
    *,
    names: Sequence[Sequence[str]],
) -> Figure:
    """Draw inputs and units as circles, a line for each weight with its number on it, an arrow below for each bias.

    Parameters
    ----------
    layers : sequence of (W, b)
        W (units, units before), b (units,) of each layer, from the first to the last. Weights of 0 are not drawn;
        negative ones are dashed.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    names : a sequence of strings for the inputs, and one for each layer's units

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If shapes or names do not fit, or the file cannot be written.

    Examples
    --------
    >>> figure = wiring_diagram([([[1.0, -1.0]], [-0.5])], names=[["x1", "x2"], ["y"]])
    >>> sorted(text.get_text() for text in figure.axes[0].texts if text.get_text())
    ['1', 'x1', 'x2', 'y', '−0.5', '−1']
    """
    weights = [_layer(layer) for layer in as_sequence(layers, "layers", "(W, b)")]
    names = [as_names(layer_names, "names") for layer_names in as_sequence(names, "names", "lists of strings")]
    sizes = [len(layer_names) for layer_names in names]
    if not weights or [(n, m) for m, n in pairwise(sizes)] != [W.shape for W, _ in weights]:
        raise ValueError(f"names of {sizes} inputs and units do not fit weights {[W.shape for W, _ in weights]}")
    if any(b.shape != W.shape[:1] for W, b in weights):
        raise ValueError("each layer needs one bias per unit")
    height = _APART * max(sizes) + 0.1
    step = (COLUMN - 0.75) / len(weights)
    with drawing(path, COLUMN, height) as figure:
        ax = canvas(figure)
        centres = [
            [(0.25 + column * step, height / 2 - 0.04 + (row - (n - 1) / 2) * _APART) for row in range(n)]
            for column, n in enumerate(sizes)
        ]
        for column, (W, b) in enumerate(weights):
            for u, end in enumerate(centres[column + 1]):
                for v, start in enumerate(centres[column]):
                    _weight(ax, start, end, float(W[u, v]), 0.30 if v % 2 == u % 2 else 0.36)
                _bias(ax, end, float(b[u]))
        for layer_centres, layer_names in zip(centres, names, strict=True):
            for (x, y), name in zip(layer_centres, layer_names, strict=True):
                ax.plot(x, y, "o", markersize=2 * _UNIT * 72, markerfacecolor="white", markeredgecolor=INK, zorder=4)
                ax.text(x, y, name, size=NORMAL, ha="center", va="center_baseline", zorder=5)
    return figure


def _layer(layer: tuple[npt.ArrayLike, npt.ArrayLike]) -> tuple[Array, Array]:
    """Return W (units, units before) and b (units,)."""
    W, b = as_two(layer, "layers", "a list of (W, b)")
    W = as_numbers(W, "layers: W", "an array (units, units before)", ndim=2, finite=True)
    b = as_numbers(b, "layers: b", "an array (units,)", ndim=1, finite=True)
    return W.astype(np.float64), b.astype(np.float64)


def _weight(ax: Axes, start: tuple[float, float], end: tuple[float, float], weight: float, along: float) -> None:
    if weight == 0:
        return
    colour, dash = (COLOURS[0], "-") if weight > 0 else (COLOURS[1], (0, (4, 1.5)))
    ax.plot(*zip(start, end, strict=True), color=colour, linestyle=dash, linewidth=1.2, zorder=1)
    x, y = (a + along * (b - a) for a, b in zip(start, end, strict=True))
    ax.text(x, y, _number(weight), size=SMALL, color=colour, ha="center", va="center_baseline", zorder=3,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})  # fmt: skip


def _bias(ax: Axes, unit: tuple[float, float], bias: float) -> None:
    x, y = unit
    ax.annotate("", (x, y + _UNIT), (x, y + _UNIT + _BIAS), arrowprops={"arrowstyle": "->", "color": GREY, "lw": 0.8})
    ax.text(x + 0.05, y + _UNIT + _BIAS - 0.05, _number(bias), size=SMALL, color=GREY, va="center_baseline")


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−")
