"""Switch filters off, one after the other, and record what the network predicts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg import programs
from nnpg.batches import in_batches
from nnpg.interventions import Intervention, Override, Resample
from nnpg.knockout.result import Knockout
from nnpg.network import Network, as_network
from nnpg.prediction import LAYERED
from nnpg.programs.tasks import KnockOut, KnockOuts
from nnpg.scores import Filter
from nnpg.support.arguments import as_choice, as_generator, as_labels, described
from nnpg.support.network_arguments import as_filters, as_images, placed
from nnpg.support.progress import Advance, progress_bar
from nnpg.trace import Trace
from nnpg_kernels import Array

AT_ONCE = 1 << 17  # images times steps per call of a program; Python handles interrupts and the bar between calls

To: TypeAlias = Literal["zero", "mean", "resample"]


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
    trace = None if reference is None else net.forward(reference)
    return _cumulative(net, chosen, _interventions(net, chosen, to, trace, rng))[-1]


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
    rest: Any = {"to": to, "reference": reference, "rng": rng, "batch": batch, "progress": progress}
    return knock_out_curves(net, x, labels, [_known_filters(as_network(net), filters)], **rest)[0]


def knock_out_curves(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    orders: Sequence[Sequence[Filter | tuple[str, int]]],
    *,
    to: To = "zero",
    reference: npt.ArrayLike | None = None,
    rng: int | np.random.Generator | None = None,
    batch: int | None = None,
    progress: bool | None = None,
) -> tuple[Knockout, ...]:
    """Knock filters out in several orders: each result is that of `knock_out_curve` for its order, to the bit.

    Where there is a program for all of them, what the orders have in common is computed once; on a device, all orders
    are computed in one launch.

    Parameters
    ----------
    net, x, labels, to, reference, batch, progress
        As in `knock_out_curve`.
    orders : sequence of filters
        As `filters` in `knock_out_curve`, one sequence for each order; they need not have the same filters.
    rng : int or Generator, optional
        Needed for "resample": every order begins with this seed; a Generator draws for one order after the other.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
    ...                  input_shape=(1, 4, 4), rng=0)
    >>> x = np.random.default_rng(0).random((6, 1, 4, 4))
    >>> there, back = knock_out_curves(net, x, [0, 0, 1, 1, 2, 2], [[("tanh1", 0), ("tanh1", 1)], [("tanh1", 1)]])
    >>> there.predictions.shape, back.predictions.shape
    ((3, 6), (2, 6))
    """
    net = as_network(net)
    if isinstance(orders, str | bytes | Mapping | set) or not isinstance(orders, Collection):
        raise TypeError(f"orders must be a list of lists of filters, not {described(orders)}")
    x, chosen = as_images(net, x, finite=True), [_known_filters(net, filters, "orders") for filters in orders]
    labels = as_labels(labels, len(x), net.K)
    _check_choice(net, to, reference, rng)
    tasks = [KnockOut(tuple((unit.layer, unit.f) for unit in filters), to) for filters in chosen]
    found = [programs.find(net, task) for task in tasks]
    read = to != "zero" or not all(found)
    trace = net.forward(reference) if read and reference is not None else None
    changes = [_interventions(net, filters, to, trace, rng) if read else [] for filters in chosen]
    predictions = [np.empty((len(filters) + 1, len(x)), np.int64) for filters in chosen]
    together = programs.look(net, KnockOuts(tuple(tasks))) if len(tasks) > 1 and all(found) else programs.Found(None)
    sweeps = [_Sweep(*parts) for parts in zip(chosen, changes, found, predictions, strict=True)]
    x = placed(net, x)
    with progress_bar("knocking out", len(x) * sum(map(len, chosen)), show=progress) as advance:
        if together.run is not None:
            for rows in in_batches(len(x), batch, max(LAYERED, AT_ONCE // sum(map(len, predictions)))):
                means = {layer: mean for sweep in sweeps for layer, mean in sweep.means.items()}
                for sweep, classes in zip(sweeps, together.run(x[rows], means), strict=True):
                    sweep.predictions[:, rows] = classes
                    advance(classes[1:].size)
        else:
            for sweep in sweeps:
                _sweep(net, x, sweep, batch, advance)
    return tuple(Knockout(one.filters, one.predictions, labels, net.K, one.program.computed) for one in sweeps)


@dataclass(frozen=True, eq=False)
class _Sweep:
    """An order of filters: how each is switched off, the program, and where the predictions (T + 1, N) go."""

    filters: tuple[Filter, ...]
    changes: list[Intervention]
    program: programs.Found
    predictions: Array

    @property
    def means(self) -> dict[str, Array]:
        """The mean outputs to which filters are set, by layer."""
        pairs = zip(self.filters, self.changes, strict=False)
        return {unit.layer: change.value for unit, change in pairs if type(change) is Override}


def _sweep(net: Network, x: Array, sweep: _Sweep, batch: int | None, advance: Advance) -> None:
    """Knock filters out in one order."""
    run, T = sweep.program.run, len(sweep.filters)
    nets = [] if run else _cumulative(net, sweep.filters, sweep.changes)
    for rows in in_batches(len(x), batch, max(LAYERED, AT_ONCE // (T + 1)) if run else LAYERED):
        if run is not None:
            sweep.predictions[:, rows] = run(x[rows], sweep.means)
            advance(sweep.predictions[1:, rows].size)
            continue
        largest = []
        for step, y in enumerate(outputs_by_layers(nets, x[rows], sweep.filters, sweep.changes)):
            largest.append(y.argmax(axis=-1))
            advance(len(y) if step else 0)
        sweep.predictions[:, rows] = net.backend.to_numpy(net.backend.xp.stack(largest))


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


def _known_filters(
    net: Network, filters: Sequence[Filter | tuple[str, int]], name: str = "filters"
) -> tuple[Filter, ...]:
    """Return filters that the network has, with their scores if they have any."""
    pairs = as_filters(net, filters, name)
    return tuple(Filter(layer, f, *unit[2:]) for (layer, f), unit in zip(pairs, filters, strict=True))


def _interventions(
    net: Network,
    filters: Sequence[Filter],
    to: To,
    trace: Trace | None,
    rng: int | np.random.Generator | None,
) -> list[Intervention]:
    """Return one intervention for each filter; `trace` are the outputs for the reference images."""
    k, draw = net.backend, None if rng is None else as_generator(rng)
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
