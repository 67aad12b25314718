"""What a comparison of maps with the truth found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnpg.analysis.statistics import Interval, wilson
from nnpg.support.arguments import as_instance, as_sequence, described
from nnpg.support.tables import data_frame
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Localisation:
    """Whether each method's maps point into the true regions, image by image; prints as a table of rates.

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

        The interval takes images to be independent. Those of one person or of one network are not: for results of
        several networks use `nnpg.analysis.statistics.crossed_interval` on their hits.
        """
        hits = self._values(method, self.hits)[self._in_group(group)]
        return wilson(int(hits.sum()), len(hits))

    def mean_mass(self, method: str, group: str | None = None) -> float:
        """Return the mean share of the map's positive part that lies in the region; NaN where no map had any."""
        mass = self._values(method, self.mass)[self._in_group(group)]
        return float(np.nanmean(mass)) if np.isfinite(mass).any() else float("nan")

    def expected(self, group: str | None = None) -> float:
        """Return the rate, and the mass, expected by chance: the regions' mean share of the picture."""
        return float(self.area[self._in_group(group)].mean())

    def table(self, methods: Sequence[str] | None = None, *, intervals: bool = False) -> str:
        """Return the rates as text, a row per group; of all methods unless given, with their intervals if asked."""
        chosen = list(self.hits) if methods is None else list(methods)
        names = [None, *dict.fromkeys(self.groups)] if len(set(self.groups)) > 1 else [None]
        width = max(len(name or "all") for name in names) + 2
        rates = [[self.rate(method, name) for method in chosen] for name in names]
        cells = [[f"{rate:.0%}" if intervals else f"{rate.value:.0%}" for rate in line] for line in rates]
        widths = [max(map(len, column)) + 2 for column in zip(chosen, *cells, strict=True)]
        lines = [" " * width + "n".rjust(6) + "chance".rjust(8) + _joined(chosen, widths)]
        for name, line in zip(names, cells, strict=True):
            n, chance = int(self._in_group(name).sum()), f"{self.expected(name):.0%}"
            lines.append(f"{name or 'all':{width}}{n:6}{chance:>8}" + _joined(line, widths))
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

    def _in_group(self, group: str | None) -> Array:
        if group is not None and (not isinstance(group, str) or group not in self.groups):
            raise KeyError(f"no group {described(group)}: there are {', '.join(dict.fromkeys(self.groups))}")
        return np.array([group is None or name == group for name in self.groups])

    def _values(self, method: str, values: dict[str, Array]) -> Array:
        if not isinstance(method, str) or method not in values:
            raise KeyError(f"no method {described(method)}: there are {', '.join(values)}")
        return values[method]


def join_localisations(results: Sequence[Localisation]) -> Localisation:
    """Put the results of the same methods together, such as those of several networks.

    Parameters
    ----------
    results : Localisation objects

    Returns
    -------
    Localisation
        The images of all results, in their order.

    Raises
    ------
    ValueError
        If there is no result, or they are not of the same methods.

    Examples
    --------
    >>> from nnpg.maps.localisation import score_maps
    >>> region = np.array([[[True, False]]])
    >>> parts = [score_maps({"m": [[row]]}, region, rng=0) for row in ([1.0, 0.0], [0.0, 1.0])]
    >>> join_localisations(parts).rate("m").value
    0.5
    """
    for result in as_sequence(results, "results", "Localisation objects"):
        as_instance(result, Localisation, "each of results")
    methods = [tuple(result.hits) for result in results]
    if not methods or len(set(methods)) != 1:
        raise ValueError(f"results must be of the same methods, at least one, not of {methods}")

    def joined(field: str) -> dict[str, Array]:
        return {method: np.concatenate([getattr(result, field)[method] for result in results]) for method in methods[0]}

    area = np.concatenate([result.area for result in results])
    groups = tuple(group for result in results for group in result.groups)
    return Localisation(joined("points"), joined("hits"), joined("mass"), area, groups)


def _joined(words: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(word.rjust(width) for word, width in zip(words, widths, strict=True))
