"""Does a method point at the right place? Scores for maps of evidence where the truth is known.

The built-in faces know it: each person differs from two others by one planted feature, and `Dataset.masks` says where.

    methods = {"prediction gradient": strongest_map, "saliency": saliency_map}
    found = benchmark_localisation(net, x, labels, masks[labels], methods=methods, groups=features, rng=0)
    found.rate("saliency")                    hits, with their 95% interval; found.expected() is what chance hits
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.analysis.statistics import Interval, wilson
from nnpg.maps.evidence import contribution_map, occlusion_map, saliency_map, strongest_map
from nnpg.network import Network
from nnpg.support.arguments import (
    as_count,
    as_function,
    as_generator,
    as_instance,
    as_labels,
    as_mapping,
    as_names,
    as_numbers,
    as_sequence,
    as_units,
    described,
)
from nnpg.support.network_arguments import as_images, as_network
from nnpg.support.progress import progress as progress_bar
from nnpg.support.tables import data_frame
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

MapMethod = Callable[[Network, Array, Array], Array]  # (net, x, classes) -> maps (N, H, W)

METHODS: dict[str, MapMethod] = {
    "prediction gradient": strongest_map,
    "prediction gradient x departure": contribution_map,
    "saliency": saliency_map,
    "occlusion": partial(occlusion_map, progress=False),
}
RANDOM = "random"


@dataclass(frozen=True, eq=False)
class Localisation:
    """What each method's maps came to, image by image.

    Parameters
    ----------
    points : dict
        points["saliency"] is an int array (N, 2): row and column of each map's highest place.
    hits : dict
        hits["saliency"] is a bool array (N,): is that place in the region?
    mass : dict
        mass["saliency"] is an array (N,): the share of the map's positive part that lies in the region.
    area : array (N,)
        The region's share of the picture: what a random point hits.
    groups : N strings
        What each image belongs to, such as the feature that was planted.
    """

    points: dict[str, Array]
    hits: dict[str, Array]
    mass: dict[str, Array]
    area: Array
    groups: tuple[str, ...]

    def rate(self, method: str, group: str | None = None) -> Interval:
        """Return the share of images, all or of one group, whose highest place is in the region (95% Wilson).

        The interval takes images for independent, which those of one person, or of one network, are not: for results
        of several networks take `nnpg.analysis.statistics.crossed_interval` of their hits.
        """
        own = self._known(method, self.hits)[self._of(group)]
        return wilson(int(own.sum()), len(own))

    def mean_mass(self, method: str, group: str | None = None) -> float:
        """Return the mean share of the map's positive part that lies in the region; NaN where no map had any."""
        own = self._known(method, self.mass)[self._of(group)]
        return float(np.nanmean(own)) if np.isfinite(own).any() else float("nan")

    def expected(self, group: str | None = None) -> float:
        """Return the rate, and the mass, expected by chance: the regions' mean share of the picture."""
        return float(self.area[self._of(group)].mean())

    def table(self, methods: Sequence[str] | None = None, *, intervals: bool = False) -> str:
        """Return the rates as text, a row a group; of all methods unless named, with their intervals if asked."""
        chosen = list(self.hits) if methods is None else list(methods)
        names = [None, *dict.fromkeys(self.groups)] if len(set(self.groups)) > 1 else [None]
        wide = max(len(name or "all") for name in names) + 2
        rates = [[self.rate(method, name) for method in chosen] for name in names]
        cells = [[f"{r.value:.0%}" + f" ({r.low:.0%} to {r.high:.0%})" * intervals for r in line] for line in rates]
        columns = [max(map(len, column)) + 2 for column in zip(chosen, *cells, strict=True)]
        lines = [" " * wide + "n".rjust(6) + "chance".rjust(8) + _cells(chosen, columns)]
        for name, line in zip(names, cells, strict=True):
            n, chance = int(self._of(name).sum()), f"{self.expected(name):.0%}"
            lines.append(f"{name or 'all':{wide}}{n:6}{chance:>8}" + _cells(line, columns))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per image and method: image, group, method, row, column, hit, mass, area of the region."""
        rows = [
            (
                n,
                group,
                method,
                *map(int, self.points[method][n]),
                bool(hits[n]),
                float(self.mass[method][n]),
                float(area),
            )
            for method, hits in self.hits.items()
            for n, (group, area) in enumerate(zip(self.groups, self.area, strict=True))
        ]
        return data_frame(("image", "group", "method", "row", "column", "hit", "mass", "area"), rows)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw each method's rate with its interval, and the rate expected by chance."""
        from nnpg.plots import Measured, interval_plot

        chance = {"chance": Interval(self.expected(), float("nan"), float("nan"))}
        rates = {method: self.rate(method) for method in self.hits}
        return interval_plot(
            [Measured("highest place in the region", chance | rates, "share of images")], path, columns=1
        )

    def _of(self, group: str | None) -> Array:
        if group is not None and (not isinstance(group, str) or group not in self.groups):
            raise KeyError(f"no group {described(group)}: there are {', '.join(dict.fromkeys(self.groups))}")
        return np.array([group is None or own == group for own in self.groups])

    def _known(self, method: str, values: dict[str, Array]) -> Array:
        if not isinstance(method, str) or method not in values:
            raise KeyError(f"no method {described(method)}: there are {', '.join(values)}")
        return values[method]


def benchmark_localisation(
    net: Network,
    x: npt.ArrayLike,
    classes: npt.ArrayLike,
    regions: npt.ArrayLike,
    *,
    rng: int | np.random.Generator,
    methods: Mapping[str, MapMethod] | None = None,
    groups: Sequence[str] | None = None,
    tolerance: int = 0,
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
    rng : int or numpy.random.Generator
        Draws the random maps and breaks ties.
    methods : mapping from name to function (net, x, classes) -> maps (N, H, W), optional
        `METHODS` unless given; "random" is always added.
    groups, tolerance
        As in `score_maps`.
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
    >>> groups = [data.features[t] for t in data.labels]
    >>> methods = {"saliency": saliency_map}
    >>> found = benchmark_localisation(net, data.x, data.labels, data.masks[data.labels], methods=methods,
    ...                                groups=groups, rng=0)
    >>> list(found.hits), round(found.expected(), 3), len(found.hits["saliency"])
    (['saliency', 'random'], 0.031, 33)
    """
    x = as_images(as_network(net), x, least=1, finite=True)
    t = as_labels(classes, len(x), net.K, "classes")
    truth = _checked_regions(regions, (len(x), *x.shape[-2:]))
    draw, labels = as_generator(rng), None if groups is None else as_names(groups, "groups", len(x))
    tolerance = as_count(tolerance, "tolerance", least=0)
    chosen = (
        METHODS if methods is None else as_mapping(methods, "methods", "name to function (net, x, classes) -> maps")
    )
    for name, method in chosen.items():
        as_function(method, f"methods[{name!r}]", "(net, x, classes) -> maps (N, H, W)")
    if RANDOM in chosen:
        raise ValueError(f"methods: no method may be named {RANDOM!r}: random maps are added anyway")
    maps = {}
    with progress_bar("looking for the evidence", len(chosen), show=progress) as advance:
        for name, method in chosen.items():
            maps[name] = method(net, x, t)
            advance()
    return score_maps(maps | {RANDOM: draw.random(truth.shape)}, truth, rng=draw, groups=labels, tolerance=tolerance)


def score_maps(
    maps: Mapping[str, npt.ArrayLike],
    regions: npt.ArrayLike,
    *,
    rng: int | np.random.Generator,
    groups: Sequence[str] | None = None,
    tolerance: int = 0,
) -> Localisation:
    """Score maps from any source against the true regions: the pointing game (Zhang et al. 2018) and relevance mass.

    Parameters
    ----------
    maps : mapping from name to array (N, H, W)
        Higher is more evidence; NaN where a method says nothing.
    regions : array (N, H, W), bool
        At least one pixel each.
    rng : int or numpy.random.Generator
        Breaks ties between equally high places.
    groups : N strings, optional
        For rates of parts.
    tolerance : int
        Pixels, in rows and columns, by which a point may miss the region and still count as a hit.

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
    >>> found = score_maps({"right": [[[2.0, 1.0, -5.0]]], "wrong": [[[0.0, 1.0, np.nan]]]}, region, rng=0)
    >>> found.hits, found.mass["right"].round(2)
    ({'right': array([ True]), 'wrong': array([False])}, array([0.67]))
    """
    truth = _checked_regions(regions)
    expected = f"an array {truth.shape} with a number in each map,"
    given = {
        name: as_numbers(own, f"maps[{name!r}]", expected).astype(np.float64)
        for name, own in as_mapping(maps, "maps", "name to array (N, H, W)").items()
    }
    if not given:
        raise ValueError("maps must hold at least one method's, not {}")
    labels = ("all",) * len(truth) if groups is None else as_names(groups, "groups", len(truth))
    tolerance, draw = as_count(tolerance, "tolerance", least=0), as_generator(rng)
    near, every = _widened(truth, tolerance), np.arange(len(truth))
    points, hits, mass = {}, {}, {}
    for name, own in given.items():
        if own.shape != truth.shape or np.isnan(own).all(axis=(1, 2)).any():
            raise ValueError(f"maps[{name!r}] must be {expected} not {described(own)}")
        points[name] = np.array([highest(one, draw) for one in own])
        hits[name] = near[every, points[name][:, 0], points[name][:, 1]]
        mass[name] = mass_inside(own, truth)
    return Localisation(points, hits, mass, truth.mean(axis=(1, 2)), labels)


def pooled(found: Sequence[Localisation]) -> Localisation:
    """Put several results of the same methods together, such as those of several networks.

    Examples
    --------
    >>> region = np.array([[[True, False]]])
    >>> parts = [score_maps({"m": [[row]]}, region, rng=0) for row in ([1.0, 0.0], [0.0, 1.0])]
    >>> pooled(parts).rate("m").value
    0.5
    """
    for one in as_sequence(found, "found", "Localisation objects"):
        as_instance(one, Localisation, "each of found")
    methods = [tuple(one.hits) for one in found]
    if not methods or len(set(methods)) != 1:
        raise ValueError(f"found must be results of the same methods, at least one, not of {methods}")

    def joined(which: str) -> dict[str, Array]:
        return {method: np.concatenate([getattr(one, which)[method] for one in found]) for method in methods[0]}

    area = np.concatenate([one.area for one in found])
    groups = tuple(group for one in found for group in one.groups)
    return Localisation(joined("points"), joined("hits"), joined("mass"), area, groups)


def highest(one: Array, rng: np.random.Generator) -> tuple[int, int]:
    """Return row and column of the highest place of a map (H, W), NaN aside; one of them at random if there are more.

    Examples
    --------
    >>> highest(np.array([[np.nan, 1.0], [3.0, -9.0]]), np.random.default_rng(0))
    (1, 0)
    """
    i, j = np.nonzero(one == np.nanmax(one))
    n = int(rng.integers(len(i)))
    return int(i[n]), int(j[n])


def mass_inside(maps: npt.ArrayLike, regions: npt.ArrayLike) -> Array:
    """Return the share of each map's positive part that lies inside a region (relevance mass, Arras et al. 2022).

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
    m, truth = as_numbers(maps, "maps", "an array (..., H, W)"), as_units(regions, "regions")
    if m.ndim < 2 or truth.ndim < 2 or m.shape[-2:] != truth.shape[-2:]:
        raise ValueError(f"regions and maps must be of one size (..., H, W), not {truth.shape} and {m.shape}")
    positive = np.clip(np.nan_to_num(m.astype(np.float64), nan=0.0), 0, None)
    all_ = positive.sum(axis=(-2, -1))
    inside = np.einsum("...hw,...hw->...", positive, truth.astype(np.float64))
    return np.asarray(inside / np.where(all_ > 0, all_, np.nan))


def _checked_regions(regions: npt.ArrayLike, shape: tuple[int, ...] | None = None) -> Array:
    wanted = f"a bool array {shape or '(N, H, W)'}, one region for each image,"
    truth = as_numbers(regions, "regions", wanted)
    if truth.ndim != 3 or truth.shape != (shape or truth.shape) or truth.dtype != bool or len(truth) == 0:
        raise ValueError(f"regions must be {wanted} not {described(truth)}")
    if not truth.any(axis=(1, 2)).all():
        empty = int((~truth.any(axis=(1, 2))).argmax())
        raise ValueError(f"regions: number {empty} is empty, no point could hit it")
    return truth


def _widened(regions: Array, by: int) -> Array:
    padded = np.pad(regions, ((0, 0), (by, by), (by, by)))
    around = np.lib.stride_tricks.sliding_window_view(padded, (2 * by + 1, 2 * by + 1), axis=(1, 2))
    return np.asarray(around.any(axis=(-2, -1)))


def _cells(words: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(word.rjust(width) for word, width in zip(words, widths, strict=True))
