"""Maps of evidence and their scores, on cases where the answer is known by hand."""

import doctest
from pathlib import Path

import numpy as np
import pytest

import nnpg
from nnpg import benchmark_localisation
from nnpg.analysis.statistics import wilson
from nnpg.data import faces
from nnpg.maps import (
    contribution_map,
    departure_map,
    edge_map,
    occlusion_map,
    saliency_map,
    strongest_map,
)
from nnpg.maps.localisation import METHODS, mass_inside, score_maps
from nnpg.maps.results import join_localisations

SIDE, QUADRANTS = 12, [(2, 2), (2, 8), (8, 2), (8, 8)]


def quadrant_net(dtype="float32"):
    """Four classes, told apart by which quadrant is bright: class c weighs the 3 x 3 sums around its own place."""
    net = nnpg.build(
        [nnpg.conv(1, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(4), nnpg.Softmax()],
        input_shape=(1, SIDE, SIDE), rng=0, dtype=dtype,
    )  # fmt: skip
    W = np.zeros((4, SIDE - 2, SIDE - 2), dtype)
    for c, (i, j) in enumerate(QUADRANTS):
        W[c, i - 1 : i + 2, j - 1 : j + 2] = 1  # unit (i - 1, j - 1) is centred on pixel (i, j)
    net = net.replace("conv1", W=np.full((1, 1, 3, 3), 1 / 9, dtype))
    return net.replace("dense1", W=W.reshape(4, -1))


def quadrant_images(n=24, seed=0):
    """Dim noise with one bright square of 3 x 3 in the quadrant of the class, and where that is."""
    rng = np.random.default_rng(seed)
    x, t = rng.uniform(0.2, 0.3, (n, 1, SIDE, SIDE)), np.arange(n) % 4
    regions = np.zeros((n, SIDE, SIDE), bool)
    for image, region, c in zip(x, regions, t, strict=True):
        i, j = QUADRANTS[c]
        image[0, i - 1 : i + 2, j - 1 : j + 2] = 0.9
        region[i - 2 : i + 3, j - 2 : j + 3] = True
    return x, t, regions


def test_every_method_points_at_the_region_that_a_network_reads_and_chance_does_not():
    x, t, regions = quadrant_images()
    result = benchmark_localisation(quadrant_net(), x, t, regions, rng=0)
    assert list(result.hits) == [*METHODS, "random"]
    for method in METHODS:
        assert result.hits[method].all(), method
    assert result.rate("random").value < 0.5
    assert result.expected() == pytest.approx(25 / 144)


@pytest.mark.parametrize("method", METHODS)
def test_no_method_points_at_a_region_that_the_network_does_not_read(method):
    """The bright square is in the picture, but the class weighs another quadrant."""
    x, t, regions = quadrant_images()
    W = quadrant_net().layers["dense1"].W
    blind = quadrant_net().replace("dense1", W=W[[3, 2, 1, 0]])
    result = benchmark_localisation(blind, x, t, regions, methods={method: METHODS[method]}, rng=0)
    # negative evidence at the square is right: the score asks only where the evidence for the class is
    assert result.rate(method) == wilson(0, len(x))


def test_maps_without_a_network_or_a_class():
    x, t, regions = quadrant_images()
    flat = np.full_like(x, 0.25)
    flat[:, :, 5:7, 5:7] = 1.0
    edges = edge_map(quadrant_net(), flat)[0]
    assert (edges[4:8, 4:8] > 0).sum() == edges.astype(bool).sum() == 12  # the rim of the square, corners aside
    assert score_maps({"d": departure_map(quadrant_net(), x, t)}, regions, rng=0).rate("d").value == 1
    assert (departure_map(quadrant_net(), x[:1], t[:1])[0][1:-1, 1:-1] == 0).all()  # one image is its own average


def test_occlusion_is_the_cost_of_covering_each_square():
    net, (x, t, _) = quadrant_net("float64"), quadrant_images(4)
    at = occlusion_map(net, x, t, window=3, stride=3, fill=0.25)
    hidden = x.copy()
    hidden[:, :, 3:6, 6:9] = 0.25
    log = [np.log(nnpg.predict(net, images)[np.arange(4), t]) for images in (x, hidden)]
    np.testing.assert_allclose(at[:, 4, 7], log[0] - log[1], atol=1e-12)
    assert (at[:, 3:6, 6:9] == at[:, 4:5, 7:8]).all()  # one square, one number


def test_a_picture_can_fill_the_square():
    net, (x, t, _) = quadrant_net("float64"), quadrant_images(4)
    usual = x.mean(axis=0)
    at = occlusion_map(net, x, t, window=12, stride=1, fill=usual)  # one square covers everything
    log = np.log(nnpg.predict(net, x)[np.arange(4), t]) - np.log(nnpg.predict(net, usual[None])[0, t])
    np.testing.assert_allclose(at, np.broadcast_to(log[:, None, None], at.shape), atol=1e-12)


def test_squares_reach_every_pixel_whatever_the_stride():
    net, (x, t, _) = quadrant_net(), quadrant_images(4)
    assert np.isfinite(occlusion_map(net, x, t, window=5, stride=4)).all()
    for window, stride in ((3, 4), (13, 1), (3, 0)):
        with pytest.raises(ValueError, match=r"(stride|window) must be a whole number from 1 to"):
            occlusion_map(net, x, t, window=window, stride=stride)


def test_contributions_of_a_linear_network_add_up_to_its_answer():
    net = nnpg.build([nnpg.conv(3, 3), nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 6, 6), rng=0, dtype="float64")
    x, t = np.random.default_rng(0).normal(size=(5, 1, 6, 6)), np.array([0, 1, 0, 1, 0])
    z = nnpg.predict(net, x)
    for layer in ("input", "conv1"):
        added = np.nansum(contribution_map(net, x, t, layer=layer, of="logit"), axis=(1, 2))
        np.testing.assert_allclose(added, (z - z.mean(axis=0))[np.arange(5), t])
    other = contribution_map(net, x, t, layer="conv1", of="logit", reference=x[:1])
    np.testing.assert_allclose(np.nansum(other, axis=(1, 2)), (z - z[0])[np.arange(5), t], atol=1e-12)


def test_a_hidden_map_is_the_highest_of_its_filters_and_saliency_its_size():
    net = nnpg.build([nnpg.conv(3, 3), nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 6, 6), rng=0, dtype="float64")
    x = np.zeros((1, 1, 6, 6))
    W = net.layers["dense1"].W.reshape(2, 3, 4, 4)
    np.testing.assert_allclose(strongest_map(net, x, [1], layer="conv1", of="logit")[0, 1:-1, 1:-1], W[1].max(axis=0))
    sizes = saliency_map(net, x, [1], layer="conv1", of="logit")
    np.testing.assert_allclose(sizes[0, 1:-1, 1:-1], abs(W[1]).max(axis=0))


def test_points_hits_and_mass_by_hand():
    maps = np.zeros((3, 4, 4))
    maps[0, 1, 2], maps[0, 3, 3], maps[0, 0, 0] = 3, 1, -8
    maps[1, 0, 3] = 2
    maps[2] = -1
    maps[2, 2, 0] = -0.5  # nowhere positive, and still the highest
    regions = np.zeros((3, 4, 4), bool)
    regions[:, 1, 2] = regions[:, 2, 0] = True
    result = score_maps({"m": maps}, regions, groups=["a", "a", "b"], rng=0)
    np.testing.assert_array_equal(result.points["m"], [[1, 2], [0, 3], [2, 0]])
    np.testing.assert_array_equal(result.hits["m"], [True, False, True])
    np.testing.assert_array_equal(result.mass["m"], [0.75, 0.0, np.nan])
    assert result.rate("m") == wilson(2, 3)
    assert result.rate("m", "a") == wilson(1, 2)
    assert result.mean_mass("m") == 0.375
    assert np.isnan(result.mean_mass("m", "b"))
    assert result.expected() == 2 / 16
    nearly = score_maps({"m": maps}, regions, tolerance=1, rng=0)
    np.testing.assert_array_equal(nearly.hits["m"], [True, True, True])
    np.testing.assert_array_equal(nearly.mass["m"], result.mass["m"])
    lines = result.table().splitlines()
    assert [line.split() for line in lines] == [
        ["n", "chance", "m"], ["all", "3", "12%", "67%"], ["a", "2", "12%", "50%"], ["b", "1", "12%", "100%"],
    ]  # fmt: skip
    low, high = wilson(1, 2)[1:]
    assert f"50% ({low:.0%} to {high:.0%})" in result.table(["m"], intervals=True)
    assert len({len(line) for line in result.table(intervals=True).splitlines()}) == 1
    both = join_localisations([result, result])
    assert (both.rate("m", "a"), both.groups) == (wilson(2, 4), result.groups * 2)
    with pytest.raises(ValueError, match="results must be of the same methods"):
        join_localisations([result, score_maps({"other": maps}, regions, rng=0)])


def test_ties_are_broken_at_random_so_a_flat_map_points_everywhere_alike():
    flat, regions = np.ones((5000, 5, 5)), np.ones((5000, 5, 5), bool)
    points = score_maps({"flat": flat}, regions, rng=0).points["flat"]
    counts = np.bincount(points @ [5, 1], minlength=25)
    assert ((counts - 200) ** 2 / 200).sum() < 51.2  # chi-squared with 24 degrees of freedom passes it once in 1000
    np.testing.assert_array_equal(points, score_maps({"flat": flat}, regions, rng=0).points["flat"])


def test_no_point_lies_where_a_map_is_nan():
    maps = np.full((1, 3, 3), np.nan)
    maps[0, 1, 1] = -7
    region = np.zeros((1, 3, 3), bool)
    region[0, 1, 1] = True
    assert score_maps({"m": maps}, region, rng=0).hits["m"].all()


def test_random_maps_hit_by_chance_on_the_built_in_faces():
    data = faces()
    regions = data.masks[data.labels]
    maps = np.random.default_rng(0).random((20, *regions.shape))
    hits = np.concatenate([score_maps({"r": values}, regions, rng=0).hits["r"] for values in maps])
    rate = wilson(int(hits.sum()), len(hits))
    assert rate.low < regions.mean() < rate.high
    exact = score_maps({"truth": regions.astype(float)}, regions, rng=0)
    assert exact.rate("truth").value == 1
    assert exact.mean_mass("truth") == 1


def test_mass_of_each_map_in_each_region():
    maps, regions = np.array([[[3.0, 1.0]], [[0.0, 2.0]]]), np.array([[[True, False]], [[True, True]]])
    np.testing.assert_array_equal(mass_inside(maps[:, None], regions), [[0.75, 1.0], [0.0, 1.0]])


def test_what_does_not_fit_is_refused_before_any_work():
    x, t, regions = quadrant_images(4)
    net = quadrant_net()

    def never(*_):
        raise AssertionError("was called")

    def run(**changes):
        arguments = {"x": x, "classes": t, "regions": regions, "methods": {"m": never}, "rng": 0} | changes
        return benchmark_localisation(net, **arguments)

    with pytest.raises(ValueError, match=r"bool array \(4, 12, 12\), one region for each image, not an array float64"):
        run(regions=regions.astype(float))
    with pytest.raises(ValueError, match="regions: number 2 is empty"):
        run(regions=regions & (np.arange(4) != 2)[:, None, None])
    with pytest.raises(ValueError, match=r"classes must be 4 whole numbers 0 .. 3"):
        run(classes=[0, 1, 2, 4])
    with pytest.raises(ValueError, match="no method may be named 'random'"):
        run(methods={"random": never})
    with pytest.raises(ValueError, match=r"maps\['m'\] must be an array \(4, 12, 12\).*not an array float64 \(4, 3\)"):
        run(methods={"m": lambda *_: np.zeros((4, 3))})
    with pytest.raises(ValueError, match="with a number in each"):
        score_maps({"m": np.full((4, 12, 12), np.nan)}, regions, rng=0)
    with pytest.raises(ValueError, match="groups must be 4 strings, not 1"):
        run(methods={}, groups=["a"])
    with pytest.raises(ValueError, match="maps must hold at least one"):
        score_maps({}, regions, rng=0)
    result = run(methods={"s": saliency_map})
    with pytest.raises(KeyError, match="no method 'S': there are s, random"):
        result.rate("S")
    with pytest.raises(KeyError, match="no group 'mole'"):
        result.rate("s", "mole")
    with pytest.raises(ValueError, match=r"at least one image of shape \(N, 1, 12, 12\)"):
        saliency_map(net, x[:, :, 1:], t)
    flat = nnpg.build([nnpg.Flatten(), nnpg.dense(4), nnpg.Softmax()], input_shape=(1, SIDE, SIDE), rng=0)
    with pytest.raises(ValueError, match="no convolutional block: say which layer"):
        strongest_map(flat, x, t)


def test_the_page_of_results_shows_how_to_score_a_method_of_your_own():
    page = Path(__file__).parents[2] / "docs" / "localisation.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted >= 9
    assert result.failed == 0
