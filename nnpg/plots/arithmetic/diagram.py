"""One number of a network as a picture: patch, kernel and products, forward and backward."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnpg.plots.arithmetic.patches import Patch, number_text, patch_of
from nnpg.plots.checks import as_like
from nnpg.plots.protocols import ExplanationLike, TermsLike
from nnpg.plots.style import COLOURS, FAINT, GREY, INK, NORMAL, PAGE, SMALL, canvas, drawing, place_shape, wrapped
from nnpg.support.tables import by_hand
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# inches: margin of the page, a line of text, between two patches (for the sign), the largest cell
_MARGIN, _LINE, _SIGN, _CELL = 0.12, 0.17, 0.32, 0.46
_TITLE = 1.4  # room for the title of a patch
_DECIMALS = ((0.38, 2), (0.27, 1))  # digits after the point, from this size of a cell on; smaller cells have no numbers
_LINES: dict[str, Any] = {"ha": "left", "va": "top"}


def arithmetic_diagram(explanation: ExplanationLike, path: str | Path | None = None) -> Figure:
    """Draw one number: its inputs times its kernel forward, the deltas times their slopes backward, and both sums.

    Of units in feature maps the map with the largest terms is drawn, cut to where there are terms; of other units the
    largest terms in a row. Blue is positive, orange negative, darker is larger in its patch.

    Parameters
    ----------
    explanation : Explanation
        As `nnpg.explain` returns.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        If it is no explanation, or the file cannot be written.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(3,), rng=0)
    >>> figure = arithmetic_diagram(nnpg.explain(net, [[1.0, 2.0, 3.0]], unit="dense1:0"))
    >>> float(figure.get_size_inches()[0])
    7.16
    """
    e = as_like(explanation, ExplanationLike, "explanation")
    parts = [_forward(e), _backward(e)]
    height = 2 * _MARGIN + sum(_height(lines, patch, ends) for lines, patch, _, _, ends in parts) + 0.1
    with drawing(path, PAGE, height) as figure:
        ax, top = canvas(figure), _MARGIN
        for lines, patch, names, products, ends in parts:
            _words(ax, top, lines, bold=True)
            below = top + _LINE * len(lines) + 0.06
            if patch is not None:
                below = _draw(ax, below, patch, names, products)
            _words(ax, below, ends)
            top += _height(lines, patch, ends) + 0.1
    return figure


Part = tuple[list[str], Patch | None, tuple[str, str], bool, list[str]]


def _forward(e: ExplanationLike) -> Part:
    if not e.is_unit:
        return [f"{e.name} = {number_text(e.value)}"], None, ("", ""), False, []
    scale = e.largest if e.inputs is None or e.constant is None else _scale(e.inputs) + abs(e.constant)
    lines = [f"forward: {e.name} = {number_text(by_hand(e.value, scale))}", *_wrapped(e.formula)]
    if e.inputs is None or not len(e.inputs.index):
        return lines, None, ("", ""), False, []
    patch = patch_of(e.inputs, e.constant is not None, e.largest)
    if e.constant is None:
        return lines, patch, ("x", "dy/dx"), False, _wrapped(e.substituted)
    sums = f"the products of this patch: {_sum_of(patch)}{patch.rest}"
    total = by_hand(e.inputs.total + e.constant, scale)
    words = f"constant: {number_text(e.constant)}     sum of all: {number_text(total)}"
    return lines, patch, ("x", "dy/dx"), True, [*_wrapped(sums), words]


def _backward(e: ExplanationLike) -> Part:
    lines = [f"backward: L = {e.quantity} = {number_text(e.L)}"]
    if e.derivative is None:
        return lines, None, ("", ""), False, ["L does not depend on it: the seed enters at an earlier output"]
    lines += _wrapped(e.backward_formula)
    measured = "" if e.nudge is None else f"     measured: {number_text(e.nudge.slope)}"
    kink = [] if e.nudge is None or not e.nudge.kink else _wrapped(f"kink: {e.nudge.kink}")
    scale = 0.0 if e.readers is None else _scale(e.readers)
    total = f"{e.symbol} = {number_text(by_hand(e.derivative, scale))}{measured}"
    if e.readers is None or not len(e.readers.index):
        return lines, None, ("", ""), False, [total, *kink]
    patch = patch_of(e.readers, True)
    sums = f"the products of this patch: {_sum_of(patch)}{patch.rest}"
    return lines, patch, ("dL/dy", f"dy/{e.symbol[-2:]}"), True, [*_wrapped(sums), total, *kink]


def _scale(terms: TermsLike) -> float:
    """Return the sum of the magnitudes of the products, which round as numbers of this size."""
    return float(abs(terms.values * terms.slopes).sum())


def _sum_of(patch: Patch) -> str:
    products = patch.values * patch.slopes
    return number_text(by_hand(float(np.nansum(products)), float(np.nansum(abs(products)))))


def _cell(patch: Patch) -> float:
    """Return the size of a cell: three patches side by side fit on the page."""
    H, W = patch.values.shape
    return min(_CELL, (PAGE - 2 * _MARGIN - 2 * _SIGN) / 3 / W, 3.0 / H)


def _height(lines: list[str], patch: Patch | None, ends: list[str]) -> float:
    drawn = 0.0 if patch is None else 2 * _LINE + _cell(patch) * len(patch.values) + 0.08
    return _LINE * (len(lines) + len(ends)) + 0.06 + drawn


def _draw(ax: Axes, top: float, patch: Patch, names: tuple[str, str], products: bool) -> float:
    """Draw values, slopes and perhaps their products; return where they end."""
    ax.text(_MARGIN, top, patch.words, size=SMALL, color=GREY, **_LINES)
    cell, top = _cell(patch), top + _LINE
    H, W = patch.values.shape
    grids = [(names[0], patch.values), (names[1], patch.slopes)]
    grids += [("product", patch.values * patch.slopes)] if products else []
    step = max(W * cell, _TITLE) + _SIGN
    for n, (name, values) in enumerate(grids):
        left = _MARGIN + n * step
        power = _power(values)
        unit = f"  in units of 1e{power:+03d}" if power else ""
        ax.text(left, top, f"{name}{unit}", size=SMALL, color=INK, **_LINES)
        _grid(ax, values, power, left, top + _LINE, cell)
        if n:
            middle = left - (step - W * cell) / 2
            ax.text(middle, top + _LINE + H * cell / 2, ("", "×", "=")[n] if products else "",
                    size=NORMAL, ha="center", va="center")  # fmt: skip
    return top + _LINE + H * cell + 0.08


def _grid(ax: Axes, values: Array, power: int, left: float, top: float, cell: float) -> None:
    from matplotlib.patches import Rectangle

    largest = max(float(np.nanmax(np.abs(values))), np.finfo(float).tiny)
    decimals = next((digits for size, digits in _DECIMALS if cell >= size), None)
    for (h, w), value in np.ndenumerate(values):
        x, y = left + w * cell, top + h * cell
        place_shape(ax, Rectangle((x, y), cell, cell, facecolor="none", edgecolor=FAINT, linewidth=0.5))
        if np.isnan(value):
            continue
        colour, strength = COLOURS[int(value < 0)], 0.6 * abs(value) / largest
        place_shape(ax, Rectangle((x, y), cell, cell, facecolor=colour, alpha=strength, linewidth=0))
        if decimals is not None:
            text = f"{round(value / 10.0**power, decimals) + 0.0:.{decimals}f}".replace("-", "−")  # no -0.00
            ax.text(x + cell / 2, y + cell / 2, text, size=SMALL, ha="center", va="center_baseline", zorder=3)


def _power(values: Array) -> int:
    """Return the power of ten in which values are written with one digit before the point; 0 near 1."""
    largest = float(np.nanmax(np.abs(values)))
    power = int(np.floor(np.log10(largest))) if largest else 0
    return 0 if power in (-1, 0) else power


def _words(ax: Axes, top: float, lines: list[str], bold: bool = False) -> None:
    for n, line in enumerate(lines):
        is_title = bold and n == 0
        ax.text(_MARGIN, top + n * _LINE, line, size=NORMAL if is_title else SMALL, color=INK if is_title or not bold
                else GREY, weight="bold" if is_title else "normal", **_LINES)  # fmt: skip


def _wrapped(text: str) -> list[str]:
    return wrapped(text, PAGE - 2 * _MARGIN)
