"""Figures of filters draw the numbers that they are given at the right places, and refuse others."""

import numpy as np
import pytest

from nnpg.plots import feature_maps, filter_gallery, pass_diagram


def test_a_gallery_writes_every_number_in_place():
    kernel = np.arange(9).reshape(3, 3)
    words = filter_gallery({"k": kernel}, np.zeros((1, 4, 4))).axes[0].texts
    at = {text.get_text(): text.get_position() for text in words}
    assert at["1"][0] < at["2"][0]
    assert at["1"][1] == at["2"][1] < at["4"][1] < at["7"][1]


def test_a_map_sheet_holds_every_map_of_every_image():
    rng = np.random.default_rng(0)
    maps = {"conv1": rng.random((2, 3, 4, 4)), "conv2": rng.random((2, 2, 2, 2))}
    figure = feature_maps(rng.random((2, 1, 6, 6)), maps)
    drawn = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    expected = [shown for n in range(2) for layer in maps.values() for shown in layer[n]]
    assert len(drawn) == 2 + len(expected)
    images = [image for image in drawn if image.ndim == 2]
    assert all((a == b).all() for a, b in zip(images, expected, strict=True))
    limits = [image.get_clim() for image in figure.axes[0].images if np.ndim(image.get_array()) == 2]
    assert limits == [(shown.min(), shown.max()) for shown in expected]


def test_a_pass_holds_each_output_and_beside_it_its_delta_in_the_colours_of_its_layer():
    o, d = {"conv1": np.arange(8.0).reshape(2, 2, 2), "dense1": np.arange(3.0)}, {}
    d["conv1"], d["dense1"] = np.array([[[1.0, 0], [0, 0]], [[0, 0], [0, -2.0]]]), np.array([0, -0.5, 0.25])
    ax = pass_diagram(o, d, quantity="y").axes[0]
    drawn = [np.asarray(image.get_array()) for image in ax.images]
    assert [a.shape for a in drawn] == [(2, 2)] * 2 + [(2, 2, 3)] * 2 + [(1, 3), (1, 3, 3)]
    assert all((a == b).all() for a, b in zip([*drawn[:2], drawn[4][0]], [*o["conv1"], o["dense1"]], strict=True))
    red, blue = drawn[2][0, 0], drawn[3][1, 1]
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert red[1] > blue[1]  # half as large, so paler: both maps have the scale of their layer
    assert (drawn[3][0] == 1).all()  # white where it is 0
    words = [text.get_text() for text in ax.texts]
    assert "deltas dy/do, upwards" in words
    assert words[-4:] == ["conv1", "2", "dense1", "0.5"]
    middles = [image.get_extent() for image in ax.images]
    assert middles[0][2:] == middles[2][2:]  # a delta stands beside its output


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: filter_gallery({"k": [[1]]}, np.zeros((2, 4, 4))), r"outputs must be an array \(1, H, W\)"),
        (lambda: filter_gallery({"k": [1, 2]}, np.zeros((1, 4, 4))), "kernels 'k' must be an array"),
        (lambda: feature_maps(np.zeros((1, 1, 2, 2)), {"conv1": np.zeros((2, 1, 2, 2))}), r"array \(1, F, H, W\)"),
        (lambda: feature_maps(np.zeros((1, 1, 2, 2)), {}), "at least one layer"),
        (lambda: pass_diagram({}, {}), "deltas must be those of the outputs"),
        (lambda: pass_diagram({"a": [1]}, {"b": [1]}), "deltas must be those of the outputs a, not of b"),
        (lambda: pass_diagram({"a": [1]}, {"a": [1, 2]}), r"'a' and their deltas must be .* of one shape"),
        (lambda: pass_diagram({"a": [[1]]}, {"a": [[1]]}), r"an array \(F, H, W\) or \(F,\)"),
    ],
)
def test_wrong_arguments_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
