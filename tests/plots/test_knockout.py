"""The damage trace: every line runs in the row of the class that its images are taken for, and none hides another."""

from __future__ import annotations

import numpy as np
import pytest

from nnpg import Filter, Knockout
from nnpg.plots import damage_trace


def knockout(K: int = 6, T: int = 8, each: int = 3, classes: int | None = None) -> Knockout:
    labels = np.repeat(np.arange(K if classes is None else classes), each)
    predictions = np.random.default_rng(3).integers(0, K, (T + 1, len(labels)))
    predictions[0] = labels
    return Knockout(tuple(Filter(f"pool{1 + f % 3}", f) for f in range(T)), predictions, labels, K)


def heights(ax, K: int, T: int) -> np.ndarray:
    """Height of each line at "true class" (x = -1), intact (0), and after each of T knock-outs."""
    return np.array([np.interp(range(-1, T + 1), line.get_xdata(), line.get_ydata()) for line in ax.lines]).T


def test_lines_run_in_the_row_of_the_mode_prediction() -> None:
    damage = knockout()
    (ax,) = damage_trace(damage).axes
    assert len(ax.lines) == 6
    rows = heights(ax, 6, 8).round().astype(int)
    assert rows[0].tolist() == list(range(6))  # each starts in the row of its class
    assert np.array_equal(rows[1:], damage.modes)


def test_lines_in_one_row_do_not_hide_each_other() -> None:
    damage = knockout(15, 4)
    damage.predictions[2:] = 0  # all fall into one class
    (ax,) = damage_trace(damage).axes
    at = heights(ax, 15, 4)
    assert (at.round()[3:] == 0).all()
    gaps = np.diff(np.sort(at[3:], axis=1), axis=1)
    inch = ax.figure.get_size_inches()[1] / 15  # less than a row: the axes are smaller than the figure
    assert (gaps * inch * 72 > 0.7).all()  # points


def test_a_class_without_images_has_no_line() -> None:
    (ax,) = damage_trace(knockout(6, 8, classes=4)).axes
    assert len(ax.lines) == 4
    assert len(ax.get_yticks()) == 6


def test_rows_and_steps_are_labelled() -> None:
    damage = knockout(6, 8)
    (ax,) = damage_trace(damage, class_names=list("abcdef"), highlight=2).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == list("abcdef")
    said = [label.get_text() for label in ax.get_xticklabels()]
    assert said == ["true class", "intact", *(f"{layer}[{f}]" for layer, f, _ in damage.filters)]
    thick = [line.get_linewidth() for line in ax.lines]
    assert thick[2] == max(thick) > 2 * sorted(thick)[-2]
    assert [label.get_fontweight() == "bold" for label in ax.get_yticklabels()] == [c == 2 for c in range(6)]
    counts = {round(text.get_position()[1]): text.get_text() for text in ax.texts}
    rows, number = np.unique(damage.modes[-1], return_counts=True)
    assert counts == {row: f"{n} of 6" for row, n in zip(rows, number, strict=True)}


def test_every_line_has_its_own_look() -> None:
    (ax,) = damage_trace(knockout(15, 2)).axes
    assert len({(line.get_color(), str(line._unscaled_dash_pattern)) for line in ax.lines}) == 15


def test_a_knockout_of_no_filters_is_drawn() -> None:
    (ax,) = damage_trace(knockout(4, 0)).axes
    assert np.array_equal(heights(ax, 4, 0).round(), [[0, 1, 2, 3]] * 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_names": ["a"]}, "class_names must be 6 strings, not 1"),
        ({"highlight": 6}, "a class with images, not 6"),
    ],
)
def test_wrong_arguments_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        damage_trace(knockout(), **options)
