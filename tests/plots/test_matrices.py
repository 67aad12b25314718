"""Matrices share one scale of colours and keep their rows."""

import numpy as np
import pytest

from nnpg.plots import matrix_panels


def test_matrices_share_one_scale_and_keep_their_rows():
    m = np.arange(18.0).reshape(2, 3, 3)
    figure = matrix_panels(m, titles=["x", "y"])
    pictures = [ax.images[0] for ax in figure.axes[:2]]
    np.testing.assert_array_equal(pictures[1].get_array(), m[1])
    assert {p.get_clim() for p in pictures} == {(0.0, 17.0)}
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["1", "2", "3"]
    assert matrix_panels(m, titles=["x", "y"], limits=(0, 20)).axes[0].images[0].get_clim() == (0, 20)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: matrix_panels(np.zeros((2, 3, 4)), titles=["a", "b"]), r"array \(P, K, K\), not \(2, 3, 4\)"),
        (lambda: matrix_panels(np.zeros((2, 3, 3)), titles=["a"]), "titles must be 2 strings, not 1"),
        (lambda: matrix_panels(np.full((1, 2, 2), np.nan), titles=["a"]), "NaN"),
    ],
)
def test_wrong_arguments_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
