"""Rankings from gradients times outputs: first-order Taylor, and conductance, the same along a path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnpg.batches import in_batches
from nnpg.network import Network
from nnpg.prediction import BATCH
from nnpg.rankings.common import as_labelled_images, filter_counts, joined, scores_by_class, sum_over_maps
from nnpg.scores import FilterScores
from nnpg.seeds import Of, class_seed
from nnpg.support.arguments import as_class_names, as_count, as_flag, as_numbers, described
from nnpg.support.network_arguments import placed
from nnpg_kernels import Array


def taylor_scores(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    layers: str | Sequence[str] | None = None,
    of: Of = "prob",
    magnitude: bool = False,
    class_names: Sequence[str] | None = None,
    batch: int = BATCH,
) -> FilterScores:
    """Score a filter by its output times the prediction gradient: what zeroing it costs, to first order.

        y_t - y_t(o_f = 0)  is about  sum_{u in f} o_u dy_t/do_u        averaged over the images of class t

    (Molchanov et al. 2017, Eq. 7-8, who take the magnitude for each image and the loss in place of y_t.)

    Parameters
    ----------
    net, x, labels, layers, of, class_names, batch
        As in `filter_scores`.
    magnitude : bool
        Average the magnitudes, as Molchanov et al. do; otherwise the sign is kept, and a filter without which y_t would
        be higher has a negative score.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Tanh(), nnpg.dense(1)], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.array([[2.0, -1.0]]))
    >>> taylor_scores(net, [[9.0, 9.0]], [0], layers="tanh1", of="logit").scores["tanh1"].round(3)
    array([[ 2., -1.]])
    """
    x, labels = as_labelled_images(net, x, labels)
    magnitude, class_names = as_flag(magnitude, "magnitude"), as_class_names(class_names, net.K)
    names, parts = list(filter_counts(net, layers)), []
    x, true_classes = placed(net, x), placed(net, labels, "labels")
    for rows in in_batches(len(x), as_count(batch, "batch"), BATCH):
        outputs, deltas = _outputs_and_gradients(net, x[rows], true_classes[rows], names, of)
        costs = {name: sum_over_maps(outputs[name] * deltas[name]) for name in names}  # (n, F)
        parts.append({name: abs(cost) for name, cost in costs.items()} if magnitude else costs)
    return scores_by_class(joined(net, parts), labels, net.K, class_names, f"output x d {of} / d output", of)


def conductance_scores(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    baseline: npt.ArrayLike | None = None,
    steps: int = 16,
    layers: str | Sequence[str] | None = None,
    of: Of = "prob",
    class_names: Sequence[str] | None = None,
    batch: int = BATCH,
) -> FilterScores:
    """Score a filter by its conductance: how much of the change of y_t from a baseline to the image goes through it.

        Cond_f(x) = sum_{u in f} integral_0^1 dy_t/do_u . do_u/da da     along  x' + a (x - x')

    (Dhamdhere et al. 2018, Eq. 3.) The conductances of all filters of a layer add up to y_t(x) - y_t(x'), up to the
    error of the trapezoidal rule with `steps` steps.

    Parameters
    ----------
    net, x, labels, layers, of, class_names, batch
        As in `filter_scores`.
    baseline : array that broadcasts against x, optional
        The image x' where the path begins; the mean of x unless given.
    steps : int
        Steps of the integral.

    Raises
    ------
    ValueError
        If the baseline does not fit or there is no step.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Tanh(), nnpg.dense(1)], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.array([[2.0, -1.0]]))
    >>> scores = conductance_scores(net, [[9.0, 9.0]], [0], baseline=0.0, layers="tanh1", of="logit")
    >>> scores.scores["tanh1"].round(3)
    array([[ 2., -1.]])
    """
    x, labels = as_labelled_images(net, x, labels)
    steps, class_names = as_count(steps, "steps"), as_class_names(class_names, net.K)
    names, parts = list(filter_counts(net, layers)), []
    x = x.astype(net.dtype, copy=False)
    expected = f"an array that broadcasts against images {x.shape},"
    start = x.mean(axis=0) if baseline is None else as_numbers(baseline, "baseline", expected, finite=True)
    start = start.astype(x.dtype) if x.dtype.kind == "f" else start
    try:
        fits = np.broadcast_shapes(start.shape, x.shape) == x.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"baseline must be {expected} not {described(start)}")
    x, true_classes = placed(net, x), placed(net, labels, "labels")
    start = net.backend.xp.broadcast_to(placed(net, start, "baseline"), x.shape)
    for rows in in_batches(len(x), as_count(batch, "batch"), BATCH):
        total: dict[str, Array] = {}
        before = _outputs_and_gradients(net, start[rows], true_classes[rows], names, of)
        for step in range(1, steps + 1):
            images = start[rows] + step / steps * (x[rows] - start[rows])
            after = _outputs_and_gradients(net, images, true_classes[rows], names, of)
            for name in names:  # the mean gradient of both ends of the step, times the change of the output
                slope = (before[1][name] + after[1][name]) / 2
                total[name] = total.get(name, 0.0) + sum_over_maps(slope * (after[0][name] - before[0][name]))
            before = after
        parts.append(total)
    return scores_by_class(joined(net, parts), labels, net.K, class_names, f"conductance of {of}", of)


def _outputs_and_gradients(
    net: Network, x: Array, labels: Array, names: list[str], of: Of
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return o and dy_t/do of the named outputs, arrays of the network's backend."""
    trace = net.forward(x)
    layer, seed = class_seed(net, trace, "true", of, labels)
    deltas = net.backward(trace, seed, start=layer, stop=min(names, key=net.names.index), keep=names)
    return {name: trace[name] for name in names}, deltas
