"""Contact sheets: every image once, in reading order, in its proportions, with exact outlines."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from nnpg.plots import heat, image_grid, signed_colours

RNG = np.random.default_rng(0)
GREY = RNG.random((7, 1, 6, 4))
RGB = RNG.random((7, 3, 6, 4))


def corners(figure: Figure) -> np.ndarray:
    """Left, top, width and height of every image, inches."""
    extents = np.array([image.get_extent() for image in figure.axes[0].images])
    left, right, bottom, top = extents.T
    return np.stack([left, top, right - left, bottom - top], axis=1)


@pytest.mark.parametrize("images", [GREY, RGB])
def test_every_image_once_in_reading_order(images: np.ndarray) -> None:
    figure = image_grid(images, columns=3)
    shown = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    assert len(shown) == 7
    for pixels, image in zip(shown, images, strict=True):
        assert pixels == pytest.approx(np.broadcast_to(image.transpose(1, 2, 0), (6, 4, 3)))
    left, top, width, height = corners(figure).T
    assert height == pytest.approx(1.5 * width)
    assert left[:3] == pytest.approx(left[3:6])
    assert (np.diff(left[:3]) > width[0]).all()
    assert (np.diff(top[::3]) > height[0]).all()


def test_grey_levels_are_not_rescaled() -> None:
    """A dim image is dim: nothing is stretched to the full scale."""
    figure = image_grid(np.full((1, 1, 2, 2), 0.25))
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]
    H, W = pixels.shape[:2]
    assert pixels[H // 2 + 9, W // 2 + 9, :3].tolist() in ([63] * 3, [64] * 3)


def test_titles_are_above_images_and_row_labels_beside_rows() -> None:
    titles = [f"t{n}" for n in range(7)]
    figure = image_grid(GREY, titles=titles, columns=3, row_labels=["r0", "r1", "r2"])
    at = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    left, top, width, height = corners(figure).T
    for n, title in enumerate(titles):
        x, y = at[title]
        assert x == pytest.approx(left[n] + width[n] / 2)
        assert top[n] - 0.1 < y < top[n]
        if n >= 3:
            assert y > top[n - 3] + height[n - 3]
    for r in range(3):
        x, y = at[f"r{r}"]
        assert x < left[0]
        assert top[3 * r] < y < top[3 * r] + height[3 * r]


def test_long_titles_are_broken_and_words_too_long_cut() -> None:
    figure = image_grid(GREY, titles=["one two three four five six", *["Donaudampfschifffahrt"] * 6], columns=7)
    said = [text.get_text() for text in figure.axes[0].texts]
    assert "one two three four five six" not in said
    assert [word for text in said for word in text.split() if word in ("one", "three", "six")] == [
        "one",
        "three",
        "six",
    ]
    assert sum(text.startswith("Donau") and text.endswith("…") for text in said) == 6


def test_columns_follow_from_number_and_titles() -> None:
    assert len(set(corners(image_grid(GREY[:6]))[:, 1])) in (1, 2)
    assert len(set(corners(image_grid(GREY[:1]))[:, 0])) == 1
    long = image_grid(GREY, titles=["Rindfleischetikettierungsueberwachungsaufgabe"] * 7)
    assert not any(text.get_text().endswith("…") for text in long.axes[0].texts)


def test_outline_follows_the_pixels() -> None:
    mask = np.zeros((7, 6, 4), bool)
    mask[0, 1:4, 1:3] = True  # 3 x 2: a border of 10 pixel edges
    mask[1, 0, 0] = True  # in a corner: 4
    mask[2, 2, 1:3] = mask[2, 4, 3] = True  # two pieces: 6 + 4
    figure = image_grid(GREY, columns=4, overlay=mask)
    lines = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    left, top, width, _ = corners(figure).T
    pixel = width[0] / 4
    coloured = lines[1::2]  # each over its white rim
    assert [len(line.get_segments()) for line in coloured] == [10, 4, 10, 0, 0, 0, 0]
    ends = (np.array(coloured[0].get_segments()) - [left[0], top[0]]) / pixel
    assert ends == pytest.approx(ends.round())
    assert ends.reshape(-1, 2).min(axis=0).tolist() == pytest.approx([1, 1])
    assert ends.reshape(-1, 2).max(axis=0).tolist() == pytest.approx([3, 4])
    assert np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"titles": ["a"]}, "titles must be 7 strings, not 1"),
        ({"columns": 0}, "columns must be a whole number of at least 1, not 0"),
        ({"columns": 3, "row_labels": ["a"]}, "7 images in 3 columns are 3 rows"),
        ({"overlay": np.zeros((7, 4, 6), bool)}, r"overlay must be a bool array \(7, 6, 4\), not bool \(7, 4, 6\)"),
        ({"overlay": np.zeros((7, 6, 4))}, "overlay must be an array of True and False, not an array float64"),
    ],
)
def test_wrong_grids_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        image_grid(GREY, **options)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (GREY[0], r"not an array float64 \(1, 6, 4\)"),
        (GREY[:0], r"not an array of shape \(0, 1, 6, 4\)"),
        (GREY - 1, "images must have pixels in 0 .. 1, not -"),
    ],
)
def test_wrong_images_are_refused(images: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        image_grid(images)


def test_row_labels_are_beside_the_middle_of_their_row():
    """Whatever the shape of the images: here twice as wide as high."""
    ax = image_grid(np.zeros((2, 1, 5, 10)), columns=1, row_labels=["a", "b"]).axes[0]
    for picture, text in zip(ax.images, ax.texts, strict=True):
        bottom, top = picture.get_extent()[2:]
        assert text.get_position()[1] == pytest.approx((bottom + top) / 2)


def test_colours_show_sign_and_size_of_maps():
    images, maps = np.full((1, 1, 1, 3), 0.5), np.array([[[np.nan, -1.0, 2.0]]])
    rgb = heat(images, maps)[0, :, 0]
    np.testing.assert_allclose(rgb[:, :2], 0.7)
    np.testing.assert_allclose(rgb[:, 2], [0.82, 0.04, 0.04])
    red, green, blue = signed_colours(maps)[0, :, 0]
    assert (red[0], green[0], blue[0]) == (1, 1, 1)
    assert blue[1] > red[1]
    assert red[2] > blue[2]
