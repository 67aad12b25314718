"""Error curves and training history: the line is the median, the band the spread, and nothing covers the data."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from nnpg import Epoch
from nnpg.plots import Lines, Panel, error_curves, line_panels, training_history

RUNS = np.random.default_rng(0).random((7, 11))


def legend_words(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


@pytest.mark.parametrize(
    ("band", "low", "high", "said"), [("range", 0, 100, "min–max"), ("10-90 %", 10, 90, "10–90 %")]
)
def test_median_and_band(band, low: int, high: int, said: str) -> None:
    figure = error_curves([Panel("t", {"ID 7": RUNS})], band=band)
    (ax,) = figure.axes
    assert ax.lines[0].get_xdata().tolist() == list(range(11))
    assert ax.lines[0].get_ydata() == pytest.approx(np.median(RUNS, axis=0))
    corners = ax.collections[0].get_paths()[0].vertices
    for step in range(11):
        at = corners[corners[:, 0] == step, 1]
        assert (at.min(), at.max()) == pytest.approx(np.percentile(RUNS[:, step], [low, high]))
    assert legend_words(figure) == ["ID 7", f"median, {said} of 7 runs"]


def test_one_run_has_no_band_and_its_legend_names_no_runs() -> None:
    figure = error_curves([Panel("t", {"a": RUNS[0], "b": RUNS[:1]})])
    assert not figure.axes[0].collections
    assert legend_words(figure) == ["a", "b"]
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx(RUNS[0])
    assert not error_curves([Panel("t", {"a": RUNS[0]})]).legends


def test_different_numbers_of_runs_are_in_the_legend() -> None:
    figure = error_curves([Panel("t", {"a": RUNS, "b": RUNS[:2]})])
    assert legend_words(figure)[-1] == "median, min–max of 2 to 7 runs"


def test_a_series_has_one_look_in_all_panels_that_no_other_has() -> None:
    names = [f"ID {c}" for c in range(15)]
    first, second = error_curves(
        [Panel("a", dict.fromkeys(names, RUNS)), Panel("b", dict.fromkeys(reversed(names), RUNS))]
    ).axes
    looks = [
        {line.get_label(): (line.get_color(), line.get_marker(), str(line._unscaled_dash_pattern)) for line in ax.lines}
        for ax in (first, second)
    ]
    assert looks[0] == looks[1]
    assert len(set(looks[0].values())) == 15


def test_axes_are_shared_percentages() -> None:
    figure = error_curves([Panel("a", {"x": RUNS}), Panel("b", {"x": RUNS[:, :5]}), Panel("c", {"x": RUNS})], columns=3)
    first, second, third = figure.axes
    assert first.get_xlim() == second.get_xlim() == third.get_xlim()
    assert first.get_ylim() == second.get_ylim() == (0, 1)
    figure.draw_without_rendering()
    assert "100%" in [label.get_text() for label in first.get_yticklabels()]
    assert [ax.get_ylabel() for ax in figure.axes] == ["error", "", ""]  # said once
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a", "b", "c"]
    steps = [float(tick) for tick in first.get_xticks()]
    assert all(step == round(step) for step in steps)


def test_panels_with_other_labels_keep_them() -> None:
    panels = [Panel(k, {"x": RUNS}, "filters", f"{k} error") for k in ("class", "overall", "class", "overall")]
    axes = error_curves(panels).axes
    assert [ax.get_ylabel() for ax in axes] == ["class error", "overall error"] * 2
    assert [ax.get_xlabel() for ax in axes] == ["", "", "filters", "filters"]


def test_a_short_last_row_leaves_no_empty_axes_and_no_panel_without_ticks() -> None:
    figure = error_curves([Panel(name, {"x": RUNS}) for name in "abc"])
    assert len(figure.axes) == 3
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "filters knocked out", "filters knocked out"]
    assert figure.axes[1].xaxis.get_tick_params()["labelbottom"]


def test_start_numbers_the_first_step() -> None:
    figure = error_curves([Panel("t", {"x": RUNS}, "epoch", start=1)])
    assert figure.axes[0].lines[0].get_xdata().tolist() == list(range(1, 12))


@pytest.mark.parametrize("names", [("x", "y"), tuple(f"identity number {n}" for n in range(15))])
@pytest.mark.parametrize("columns", [1, 2])
def test_the_legend_covers_no_data(names: tuple[str, ...], columns: int) -> None:
    figure = error_curves([Panel("t", dict.fromkeys(names, RUNS))] * 2, columns=columns)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert not any(box.overlaps(ax.get_tightbbox()) for ax in figure.axes)
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert all(ax.get_window_extent().height > 72 / 72 * figure.dpi for ax in figure.axes)  # an inch at least


@pytest.mark.parametrize(
    ("panels", "options", "message"),
    [
        ([], {}, "panels must be a list of at least one Panel object"),
        ([Panel("t", {"x": RUNS})], {"columns": 0}, "columns must be a whole number of at least 1, not 0"),
        ([Panel("t", {})], {}, "nothing to draw"),
        ([Panel("t", {"x": RUNS})], {"band": "sd"}, "band must be 'range' or '10-90 %', not 'sd'"),
        ([Panel("t", {"x": 100 * RUNS})], {}, "panel 't', series 'x' must hold errors as fractions in 0 .. 1"),
        ([Panel("t", {"x": RUNS * np.nan})], {}, "must hold errors as fractions in 0 .. 1, not nan .. nan"),
        ([Panel("t", {"x": RUNS[None]})], {}, r"must be an array \(R, T\) of R runs, not one of shape \(1, 7, 11\)"),
        ([Panel("t", {"x": []})], {}, "must be an array"),
    ],
)
def test_wrong_arguments_are_refused(panels: list[Panel], options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        error_curves(panels, **options)


def test_history_shows_loss_and_both_errors() -> None:
    history = [Epoch(n, 3.0 / n, 0.9 / n, 0.8 if n % 5 == 0 else None, 0.1) for n in range(1, 11)]
    loss, error = training_history(history).axes
    assert loss.get_yscale() == "log"
    assert loss.lines[0].get_ydata() == pytest.approx([epoch.loss for epoch in history])
    train, held_out = error.lines
    assert train.get_ydata() == pytest.approx([epoch.error for epoch in history])
    assert (list(held_out.get_xdata()), list(held_out.get_ydata())) == ([5, 10], [0.8, 0.8])
    assert legend_words(training_history(history)) == ["training", "held out"]


def test_history_without_validation_has_no_legend_and_takes_a_loss_of_zero() -> None:
    figure = training_history([Epoch(1, 1.0, 0.5, None, 0.1), Epoch(2, 0.0, 0.0, None, 0.1)])
    assert not figure.legends
    assert figure.axes[0].get_yscale() == "linear"


def test_one_epoch_is_a_visible_point() -> None:
    for ax in training_history([Epoch(1, 1.0, 0.5, 0.6, 0.1)]).axes:
        assert all(line.get_marker() == "o" for line in ax.lines)


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(ValueError, match="empty: train for at least one epoch"):
        training_history(())


@pytest.mark.parametrize(("falls_to", "end"), [(0.3, 1), (0.52, 0)])
def test_the_words_of_a_level_stand_where_no_curve_runs(falls_to: float, end: int) -> None:
    """A curve that falls through the level leaves its right end free; one that stays just above leaves neither."""
    x = np.arange(20)
    panel = Lines("", x, {"a": np.maximum(0.6 - 0.02 * x, falls_to)}, "steps", "error", level=(0.5, "the paper's"))
    (words,) = line_panels([panel], columns=1).axes[0].texts
    assert (words.get_text(), words.xy[0], words.get_ha()) == ("the paper's", end, ["left", "right"][end])


def test_where_curves_run_at_both_ends_the_words_stand_among_the_fewest() -> None:
    x = np.arange(20)
    series = {"stays": np.full(20, 0.51), "falls": 0.55 - 0.02 * x}
    (words,) = (
        line_panels([Lines("", x, series, "steps", "error", level=(0.5, "the paper's"))], columns=1).axes[0].texts
    )
    assert words.xy[0] == 1


def test_a_logarithmic_scale_draws_positive_numbers_as_they_are_and_refuses_others() -> None:
    steps, errors = [1e-6, 1e-3], [1e-11, 40.0]
    axes = line_panels([Lines("errors", steps, {"central": errors}, "step", "error")], logarithmic=True).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), errors)
    low, high = axes.get_ylim()
    assert low < 1e-11
    assert high > 40
    for x, y in ((steps, [0.0, 1.0]), ([0.0, 1.0], errors), (steps, [np.inf, 1.0])):
        with pytest.raises(ValueError, match="positive numbers over positive x"):
            line_panels([Lines("errors", x, {"central": y}, "step", "error")], logarithmic=True)
