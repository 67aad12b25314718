"""From a gradient to a ranking: one number per filter (Lo & Ding 2015, III.D), or one map per image (saliency)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg import programs
from nnpg.batches import in_batches
from nnpg.class_gradients import class_gradient, class_means
from nnpg.network import Network, as_network
from nnpg.prediction import BATCH, PredictionGradient, as_layers, gradients_in_batches
from nnpg.programs.tasks import Gradients
from nnpg.seeds import Of, as_of
from nnpg.support.arguments import (
    as_choice,
    as_class_names,
    as_count,
    as_flag,
    as_instance,
    as_labels,
    as_sequence,
    described,
)
from nnpg.support.crossings import values_to_numpy
from nnpg.support.network_arguments import as_images
from nnpg.support.tables import data_frame
from nnpg_command import printable
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

NORMS: dict[str, Callable[[Array, Any], Array]] = {
    "frobenius": lambda d, axis: np.sqrt((d * d).sum(axis=axis)),  # as in the papers; grows with the size of the map
    "l1": lambda d, axis: abs(d).sum(axis=axis),
    "max": lambda d, axis: abs(d).max(axis=axis),
    "rms": lambda d, axis: np.sqrt((d * d).mean(axis=axis)),  # comparable between maps of different size
    "mean": lambda d, axis: d.mean(axis=axis),  # keeps the sign
}


class Filter(NamedTuple):
    """A feature map (or a dense unit): output `layer`, index `f` from 0, and its score; prints as `pool1[2]`.

    Examples
    --------
    >>> print(Filter("pool1", 2))
    pool1[2]
    """

    layer: str
    f: int
    score: float = float("nan")

    def __str__(self) -> str:
        return f"{self.layer}[{self.f}]"


@dataclass(frozen=True, eq=False)
class FilterScores:
    """A score for every filter, one row per image or class; prints as the papers' Table III.

    Parameters
    ----------
    scores : dict
        scores["pool1"] is an array (R, F).
    rows : R strings
    norm, of, average : str
        How the scores were made.
    what : str
        The quantity in words, if it is not the norm of the prediction gradient.
    """

    scores: dict[str, Array]
    rows: tuple[str, ...]
    norm: str
    of: str
    average: str = ""
    what: str = ""

    @property
    def description(self) -> str:
        """What a score is, in words."""
        quantity = self.what or f"{self.norm} of d {self.of} / d output"
        return ", ".join(filter(None, (quantity, self.average.replace("_", " "))))

    def strongest(self, row: int | str, n: int | None = None) -> list[Filter]:
        """Return the n filters with the highest scores, strongest first; by default, all."""
        return self._ranked(row, -1)[: None if n is None else as_count(n, "n", least=0)]

    def weakest(self, row: int | str, n: int | None = None) -> list[Filter]:
        """Return the n filters with the lowest scores, weakest first; by default, all."""
        return self._ranked(row, 1)[: None if n is None else as_count(n, "n", least=0)]

    @property
    def matrix(self) -> Array:
        """All filters side by side, (R, filters), in the order of the layers."""
        return np.concatenate(list(self.scores.values()), axis=1)

    def __str__(self) -> str:
        return self.table()

    def table(self, n: int = 8, rows: Sequence[int | str] | None = None) -> str:
        """Return the n strongest and weakest filters of each row as text."""
        n = as_count(n, "n", least=0)
        if rows is not None:
            as_sequence(rows, "rows", "rows, by name or number")
        lines = [f"{self.description}", f"{'':16}{'strongest':28}weakest"]
        for row in self.rows if rows is None else rows:
            pairs = zip(self.strongest(row, n), self.weakest(row, n), strict=True)
            for i, (strong, weak) in enumerate(pairs):
                label = printable(self.rows[self.row_index(row)]) if i == 0 else ""
                lines.append(f"{label:16}{_cell(strong):28}{_cell(weak):28}".rstrip())
        return "\n".join(lines)

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per row and filter: row, layer, filter (from 0), score."""
        lines = [
            (row, layer, f, scores[r, f])
            for r, row in enumerate(self.rows)
            for layer, scores in self.scores.items()
            for f in range(scores.shape[1])
        ]
        return data_frame(("row", "layer", "filter", "score"), lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, for JSON."""
        return {
            "norm": self.norm,
            "of": self.of,
            "average": self.average,
            "what": self.what,
            "rows": list(self.rows),
            "scores": {layer: s.tolist() for layer, s in self.scores.items()},
        }

    def plot(self, path: str | Path | None = None, rows: Sequence[int | str] | None = None) -> Figure:
        """Draw the papers' network diagram: one circle per feature map, brighter where the gradient is higher."""
        from nnpg.plots import network_diagram

        return network_diagram(self, path, rows=rows)

    def row_index(self, row: int | str) -> int:
        """Return the index of a row, given its name or index."""
        if isinstance(row, str) and row in self.rows:
            return self.rows.index(row)
        if not isinstance(row, str | int | np.integer) or isinstance(row, bool):
            raise TypeError(
                f"row must be a name or a number, not {described(row)}; the rows are {', '.join(self.rows)}"
            )
        if isinstance(row, str) or not -len(self.rows) <= row < len(self.rows):
            raise KeyError(f"no row {row!r}; the rows are {', '.join(self.rows)}")
        return int(row)

    def _ranked(self, row: int | str, sign: int) -> list[Filter]:
        r = self.row_index(row)
        if any(np.isnan(scores[r]).any() for scores in self.scores.values()):
            raise ValueError(f"row {self.rows[r]!r} has no scores: there was no image of this class")
        filters = [Filter(layer, f, float(s)) for layer, scores in self.scores.items() for f, s in enumerate(scores[r])]
        return sorted(filters, key=lambda unit: sign * unit.score)


def convolutional_gradient(gradient: PredictionGradient, norm: str = "frobenius") -> FilterScores:
    """Collapse each feature map's gradient into one number (Lo & Ding 2015, III.D: the Frobenius norm).

    Parameters
    ----------
    gradient : PredictionGradient
        Of one class for each image; if it has several classes, choose one with `gradient.for_class(c)`.
    norm : "frobenius", "l1", "max", "rms" or "mean"

    Returns
    -------
    FilterScores
        A dense unit is a map of one pixel.

    Examples
    --------
    >>> pg = PredictionGradient({"pool1": np.full((1, 2, 2, 2), 0.5)}, "true", "prob", ("image 0",))
    >>> convolutional_gradient(pg).scores["pool1"]
    array([[1., 1.]])
    """
    collapse = as_norm(norm)
    _one_class_only(gradient)
    scores = {name: collapse(d.reshape(*d.shape[:2], -1), -1) for name, d in gradient.deltas.items()}
    return FilterScores(scores, gradient.rows, norm, gradient.of)


def saliency(gradient: PredictionGradient, norm: str = "max") -> dict[str, Array]:
    """Collapse the maps into one: how much the prediction depends on each place, (N, H, W) per layer (Simonyan 2013).

    Examples
    --------
    >>> pg = PredictionGradient({"input": np.array([[[[-3.0, 1.0]], [[2.0, 0.0]]]])}, "true", "prob", ("image 0",))
    >>> saliency(pg)["input"]
    array([[[3., 1.]]])
    """
    collapse = as_norm(norm)
    _one_class_only(gradient)
    flat = [name for name, d in gradient.deltas.items() if d.ndim != 4]
    if flat:
        raise ValueError(f"saliency needs feature maps (N, F, H, W); {flat[0]!r} has {gradient[flat[0]].ndim - 1} axes")
    return {name: collapse(d, -3) for name, d in gradient.deltas.items()}


def filter_scores(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    layers: str | Sequence[str] | None = None,
    norm: str = "frobenius",
    average: Literal["norm_of_mean", "mean_of_norms"] = "norm_of_mean",
    of: Of = "prob",
    class_names: Sequence[str] | None = None,
    batch: int | None = None,
    progress: bool | None = None,
) -> FilterScores:
    """Score every filter for every class: the ranking behind Table III of Lo & Ding 2015.

    Parameters
    ----------
    net, x, labels, layers, of, class_names, batch, progress
        As in `class_gradient`.
    norm : "frobenius", "l1", "max", "rms" or "mean"
    average : "norm_of_mean" or "mean_of_norms"
        Norm of the class gradient (Lo 2016, 4.2.2), or mean over the images of the norm of each image.

    Returns
    -------
    FilterScores
        One row per class.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
    ...                  input_shape=(1, 4, 4), rng=0)
    >>> x = np.random.default_rng(0).random((6, 1, 4, 4))
    >>> scores = filter_scores(net, x, [0, 0, 1, 1, 2, 2])
    >>> print(scores.table(1, rows=[0]))
    frobenius of d prob / d output, norm of mean
                    strongest                   weakest
    class 0         tanh1[0]     0.27364        tanh1[1]     0.12480
    """
    as_norm(norm)
    if progress is not None:
        as_flag(progress, "progress")
    average = as_choice(average, "average", ("norm_of_mean", "mean_of_norms"))  # type: ignore[assignment]
    if average == "norm_of_mean":
        mean = class_gradient(
            net, x, labels, layers=layers, of=of, class_names=class_names, batch=batch, progress=progress
        )
        result = convolutional_gradient(mean, norm)
    else:
        result = _mean_of_norms(net, x, labels, layers, norm, of, class_names, batch)
    return FilterScores(result.scores, result.rows, norm, of, average)


def _mean_of_norms(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    layers: str | Sequence[str] | None,
    norm: str,
    of: Of,
    class_names: Sequence[str] | None,
    batch: int | None,
) -> FilterScores:
    net, of, k = as_network(net), as_of(of), net.backend
    x, names, collapse = as_images(net, x, finite=True), as_layers(net, layers), as_norm(norm)
    labels, rows = as_labels(labels, len(x), net.K), as_class_names(class_names, net.K)
    program, slices = programs.find(net, Gradients(names, of, len(x))), in_batches(len(x), batch, BATCH)
    batches = gradients_in_batches(net, program, x, names, "true", labels, of, slices, stays=True)
    parts = [{n: collapse(d.reshape(*d.shape[:2], -1), -1) for n, d in deltas.items()} for _, deltas in batches]
    norms = values_to_numpy(k, {n: k.xp.concatenate([part[n] for part in parts]) for n in names})  # (N, F)
    scores = {layer: class_means(values, labels, net.K) for layer, values in norms.items()}  # (K, F)
    return FilterScores(scores, rows, norm, of)


def as_norm(norm: str) -> Callable[[Array, Any], Array]:
    """Return the function (array, axis) -> array of the norm with this name."""
    return NORMS[as_choice(norm, "norm", NORMS)]


def _one_class_only(gradient: PredictionGradient) -> None:
    as_instance(gradient, PredictionGradient, "gradient")
    if isinstance(gradient.classes, tuple):
        raise ValueError(f"this gradient is of {len(gradient.classes)} classes: choose one with gradient.for_class(c)")


def _cell(unit: Filter) -> str:
    return f"{unit!s:12} {unit.score:.5f}"
