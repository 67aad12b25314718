"""Rankings by removal: knock a filter out and see what the prediction loses, from the whole network or from a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.batches import in_batches
from nnpg.class_gradients import class_means
from nnpg.interventions import Intervention
from nnpg.knockout import To, knock_out
from nnpg.network import Network
from nnpg.rankings.common import as_labelled_images, filter_counts, scores_by_class
from nnpg.scores import FilterScores
from nnpg.seeds import OF, Of, placed_class_outputs
from nnpg.support.arguments import as_choice, as_class_names, as_count, as_generator
from nnpg.support.network_arguments import placed
from nnpg.support.progress import progress_bar
from nnpg.trace import Trace
from nnpg_kernels import Array

BATCH = 256  # images that go through the layers at a time

Removals = list[tuple[str, Intervention]]  # each filter's output, and the intervention that knocks it out


def ablation_scores(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    layers: str | Sequence[str] | None = None,
    of: Of = "prob",
    to: To = "zero",
    reference: npt.ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    rng: int | np.random.Generator | None = None,
    batch: int = BATCH,
) -> FilterScores:
    """Score a filter by what knocking it out alone costs, exactly: mean over X_t of y_t - y_t(without f).

    (Zeiler and Fergus 2014 for regions of the image; Morcos et al. 2018 for units.) Negative where the class does
    better without the filter.

    Parameters
    ----------
    net, x, labels, layers, of, class_names
        As in `filter_scores`.
    to, reference, rng
        As in `knock_out`.
    batch : int
        Images at a time.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Tanh(), nnpg.dense(1)], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.array([[2.0, -1.0]]))
    >>> ablation_scores(net, [[9.0, 9.0]], [0], layers="tanh1", of="logit").scores["tanh1"].round(3)
    array([[ 2., -1.]])
    """
    x, labels = as_labelled_images(net, x, labels)
    as_choice(of, "of", OF)
    counts, class_names = filter_counts(net, layers), as_class_names(class_names, net.K)
    images = in_batches(len(x), as_count(batch, "batch"), BATCH)
    removals = _removals(net, counts, to, reference, rng)
    losses = np.empty((len(x), len(removals)))
    x, true_classes, xp = placed(net, x), placed(net, labels, "labels"), net.backend.xp
    for rows in images:
        trace = net.forward(x[rows])
        intact = _true_outputs(net, trace, true_classes[rows], of)
        traces = (_remove(net, trace, removal)[1] for removal in removals)
        lost = [intact - _true_outputs(net, without, true_classes[rows], of) for without in traces]
        losses[rows] = net.backend.to_numpy(xp.stack(lost, axis=1))
    return scores_by_class(
        _by_layer(losses, counts), labels, net.K, class_names, f"loss of {of} without the filter", of
    )


def shapley_scores(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    pairs: int,
    layers: str | Sequence[str] | None = None,
    of: Of = "prob",
    to: To = "zero",
    reference: npt.ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    rng: int | np.random.Generator,
    batch: int = BATCH,
    progress: bool | None = None,
) -> tuple[FilterScores, FilterScores]:
    """Estimate each filter's Shapley value: what it adds to the prediction, averaged over all orders of joining.

        phi_f = E_order [ v(those before f, and f) - v(those before f) ],   v(S) = mean over X_t of y_t with only S in

    (Shapley 1953; sampled by permutations as in Castro et al. 2009; for filters, Ghorbani and Zou 2020.) Each order is
    also used backwards, which cancels much of the noise (Mitchell et al. 2022). In every order, and so in the
    estimate, the values add up to v(all) - v(none) exactly.

    Parameters
    ----------
    net, x, labels, layers, of, class_names
        As in `filter_scores`.
    pairs : int
        Random orders, each taken forwards and backwards; the error falls with its square root. At least 2.
    to, reference
        As in `knock_out`: the output of a filter that is not in.
    rng : int or numpy.random.Generator
        Draws the orders.
    batch : int
        Images at a time.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    scores, standard_errors : FilterScores

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Tanh(), nnpg.dense(1)], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.array([[2.0, -1.0]]))
    >>> scores, errors = shapley_scores(net, [[9.0, 9.0]], [0], layers="tanh1", of="logit", pairs=2, rng=0)
    >>> scores.scores["tanh1"].round(3), errors.scores["tanh1"].round(3)    # nothing interacts: every order agrees
    (array([[ 2., -1.]]), array([[0., 0.]]))
    """
    x, labels = as_labelled_images(net, x, labels)
    pairs = as_count(pairs, "pairs", least=2)  # a standard error needs two
    as_choice(of, "of", OF)
    counts, rng, class_names = filter_counts(net, layers), as_generator(rng), as_class_names(class_names, net.K)
    images = in_batches(len(x), as_count(batch, "batch"), BATCH)
    removals = _removals(net, counts, to, reference, rng)
    orders = np.array([rng.permutation(len(removals)) for _ in range(pairs)])
    added = np.zeros((pairs, len(x), len(removals)))
    x, true_classes, k = placed(net, x), placed(net, labels, "labels"), net.backend
    with progress_bar("Shapley values", 2 * pairs * len(images), show=progress) as advance:
        for rows in images:
            trace, parts = net.forward(x[rows]), []
            for order in orders:
                of_pair: Any = 0.0
                for leaving in (order, order[::-1]):
                    of_pair = of_pair + _marginals(net, trace, removals, leaving, true_classes[rows], of) / 2
                    advance()
                parts.append(of_pair)
            added[:, rows] = k.to_numpy(k.xp.stack(parts))
    means = np.array([class_means(values, labels, net.K) for values in added])  # (pairs, K, M)
    description = f"Shapley value of {of}"
    scores = FilterScores(_by_layer(means.mean(axis=0), counts), class_names, "", of, what=description)
    errors = means.std(axis=0, ddof=1) / np.sqrt(pairs)
    return scores, replace(scores, scores=_by_layer(errors, counts), what=f"standard error of the {description}")


def _marginals(net: Network, trace: Trace, removals: Removals, order: Array, labels: Array, of: Of) -> Array:
    """Return how much y_t falls as each filter leaves, when they leave in this order, (n, M)."""
    falls: dict[int, Array] = {}
    before = _true_outputs(net, trace, labels, of)
    for f in order.tolist():
        net, trace = _remove(net, trace, removals[f])
        after = _true_outputs(net, trace, labels, of)
        falls[f], before = before - after, after
    return net.backend.xp.stack([falls[f] for f in range(len(removals))], axis=1)


def _remove(net: Network, trace: Trace, removal: tuple[str, Intervention]) -> tuple[Network, Trace]:
    """Knock one filter out, and run again only what comes after it."""
    layer, change = removal
    net = net.intervene(layer, change)
    without, _ = change.forward(net.backend, trace[layer])
    return net, trace.before(layer) | net.forward(without, start=layer)


def _removals(
    net: Network,
    counts: dict[str, int],
    to: To,
    reference: npt.ArrayLike | None,
    rng: int | np.random.Generator | None,
) -> Removals:
    """Return what knocks each filter out: of a layer's interventions, the last F, after those that it had before."""
    filters = [(layer, f) for layer, F in counts.items() for f in range(F)]
    changes = knock_out(net, filters, to=to, reference=reference, rng=rng).interventions
    return [(layer, changes[layer][f - F]) for layer, F in counts.items() for f in range(F)]


def _true_outputs(net: Network, trace: Trace, labels: Array, of: Of) -> Array:
    """Return the output of each image's true class, (n,), in float64, an array of the network's backend."""
    outputs = placed_class_outputs(net, trace, of)
    return outputs[net.backend.xp.arange(len(labels)), labels].astype(np.float64)


def _by_layer(values: Array, counts: dict[str, int]) -> dict[str, Array]:
    """Split (..., M) into (..., F) per layer."""
    parts = np.split(values, np.cumsum(list(counts.values()))[:-1], axis=-1)
    return dict(zip(counts, parts, strict=True))
