"""Does a method point at the right place? Scores for maps of evidence where the truth is known.

It is known for the built-in faces: each person differs from two others by one feature, and `Dataset.masks` holds its
place.

    methods = {"prediction gradient": strongest_map, "saliency": saliency_map}
    result = benchmark_localisation(net, x, labels, masks[labels], methods=methods, groups=features, rng=0)
    result.rate("saliency")                   hits, with their 95% interval; result.expected() is what chance hits
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from nnpg.maps.evidence import contribution_map, saliency_map, strongest_map
from nnpg.maps.occlusion import occlusion_map
from nnpg.maps.results import Localisation
from nnpg.network import Network, as_network
from nnpg.support.arguments import (
    as_count,
    as_function,
    as_generator,
    as_labels,
    as_mapping,
    as_names,
    as_numbers,
    as_units,
    described,
)
from nnpg.support.network_arguments import as_images
from nnpg.support.progress import progress_bar
from nnpg_kernels import Array

MapMethod = Callable[[Network, Array, Array], Array]  # (net, x, classes) -> maps (N, H, W)

METHODS: dict[str, MapMethod] = {
    "prediction gradient": strongest_map,
    "prediction gradient x departure": contribution_map,
    "saliency": saliency_map,
    "occlusion": partial(occlusion_map, progress=False),
}
RANDOM = "random"


def highest_place(values: Array, *, rng: np.random.Generator) -> tuple[int, int]:
    """Return row and column of the highest place of a map (H, W), NaN left out; one at random where several are equal.

    Examples
    --------
    >>> highest_place(np.array([[np.nan, 1.0], [3.0, -9.0]]), rng=np.random.default_rng(0))
    (1, 0)
    """
    i, j = np.nonzero(values == np.nanmax(values))
    n = int(rng.integers(len(i)))
    return int(i[n]), int(j[n])


def mass_inside(maps: npt.ArrayLike, regions: npt.ArrayLike) -> Array:
    """Return the share of each map's positive part that lies inside a region (relevance mass, Arras et al. 2022).

        mass = sum over the region of max(map, 0) / sum over all places of max(map, 0)

    Parameters
    ----------
    maps : array (..., H, W)
    regions : bool array (..., H, W)
        Its leading axes broadcast against those of the maps: (N, 1, H, W) against (R, H, W) scores each map with each.

    Returns
    -------
    array (...)
        NaN for a map that is nowhere positive.

    Examples
    --------
    >>> mass_inside([[3.0, 1.0, -5.0]], [[True, False, True]])
    array(0.75)
    """
    values, inside = as_numbers(maps, "maps", "an array (..., H, W)"), as_units(regions, "regions")
    if values.ndim < 2 or inside.ndim < 2 or values.shape[-2:] != inside.shape[-2:]:
        raise ValueError(f"regions and maps must be of one size (..., H, W), not {inside.shape} and {values.shape}")
    positive = np.clip(np.nan_to_num(values.astype(np.float64), nan=0.0), 0, None)
    total = positive.sum(axis=(-2, -1))
    mass = np.einsum("...hw,...hw->...", positive, inside.astype(np.float64))
    return np.asarray(mass / np.where(total > 0, total, np.nan))


def score_maps(
    maps: Mapping[str, npt.ArrayLike],
    regions: npt.ArrayLike,
    *,
    groups: Sequence[str] | None = None,
    tolerance: int = 0,
    rng: int | np.random.Generator,
) -> Localisation:
    """Score maps from any source against the true regions: the pointing game (Zhang et al. 2018) and relevance mass.

    A map hits if its highest place (`highest_place`) lies in the region; its mass is `mass_inside`.

    Parameters
    ----------
    maps : mapping from name to array (N, H, W)
        Higher is more evidence; NaN where a method says nothing.
    regions : array (N, H, W), bool
        At least one pixel each.
    groups : N strings, optional
        What each image belongs to, for rates of parts.
    tolerance : int
        Pixels, in rows and columns, by which a point may miss the region and still count as a hit.
    rng : int or numpy.random.Generator
        Chooses one of several places that are equally high.

    Returns
    -------
    Localisation

    Raises
    ------
    ValueError
        If shapes do not fit, a region is empty, or a map has no number at all.

    Examples
    --------
    >>> region = np.array([[[True, False, False]]])
    >>> result = score_maps({"right": [[[2.0, 1.0, -5.0]]], "wrong": [[[0.0, 1.0, np.nan]]]}, region, rng=0)
    >>> result.hits, result.mass["right"].round(2)
    ({'right': array([ True]), 'wrong': array([False])}, array([0.67]))
    """
    truth = _as_regions(regions)
    expected = f"an array {truth.shape} with a number in each map,"
    numbers = {
        name: as_numbers(values, f"maps[{name!r}]", expected).astype(np.float64)
        for name, values in as_mapping(maps, "maps", "name to array (N, H, W)").items()
    }
    if not numbers:
        raise ValueError("maps must hold at least one method's, not {}")
    names = ("all",) * len(truth) if groups is None else as_names(groups, "groups", len(truth))
    tolerance, rng = as_count(tolerance, "tolerance", least=0), as_generator(rng)
    near, images = _widened(truth, tolerance), np.arange(len(truth))
    points, hits, mass = {}, {}, {}
    for name, values in numbers.items():
        if values.shape != truth.shape or np.isnan(values).all(axis=(1, 2)).any():
            raise ValueError(f"maps[{name!r}] must be {expected} not {described(values)}")
        points[name] = np.array([highest_place(one, rng=rng) for one in values])
        hits[name] = near[images, points[name][:, 0], points[name][:, 1]]
        mass[name] = mass_inside(values, truth)
    return Localisation(points, hits, mass, truth.mean(axis=(1, 2)), names)


def benchmark_localisation(
    net: Network,
    x: npt.ArrayLike,
    classes: npt.ArrayLike,
    regions: npt.ArrayLike,
    *,
    methods: Mapping[str, MapMethod] | None = None,
    groups: Sequence[str] | None = None,
    tolerance: int = 0,
    rng: int | np.random.Generator,
    progress: bool | None = None,
) -> Localisation:
    """Ask each method where the evidence for a class lies, and count how often it points into the true region.

    Parameters
    ----------
    net : Network
    x : array (N, C, H, W)
    classes : array (N,)
        The class to explain in each image.
    regions : array (N, H, W), bool
        Where the evidence truly is.
    methods : mapping from name to function (net, x, classes) -> maps (N, H, W), optional
        `METHODS` unless given; "random" is always added.
    groups, tolerance
        As in `score_maps`.
    rng : int or numpy.random.Generator
        Draws the random maps, and chooses one of several places that are equally high.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    Localisation

    Raises
    ------
    ValueError
        If images, classes, regions or a method's maps do not fit.

    Examples
    --------
    >>> from nnpg.data import faces
    >>> from nnpg.recipes.models import face_net
    >>> data = faces(identities=3)
    >>> net = face_net(data.x, data.K, rng=0)            # untrained: it cannot know
    >>> groups = [data.features[label] for label in data.labels]
    >>> methods = {"saliency": saliency_map}
    >>> result = benchmark_localisation(net, data.x, data.labels, data.masks[data.labels], methods=methods,
    ...                                 groups=groups, rng=0)
    >>> list(result.hits), round(result.expected(), 3), len(result.hits["saliency"])
    (['saliency', 'random'], 0.031, 33)
    """
    x = as_images(as_network(net), x, least=1, finite=True)
    classes = as_labels(classes, len(x), net.K, "classes")
    truth = _as_regions(regions, (len(x), *x.shape[-2:]))
    rng, names = as_generator(rng), None if groups is None else as_names(groups, "groups", len(x))
    tolerance = as_count(tolerance, "tolerance", least=0)
    methods = (
        METHODS if methods is None else as_mapping(methods, "methods", "name to function (net, x, classes) -> maps")
    )
    for name, method in methods.items():
        as_function(method, f"methods[{name!r}]", "(net, x, classes) -> maps (N, H, W)")
    if RANDOM in methods:
        raise ValueError(f"methods: no method may be named {RANDOM!r}: random maps are added anyway")
    maps = {}
    with progress_bar("looking for the evidence", len(methods), show=progress) as advance:
        for name, method in methods.items():
            maps[name] = method(net, x, classes)
            advance()
    return score_maps(maps | {RANDOM: rng.random(truth.shape)}, truth, groups=names, tolerance=tolerance, rng=rng)


def _as_regions(regions: npt.ArrayLike, shape: tuple[int, ...] | None = None) -> Array:
    """Return regions (N, H, W) as bool, none of them empty."""
    expected = f"a bool array {shape or '(N, H, W)'}, one region for each image,"
    truth = as_numbers(regions, "regions", expected)
    if truth.ndim != 3 or truth.shape != (shape or truth.shape) or truth.dtype != bool or len(truth) == 0:
        raise ValueError(f"regions must be {expected} not {described(truth)}")
    if not truth.any(axis=(1, 2)).all():
        empty = int((~truth.any(axis=(1, 2))).argmax())
        raise ValueError(f"regions: number {empty} is empty, no point could hit it")
    return truth


def _widened(regions: Array, by: int) -> Array:
    """Return the regions with all pixels that are at most `by` rows and columns away from them."""
    padded = np.pad(regions, ((0, 0), (by, by), (by, by)))
    around = np.lib.stride_tricks.sliding_window_view(padded, (2 * by + 1, 2 * by + 1), axis=(1, 2))
    return np.asarray(around.any(axis=(-2, -1)))
