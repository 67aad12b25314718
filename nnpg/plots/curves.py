"""Curves over steps: error under knock-out (Lo & Ding 2015, Fig. 2), and the history of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.plots.checks import all_like, arrays_by_name, checked_panels, ends_of, series_names
from nnpg.plots.protocols import EpochLike
from nnpg.plots.style import (
    COLOURS,
    COLUMN,
    DASHES,
    GREY,
    arrangement,
    drawing,
    legend_columns,
    line_look,
    panel_axes,
    share_labels,
    whole_ticks,
)
from nnpg.support.arguments import as_choice, as_count, as_numbers, as_text
from nnpg_kernels import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Band: TypeAlias = Literal["range", "10-90 %"]

_BANDS: dict[str, tuple[float, float, str]] = {
    "range": (0, 100, "min–max"),
    "10-90 %": (10, 90, "10–90 %"),
}


@dataclass(frozen=True, eq=False)
class Panel:
    """One set of axes with a line for each series.

    Parameters
    ----------
    title : str
    series : mapping
        series["identity 7"] is an array (R, T): the error, a fraction, in R runs after each step; or (T,), one run.
    xlabel, ylabel : str
    start : int
        Number of the first step.
    """

    title: str
    series: Mapping[str, npt.ArrayLike]
    xlabel: str = "filters knocked out"
    ylabel: str = "error"
    start: int = 0


def error_curves(
    panels: Sequence[Panel],
    path: str | Path | None = None,
    *,
    columns: int = 2,
    band: Band = "range",
) -> Figure:
    """Draw error against steps: a line for the median of the runs, a band for their spread (Lo & Ding 2015, Fig. 2).

    All panels share their axes, so that slopes can be compared; a series has the same colour in every panel.

    Parameters
    ----------
    panels : sequence of Panel
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    columns : int
        Panels side by side.
    band : "range" or "10-90 %"
        Lowest to highest run, or from the 10th to the 90th percentile. The legend says which.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If there is nothing to draw, an error is not a fraction, or the file cannot be written.

    Examples
    --------
    >>> runs = np.array([[0.0, 0.2, 0.9], [0.0, 0.3, 0.8]])
    >>> figure = error_curves([Panel("strongest first", {"identity 7": runs})], columns=1)
    >>> figure.axes[0].lines[0].get_ydata()
    array([0. , 0.25, 0.85])
    """
    as_choice(band, "band", _BANDS)
    panels, columns = checked_panels(panels, Panel), as_count(columns, "columns")
    data = [_runs(panel) for panel in panels]
    names = series_names(data)
    from matplotlib.ticker import PercentFormatter

    rows, columns, width = arrangement(len(panels), columns)
    labels = _labels(names, data, band)
    label_columns = legend_columns(labels, width)
    height = 0.35 + 1.95 * rows + 0.15 * -(-len(labels) // label_columns)
    with drawing(path, width, height, layout="constrained") as figure:
        axes = panel_axes(figure, len(panels), columns, sharex=True, sharey=True)
        for ax, panel, series in zip(axes, panels, data, strict=True):
            for name, runs in series.items():
                _series(ax, name, runs, panel.start, names.index(name), band, 60 // max(2, columns))
            ax.set(title=panel.title, xlabel=panel.xlabel, ylabel=panel.ylabel, ylim=(0, 1))
            whole_ticks(ax)
            ax.yaxis.set_major_formatter(PercentFormatter(1))
        share_labels(axes, columns)
        _legend(figure, len(names), labels, label_columns)
    return figure


def _runs(panel: Panel) -> dict[str, Array]:
    """Return the runs (R, T) of each series of a panel."""
    as_count(panel.start, "panels: start", least=0)
    where = f"panel {panel.title!r}, series"
    series = arrays_by_name(panel.series, where, "an array (R, T) of R runs, or (T,),")
    data = {name: np.atleast_2d(errors) for name, errors in series.items()}
    for name, runs in data.items():
        if runs.ndim != 2 or runs.size == 0:
            raise ValueError(f"{where} {name!r} must be an array (R, T) of R runs, not one of shape {runs.shape}")
        if not (runs.min() >= 0 and runs.max() <= 1):  # NaN fails as well
            raise ValueError(f"{where} {name!r} must hold errors as fractions in 0 .. 1, not {ends_of(runs)}")
    return data


def _series(ax: Axes, name: str, runs: Array, start: int, i: int, band: Band, markers: int) -> None:
    """Draw the median of the runs as a line with at most `markers` markers, and their spread as a band."""
    low, high, _ = _BANDS[band]
    steps = start + np.arange(runs.shape[1])
    spacing = -(-len(steps) // max(1, markers))  # markers do not touch each other
    ax.plot(steps, np.median(runs, axis=0), label=name, clip_on=False, zorder=3, markevery=spacing, **line_look(i))
    if len(runs) > 1:
        edges = np.percentile(runs, [low, high], axis=0)
        colour = COLOURS[i % len(COLOURS)]
        ax.fill_between(steps, *edges, facecolor=(colour, 0.12), edgecolor=(colour, 0.45), linewidth=0.4)


def _labels(names: list[str], data: list[dict[str, Array]], band: Band) -> list[str]:
    """Return the labels of the legend: the series, then what line and band are. One line of one run needs none."""
    counts = {len(runs) for series in data for runs in series.values()}
    if max(counts) == 1:
        return names if len(names) > 1 or len(data) > 1 else []
    runs = f"{max(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    return [*names, f"median, {_BANDS[band][2]} of {runs} runs"]


def _legend(figure: Figure, lines: int, labels: list[str], columns: int) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Line2D([], [], **line_look(i)) for i in range(lines)]
    handles.append((Patch(color=GREY, alpha=0.3, linewidth=0), Line2D([], [], color=GREY)))
    if labels:
        handles = handles[: len(labels)]
        figure.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=2, columnspacing=1.2)


def training_history(history: Sequence[EpochLike], path: str | Path | None = None) -> Figure:
    """Draw loss and error over the epochs of a training.

    Parameters
    ----------
    history : sequence of Epoch
        As `train(...).history`.
    path : path, optional
        Write the figure there: .png, .svg or .pdf.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If the history is empty, or the file cannot be written.

    Examples
    --------
    >>> from nnpg import Epoch
    >>> figure = training_history([Epoch(1, 2.7, 0.9, None, 0.1), Epoch(2, 0.3, 0.1, None, 0.1)])
    >>> [ax.get_ylabel() for ax in figure.axes]
    ['loss', 'error']
    """
    if not all_like(history, EpochLike, "history"):
        raise ValueError("history is empty: train for at least one epoch")
    numbers = [(epoch.epoch, epoch.loss, epoch.error) for epoch in history]
    as_numbers(numbers, "history", "an epoch, a loss and an error each, an array (E, 3)")
    from matplotlib.ticker import PercentFormatter

    epochs = [epoch.epoch for epoch in history]
    held_out = [(epoch.epoch, epoch.validation_error) for epoch in history if epoch.validation_error is not None]
    as_numbers([error for _, error in held_out], "history", "an array (E,) of validation errors")
    with drawing(path, COLUMN, 3.1, layout="constrained") as figure:
        top, bottom = figure.subplots(2, 1, sharex=True)
        mark = "o" if len(history) == 1 else ""  # a line of one point is invisible
        top.plot(epochs, [epoch.loss for epoch in history], color=COLOURS[0], marker=mark)
        top.set(ylabel="loss", yscale="log" if min(epoch.loss for epoch in history) > 0 else "linear")
        bottom.plot(epochs, [epoch.error for epoch in history], color=COLOURS[0], marker=mark, label="training")
        if held_out:
            look = {"color": COLOURS[1], "linestyle": DASHES[1], "marker": mark, "label": "held out"}
            bottom.plot(*zip(*held_out, strict=True), **look)
            figure.legend(loc="outside upper right", ncols=2)
        bottom.set(xlabel="epoch", ylabel="error", ylim=(0, None))
        bottom.yaxis.set_major_formatter(PercentFormatter(1))
        whole_ticks(bottom)
        figure.align_ylabels()
    return figure


def loss_curve(
    losses: Sequence[float], path: str | Path | None = None, *, xlabel: str = "epoch", start: int = 1
) -> Figure:
    """Draw one loss over epochs or iterations.

    Parameters
    ----------
    losses : sequence of float
    path : path, optional
        Write the figure there: .png, .svg or .pdf.
    xlabel : str
    start : int
        Number of the first one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, FileNotFoundError
        If there is no loss, one is not finite, or the file cannot be written.

    Examples
    --------
    >>> loss_curve([2.5, 0.5]).axes[0].lines[0].get_xdata()
    array([1, 2])
    """
    values = as_numbers(losses, "losses", "an array (E,)", ndim=1, finite=True).astype(np.float64)
    if values.size == 0:
        raise ValueError("losses must be at least one number, not none")
    as_text(xlabel, "xlabel")
    as_count(start, "start", least=0)
    with drawing(path, COLUMN, 2.0, layout="constrained") as figure:
        ax = figure.subplots()
        mark = "o" if values.size == 1 else ""  # a line of one point is invisible
        ax.plot(start + np.arange(values.size), values, color=COLOURS[0], marker=mark)
        ax.set(xlabel=xlabel, ylabel="loss", yscale="log" if values.min() > 0 else "linear")
        whole_ticks(ax)
    return figure
