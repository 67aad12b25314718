"""The result of a knock-out: predictions after each step, and the errors that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnpg.scores import Filter
from nnpg.support.arguments import as_count
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Knockout:
    """What a network predicts while filter after filter is knocked out; prints as a table of errors.

    Parameters
    ----------
    filters : T filters
        In the order in which they were knocked out.
    predictions : array (T + 1, N), int
        Row 0 is the intact network.
    labels : array (N,)
    K : int
        Number of classes.
    computed : str
        "compiled" or "layer by layer, because ..."; "" for predictions that this library did not compute.
    """

    filters: tuple[Filter, ...]
    predictions: Array
    labels: Array
    K: int
    computed: str = ""

    @property
    def overall_error(self) -> Array:
        """Fraction of all images that are wrong after each step, (T + 1,)."""
        return (self.predictions != self.labels).mean(axis=1)

    def class_error(self, c: int) -> Array:
        """Fraction of the images of class c that are wrong after each step, (T + 1,)."""
        c = as_count(c, "c", least=0, most=self.K - 1)
        return (self.predictions[:, self.labels == c] != c).mean(axis=1)

    @property
    def modes(self) -> Array:
        """The class predicted most often for the images of each class, (T + 1, K); the first one where two tie."""
        return np.stack([self.confusion(step).argmax(axis=1) for step in range(len(self.predictions))])

    def confusion(self, step: int) -> Array:
        """Images of class t (row) predicted as class c (column) after `step` knock-outs, (K, K)."""
        step = as_count(step, "step", least=0, most=len(self.filters))
        counts = np.zeros((self.K, self.K), np.int64)
        np.add.at(counts, (self.labels, self.predictions[step]), 1)
        return counts

    def __str__(self) -> str:
        return self.table()

    def table(self) -> str:
        """Return one line per step as text: filter, overall error, number of classes mostly misclassified."""
        present = np.unique(self.labels)
        lost = (self.modes[:, present] != present).sum(axis=1)
        names = ("(intact)", *map(str, self.filters))
        rows = [(n, names[n], f"{error:.1%}", int(lost[n])) for n, error in enumerate(self.overall_error)]
        return text_table(("off", "filter", "overall error", "classes lost"), rows)

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per step: step, layer and filter (from 0) knocked out, overall error, error of each class."""
        present = [int(c) for c in np.unique(self.labels)]
        names = [("", None), *((unit.layer, unit.f) for unit in self.filters)]
        columns = [self.overall_error, *(self.class_error(c) for c in present)]
        rows = [(n, *names[n], *(float(column[n]) for column in columns)) for n in range(len(names))]
        return data_frame(("step", "layer", "filter", "overall error", *(f"class {c}" for c in present)), rows)

    def plot(self, path: str | Path | None = None, classes: Sequence[int] = ()) -> Figure:
        """Draw the overall error over the steps, and the errors of the given classes."""
        from nnpg.plots import Panel, error_curves

        series = {"overall error": self.overall_error} | {f"class {c}": self.class_error(c) for c in classes}
        return error_curves([Panel("knock-out", series)], path, columns=1)
