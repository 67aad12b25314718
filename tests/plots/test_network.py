"""Network diagrams: one circle per filter, brighter where its score is higher."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from nnpg import FilterScores
from nnpg.plots import network_diagram

LAYERS = (("pool1", 5), ("pool2", 8), ("pool3", 10))


def scores_of(rows: int = 2, scale: float = 1.0) -> FilterScores:
    rng = np.random.default_rng(1)
    names = tuple(f"identity {r + 1}" for r in range(rows))
    return FilterScores({name: scale * rng.random((rows, F)) for name, F in LAYERS}, names, "frobenius", "prob")


def circles(figure: Figure) -> list[Circle]:
    """In reading order: row by row, layer by layer, filter by filter."""
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Circle)]


def brightness(circle: Circle) -> float:
    return float(np.dot(to_rgb(circle.get_facecolor()), (0.299, 0.587, 0.114)))


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def numbers(figure: Figure) -> list[str]:
    """The filters' numbers; the 0 of the colour bar ends them."""
    return [word for word in words(figure) if word.isdigit()][:-1]


def flat(scores: FilterScores, row: int) -> np.ndarray:
    return np.concatenate([values[row] for values in scores.scores.values()])


def test_brightness_ranks_as_the_scores_do_within_each_network() -> None:
    scores = scores_of()
    patches = circles(network_diagram(scores))
    assert len(patches) == 2 * 23
    for row in range(2):
        bright = [brightness(circle) for circle in patches[23 * row : 23 * (row + 1)]]
        assert (np.diff(np.array(bright)[np.argsort(flat(scores, row))]) >= 0).all()
        assert len(set(bright)) > 18  # of 23; the map has 256 colours
        assert max(bright) > 0.9


def test_each_network_is_scaled_to_its_highest_score() -> None:
    scores = scores_of(1)
    faint = {name: np.concatenate([values, values / 1000]) for name, values in scores.scores.items()}
    both = circles(network_diagram(FilterScores(faint, ("strong", "faint"), "frobenius", "prob")))
    assert [brightness(circle) for circle in both[:23]] == pytest.approx([brightness(circle) for circle in both[23:]])


def test_circles_are_ordered_by_layer_and_filter() -> None:
    x, y = np.array([circle.center for circle in circles(network_diagram(scores_of(1)))]).T
    starts = np.cumsum([0, *(F for _, F in LAYERS)])
    lines = [slice(a, b) for a, b in pairwise(starts)]
    assert all(len(set(y[line])) == 1 for line in lines)
    assert y[lines[0]][0] < y[lines[1]][0] < y[lines[2]][0]  # inches from the top: the first layer is above
    assert all((np.diff(x[line]) > 0).all() for line in lines)
    assert x[lines[0]] == pytest.approx(x[lines[2]][:5])  # filter 3 stands below filter 3


def test_text_names_rows_layers_filters_and_the_highest_score() -> None:
    scores = scores_of(1)
    scores.scores["pool2"][0, 6] = 1.25
    figure = network_diagram(scores)
    said = words(figure)
    assert "identity 1" in said
    assert "highest 1.25000: pool2[6]" in said
    assert {"pool1", "pool2", "pool3"} <= set(said)
    assert numbers(figure) == [str(f) for f in range(10)]  # counted from 0, written once
    assert any("score / highest in this network" in word for word in said)
    assert "score: frobenius of d prob / d output" in said


def test_filters_are_numbered_unless_the_line_below_has_the_same_numbers() -> None:
    scores = FilterScores({"a": np.ones((1, 3)), "b": np.ones((1, 2)), "c": np.ones((1, 2))}, ("x",), "l1", "prob")
    assert numbers(network_diagram(scores)) == ["0", "1", "2", "0", "1"]


def test_wide_layers_take_more_lines_and_stay_on_the_page() -> None:
    figure = network_diagram(FilterScores({"pool1": np.ones((1, 200))}, ("x",), "l1", "prob"))
    patches = circles(figure)
    width, height = figure.get_size_inches()
    x, y = np.array([circle.center for circle in patches]).T
    assert len(patches) == 200
    assert len(set(y)) > 1
    assert 0 < x.min() < x.max() + patches[0].radius < width
    assert 0 < y.min() < y.max() + patches[0].radius < height
    assert len({(a, b) for a, b in zip(x.round(6), y.round(6), strict=True)}) == 200
    assert min(np.diff(np.sort(x[y == y[0]]))) > 2 * patches[0].radius  # they do not touch


def test_rows_are_chosen_and_ordered() -> None:
    scores = scores_of(4)
    figure = network_diagram(scores, rows=["identity 3", 0])
    assert [word for word in words(figure) if word.startswith("identity")] == ["identity 3", "identity 1"]
    assert len(circles(figure)) == 2 * 23


def test_a_row_without_scores_is_empty_circles() -> None:
    scores = scores_of()
    for values in scores.scores.values():
        values[1] = np.nan
    figure = network_diagram(scores)
    assert all(circle.get_facecolor()[3] == 0 for circle in circles(figure)[23:])
    assert all(circle.get_facecolor()[3] == 1 for circle in circles(figure)[:23])
    assert "no score" in words(figure)


def test_scores_of_zero_are_dark_circles() -> None:
    figure = network_diagram(FilterScores({"pool1": np.zeros((1, 3))}, ("x",), "l1", "prob"))
    assert max(brightness(circle) for circle in circles(figure)) < 0.05


def test_signed_scores_are_coloured_by_sign() -> None:
    scores = FilterScores({"pool1": np.array([[-2.0, 0.0, 2.0]])}, ("x",), "mean", "prob")
    figure = network_diagram(scores)
    (blue, white, red) = (to_rgb(circle.get_facecolor()) for circle in circles(figure))
    assert blue[2] > 2 * blue[0]
    assert red[0] > 2 * red[2]
    assert min(white) > 0.9
    assert "−1" in words(figure)
    assert any("highest -2.00000" in word for word in words(figure))


def test_faces_are_beside_their_networks() -> None:
    images = np.random.default_rng(0).random((2, 1, 6, 4))
    figure = network_diagram(scores_of(), images=images)
    faces = [image for image in figure.axes[0].images if image.get_array().shape == (6, 4, 3)]
    assert [face.get_array()[..., 0].tolist() for face in faces] == [image[0].tolist() for image in images]
    left, right, bottom, top = faces[0].get_extent()
    assert (bottom - top) / (right - left) == pytest.approx(6 / 4)
    first, second = circles(figure)[0], circles(figure)[23]
    assert right < first.center[0] - first.radius
    assert faces[0].get_extent()[3] < first.center[1] < faces[1].get_extent()[3] < second.center[1]


def test_more_than_six_rows_take_two_columns() -> None:
    scores = scores_of(8)
    x = [circle.center[0] for circle in circles(network_diagram(scores))[::23]]
    assert len(set(x)) == 2  # more than six rows: two columns, a page wide
    assert x[0] < x[1]  # read across
    assert len({circle.center[0] for circle in circles(network_diagram(scores, columns=1))[::23]}) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": []}, "no rows to draw"),
        ({"columns": 0}, "columns must be a whole number of at least 1, not 0"),
        ({"images": np.zeros((3, 1, 4, 4))}, "images must be 2, one for each of the 2 rows drawn, not 3"),
        ({"images": np.zeros((2, 4, 4))}, r"not an array float64 \(2, 4, 4\)"),
        ({"images": np.zeros((2, 2, 4, 4))}, r"grey \(N, 1, H, W\) or RGB"),
        ({"images": np.full((2, 1, 4, 4), 255)}, "not 255 .. 255: scale or clip"),
        ({"images": np.full((2, 1, 4, 4), np.nan)}, "images must have pixels in 0 .. 1, not nan .. nan"),
    ],
)
def test_wrong_arguments_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network_diagram(scores_of(), **options)


def test_an_unknown_row_is_named() -> None:
    with pytest.raises(KeyError, match=r"identity 9.*identity 1, identity 2"):
        network_diagram(scores_of(), rows=["identity 9"])


def test_scores_draw_themselves() -> None:
    assert len(circles(scores_of().plot(rows=[1]))) == 23
