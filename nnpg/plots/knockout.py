"""Knock-out curves as panels (Lo & Ding 2015, Fig. 2), and what each class is taken for (Fig. 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnpg.plots.checks import all_like, as_like
from nnpg.plots.curves import Panel
from nnpg.plots.protocols import KnockoutLike
from nnpg.plots.style import (
    COLOURS,
    COLUMN,
    DASHES,
    PAGE,
    SMALL,
    drawing,
    text_width,
    wrapped,
)
from nnpg.support.arguments import as_class_names, as_count, as_names, described
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def knockout_panels(
    curves: Mapping[tuple[int, str], KnockoutLike],
    class_names: Sequence[str],
    random_orders: Sequence[KnockoutLike] = (),
) -> list[Panel]:
    """Return a panel for each order and kind of error, to be drawn by `error_curves`.

    Parameters
    ----------
    curves : mapping
        curves[c, "strongest"] is what knocking out class c's strongest filters first does.
    class_names : K strings
    random_orders : sequence of Knockout, optional
        Drawn beside the overall errors, as one band.

    Returns
    -------
    list of Panel
        For one class a panel for each order; for several the class errors, then the overall errors, order by order.

    Examples
    --------
    >>> from nnpg import Filter, Knockout
    >>> curve = Knockout((Filter("pool1", 0),), np.array([[0, 1], [0, 0]]), np.array([0, 1]), 2)
    >>> [(p.title, list(p.series)) for p in knockout_panels({(1, "weakest"): curve}, ("a", "b"))]
    [('b, weakest first', ['class error', 'overall error'])]
    >>> [(p.title, p.ylabel) for p in knockout_panels({(0, "weakest"): curve, (1, "weakest"): curve}, ("a", "b"))]
    [('weakest first', 'class error'), ('weakest first', 'overall error')]
    """
    class_names = as_names(class_names, "class_names", _classes(curves))
    for curve in all_like(random_orders, KnockoutLike, "random_orders"):
        if len(curve.filters) != len(random_orders[0].filters):
            raise ValueError("random_orders must knock out the same number of filters each, but they differ")
    classes = list(dict.fromkeys(c for c, _ in curves))
    orders = list(dict.fromkeys(order for _, order in curves))
    random = {"random order": np.stack([curve.overall_error for curve in random_orders])} if random_orders else {}
    if len(classes) == 1:
        [c] = classes
        return [
            Panel(
                f"{class_names[c]}, {order} first",
                {"class error": curves[c, order].class_error(c), "overall error": curves[c, order].overall_error}
                | random,
            )
            for order in orders
        ]
    by_class = [
        Panel(
            f"{order} first", {class_names[c]: curves[c, order].class_error(c) for c in classes}, ylabel="class error"
        )
        for order in orders
    ]
    overall = [
        Panel(
            f"{order} first",
            {class_names[c]: curves[c, order].overall_error for c in classes} | random,
            ylabel="overall error",
        )
        for order in orders
    ]
    return by_class + overall


def _classes(curves: Mapping[tuple[int, str], KnockoutLike]) -> int:
    """Return the number of classes; refuse curves that lack a class in one of the orders, or differ in that number."""
    expected = "curves must be a dict from (class, order) to Knockout"
    if not isinstance(curves, Mapping) or not curves:
        raise TypeError(f"{expected}, at least one, not {described(curves)}")
    for key, curve in curves.items():
        if not isinstance(key, tuple) or len(key) != 2 or not isinstance(key[1], str):
            raise TypeError(f"{expected}, not one with the key {described(key)}")
        as_count(key[0], "curves: class", least=0, most=as_like(curve, KnockoutLike, f"curves {key}").K - 1)
    K, *others = {curve.K for curve in curves.values()}
    missing = [(c, order) for c, _ in curves for _, order in curves if (c, order) not in curves]
    if others or missing:
        mistake = f"{missing[0]} is missing" if missing else f"their numbers of classes are {sorted([K, *others])}"
        raise ValueError(f"{expected}, one for each class and order, all of one network, but {mistake}")
    return K


def damage_trace(
    knockout: KnockoutLike,
    path: str | Path | None = None,
    *,
    class_names: Sequence[str] | None = None,
    highlight: int | None = None,
) -> Figure:
    """Draw what each class is taken for as filters are knocked out (Lo & Ding 2015, Fig. 3).

    A line is a class. It starts in its own row; after each knock-out it runs in the row of the class that the network
    predicts most often for its images. Lines in the same row run side by side; their number is written at the right.

    Parameters
    ----------
    knockout : Knockout
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    class_names : K strings, optional
    highlight : int, optional
        The class whose line is drawn thick, such as the one whose filters are knocked out.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If names or highlight do not fit the classes, or the file cannot be written.

    Examples
    --------
    >>> from nnpg import Filter, Knockout
    >>> predictions = np.array([[0, 0, 1, 1], [0, 0, 0, 0]])
    >>> knockout = Knockout((Filter("pool1", 2),), predictions, np.array([0, 0, 1, 1]), 2)
    >>> len(damage_trace(knockout).axes[0].lines)
    2
    """
    as_like(knockout, KnockoutLike, "knockout")
    K, T = knockout.K, len(knockout.filters)
    names = as_class_names(class_names, K)
    present = np.unique(knockout.labels)
    if highlight is not None and as_count(highlight, "highlight", least=0) not in present:
        raise ValueError(f"highlight must be a class with images, not {highlight!r}")
    predicted = np.vstack([np.arange(K), knockout.modes])[:, present]  # (1 + T + 1, classes); row 0 is the truth
    heights = _bundled(predicted)
    width = COLUMN if T <= 13 else PAGE
    labels = ["true class", "intact", *map(str, knockout.filters)]
    height = max(0.24 * K, 1.6) + max(map(text_width, labels)) + 0.55  # rows, labels below, their title
    with drawing(path, width, height, layout="constrained") as figure:
        ax = figure.subplots()
        ax.grid(visible=True, axis="both")
        for i, c in enumerate(present):
            thick = 2.6 if c == highlight else 1.1
            colour, dash = COLOURS[i % len(COLOURS)], DASHES[i // len(COLOURS) % len(DASHES)]
            x, y = _smooth(heights[:, i])
            ax.plot(x, y, color=colour, linestyle=dash, linewidth=thick, zorder=4 if c == highlight else 3)
        for row, count in zip(*np.unique(predicted[-1], return_counts=True), strict=True):
            ax.text(T + 0.45, row, f"{count} of {len(present)}", size=SMALL, va="center", clip_on=False)
        ax.set(xlim=(-1.3, T + 0.3), ylim=(K - 0.5, -0.5), ylabel="class predicted most often")
        spacing = -(-(T + 2) // int((width - 1) / 0.14))  # as many labels as fit
        ax.set_xticks(range(-1, T + 1, spacing), labels[::spacing], rotation=90)
        ax.set_yticks(range(K), ["\n".join(wrapped(name, 1.1)[:2]) for name in names])
        ax.set_xlabel("filters knocked out in turn")
        if highlight is not None:
            ax.get_yticklabels()[highlight].set_fontweight("bold")
    return figure


def _bundled(predicted: Array) -> Array:
    """Return the height of each line at each step (steps, lines): its row, and an offset from the other lines there."""
    heights = predicted.astype(np.float64)
    for step, rows in enumerate(predicted):
        before = heights[max(step - 1, 0)]
        for row in np.unique(rows):
            lines = np.flatnonzero(rows == row)
            lines = lines[np.argsort(before[lines], kind="stable")]  # ordered as before, so that few lines cross
            pitch = min(0.11, 0.8 / len(lines))
            heights[step, lines] += pitch * (np.arange(len(lines)) - (len(lines) - 1) / 2)
    return heights


def _smooth(heights: Array) -> tuple[Array, Array]:
    """Return x and y of a line that is level at each step and turns smoothly between; the first step is at x = -1."""
    turn = np.linspace(0, 1, 25)
    between = 0.5 - 0.5 * np.cos(np.pi * turn)
    x = (np.arange(-1, len(heights) - 2)[:, None] + 0.2 + 0.6 * turn).ravel()
    y = (heights[:-1, None] + (heights[1:] - heights[:-1])[:, None] * between).ravel()
    ends = (-1.3, len(heights) - 2 + 0.3)
    return np.array([ends[0], *x, ends[1]]), np.array([heights[0], *y, heights[-1]])
