"""Knock-out: switch filters off and record the predictions (Lo & Ding 2015, V.C-D; Lo 2016, 4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg import programs
from nnpg.batches import in_batches
from nnpg.interventions import Intervention, Override, Resample
from nnpg.network import Network, as_network
from nnpg.prediction import LAYERED
from nnpg.programs.tasks import KnockOut
from nnpg.scores import Filter
from nnpg.support.arguments import as_choice, as_count, as_generator, as_labels
from nnpg.support.network_arguments import as_filters, as_images, placed
from nnpg.support.progress import progress_bar
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

AT_ONCE = 1 << 17  # images times steps per call of a program; Python handles interrupts and the bar between calls

To: TypeAlias = Literal["zero", "mean", "resample"]


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


def knock_out(
    net: Network,
    filters: Sequence[Filter | tuple[str, int]],
    *,
    to: To = "zero",
    reference: npt.ArrayLike | None = None,
    rng: int | np.random.Generator | None = None,
) -> Network:
    """Return the network with these filters switched off; it shares all layers with `net`, which is not changed.

    Parameters
    ----------
    net : Network
    filters : (layer, index from 0) each
        Feature maps or dense units of the named outputs.
    to : "zero", "mean" or "resample"
        Set them to 0 (Lo & Ding 2015, V.C), to each unit's mean over `reference`, or to their values for a randomly
        drawn image of `reference`.
    reference : array (M, *net.input_shape), optional
        Needed for "mean" and "resample".
    rng : int or Generator, optional
        Needed for "resample".

    Raises
    ------
    KeyError, IndexError, ValueError
        For an unknown layer or filter, or a missing reference or rng.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh()], input_shape=(1, 4, 4), rng=0)
    >>> y = knock_out(net, [("tanh1", 1)]).forward(np.ones((1, 1, 4, 4))).y
    >>> abs(y).max(axis=(0, 2, 3)) > 0
    array([ True, False])
    """
    net = as_network(net)
    chosen = _known_filters(net, filters)
    _check_choice(net, to, reference, rng)
    return _cumulative(net, chosen, _interventions(net, chosen, to, reference, rng))[-1]


def knock_out_curve(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    filters: Sequence[Filter | tuple[str, int]],
    *,
    to: To = "zero",
    reference: npt.ArrayLike | None = None,
    rng: int | np.random.Generator | None = None,
    batch: int | None = None,
    progress: bool | None = None,
) -> Knockout:
    """Knock filters out one after the other, cumulatively, and record every prediction (Lo & Ding 2015, Fig. 2, 3).

    Each step runs again only the layers after the filter that it knocks out.

    Parameters
    ----------
    net, filters, to, reference, rng
        As in `knock_out`; the order is the order of `filters`: `scores.strongest(row)` or `scores.weakest(row)`.
    x : array (N, *net.input_shape)
    labels : array (N,)
    batch : int, optional
        Images at a time; the default depends on how it is computed.
    progress : bool, optional
        Draw a progress bar; by default, only on a terminal.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
    ...                  input_shape=(1, 4, 4), rng=0)
    >>> x = np.random.default_rng(0).random((6, 1, 4, 4))
    >>> curve = knock_out_curve(net, x, [0, 0, 1, 1, 2, 2], [("tanh1", 0), ("tanh1", 1)])
    >>> curve.predictions.shape, len(set(curve.predictions[-1]))   # without any filter, one prediction for all
    ((3, 6), 1)
    """
    net = as_network(net)
    x, chosen = as_images(net, x, finite=True), _known_filters(net, filters)
    labels, T = as_labels(labels, len(x), net.K), len(chosen)
    _check_choice(net, to, reference, rng)
    predictions = np.empty((T + 1, len(x)), np.int64)
    program = programs.find(net, KnockOut(tuple((unit.layer, unit.f) for unit in chosen), to))
    changes = [] if program and to == "zero" else _interventions(net, chosen, to, reference, rng)
    means = {
        unit.layer: change.value for unit, change in zip(chosen, changes, strict=False) if type(change) is Override
    }
    nets = [] if program else _cumulative(net, chosen, changes)
    x = placed(net, x)
    with progress_bar("knocking out", len(x) * T, show=progress) as advance:
        for rows in in_batches(len(x), batch, max(LAYERED, AT_ONCE // (T + 1)) if program else LAYERED):
            if program.run is not None:
                predictions[:, rows] = program.run(x[rows], means)
                advance(predictions[1:, rows].size)
                continue
            largest = []
            for step, y in enumerate(outputs_by_layers(nets, x[rows], chosen, changes)):
                largest.append(y.argmax(axis=-1))
                advance(len(y) if step else 0)
            predictions[:, rows] = net.backend.to_numpy(net.backend.xp.stack(largest))
    return Knockout(chosen, predictions, labels, net.K, program.computed)


def outputs_by_layers(
    nets: list[Network], x: Array, filters: Sequence[Filter], changes: list[Intervention]
) -> Iterator[Array]:
    """Yield y (N, K) of the intact network, then after each knock-out: the definition, which programs must equal.

    They are arrays of the networks' backend.

    Parameters
    ----------
    nets : T + 1 networks
        With the first 0, 1, ... T filters knocked out.
    x : array (N, *net.input_shape)
    filters, changes : T filters, and the intervention that switches each one off
        It is applied here to the output of its layer: a forward pass that starts there skips what `net` does to it.
    """
    k = nets[0].backend
    trace = nets[0].forward(x)
    yield trace.y
    for unit, change, net in zip(filters, changes, nets[1:], strict=True):
        changed, _ = change.forward(k, trace[unit.layer])  # (N, F, H, W), filter f set to 0 (`interventions.Override`)
        trace = trace.before(unit.layer) | net.forward(changed, start=unit.layer)  # only the later layers run again
        yield trace.y


def _cumulative(net: Network, filters: Sequence[Filter], changes: list[Intervention]) -> list[Network]:
    """Return the networks with the first 0, 1, 2 ... filters knocked out."""
    nets = [net]
    for unit, change in zip(filters, changes, strict=True):
        nets.append(nets[-1].intervene(unit.layer, change))
    return nets


def _known_filters(net: Network, filters: Sequence[Filter | tuple[str, int]]) -> tuple[Filter, ...]:
    """Return filters that the network has, with their scores if they have any."""
    pairs = as_filters(net, filters)
    return tuple(Filter(layer, f, *unit[2:]) for (layer, f), unit in zip(pairs, filters, strict=True))


def _interventions(
    net: Network,
    filters: Sequence[Filter],
    to: To,
    reference: npt.ArrayLike | None,
    rng: int | np.random.Generator | None,
) -> list[Intervention]:
    """Return one intervention for each filter."""
    k, draw = net.backend, None if rng is None else as_generator(rng)
    trace = None if reference is None else net.forward(reference)
    values: dict[str, Any] = {}
    changes: list[Intervention] = []
    for layer, f, *_ in filters:
        F, *size = net.shapes[layer]
        units = (k.xp.arange(F) == f).reshape(-1, *[1] * len(size))
        if to == "resample" and trace is not None and draw is not None:
            changes.append(Resample(units, trace[layer], int(draw.integers(2**63))))
        else:
            if layer not in values:
                mean = None if to == "zero" or trace is None else trace[layer].mean(axis=0)
                values[layer] = k.xp.zeros((), net.dtype) if mean is None else mean
            changes.append(Override(units, values[layer]))
    return changes


def _check_choice(net: Network, to: To, reference: npt.ArrayLike | None, rng: int | np.random.Generator | None) -> None:
    """Raise an error before any work if `to` is unknown, or `reference` or `rng` is missing or wrong."""
    as_choice(to, "to", ("zero", "mean", "resample"))
    if reference is not None:
        as_images(net, reference, "reference", least=1, finite=True)
    if rng is not None:
        as_generator(rng)
    if to != "zero" and reference is None:
        raise ValueError(f"to={to!r} needs reference images, not None: pass reference=x, such as the training images")
    if to == "resample" and rng is None:
        raise ValueError("to='resample' draws images at random: pass rng=a seed, not None")
