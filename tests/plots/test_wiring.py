"""A wiring diagram writes every number of a small network."""

import pytest

from nnpg.plots import wiring_diagram


def test_a_wiring_diagram_writes_every_weight_that_is_not_zero_and_every_bias():
    first, second = ([[1.5, 0.0], [2.5, -3.5]], [-0.5, -1.5]), ([[4.0, 5.0]], [0.25])
    ax = wiring_diagram([first, second], names=[["x1", "x2"], ["a1", "a2"], ["y"]]).axes[0]
    words = sorted(text.get_text() for text in ax.texts if text.get_text())
    assert words == sorted(["1.5", "2.5", "−3.5", "4", "5", "−0.5", "−1.5", "0.25", "x1", "x2", "a1", "a2", "y"])
    lines = [line for line in ax.lines if len(line.get_xdata()) == 2]
    assert len(lines) == 5
    assert [line.get_linestyle() for line in lines].count("--") == 1  # the weight below 0
    for names in ([["x1", "x2"], ["a1"], ["y"]], [["x1"], ["a1", "a2"], ["y"]]):
        with pytest.raises(ValueError, match="do not fit weights"):
            wiring_diagram([first, second], names=names)
    with pytest.raises(ValueError, match="one bias per unit"):
        wiring_diagram([(first[0], [1.0])], names=[["x1", "x2"], ["a1", "a2"]])
