"""Rankings by removal: take a filter away and see what the prediction loses, alone or in every company."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nnpg.class_gradients import class_means
from nnpg.interventions import Intervention
from nnpg.knockout import To, knock_out
from nnpg.network import Network
from nnpg.rankings.common import class_outputs, examples, filter_counts, scores_by_class
from nnpg.scores import FilterScores
from nnpg.seeds import OF, Of
from nnpg.support.arguments import as_choice, as_class_names, as_count, as_generator
from nnpg.support.progress import progress_bar
from nnpg.trace import Trace
from nnpg_kernels import Array

Players = list[tuple[str, Intervention]]  # each filter's output, and what knocks it out


def ablation_scores(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    layers: str | Sequence[str] | None = None,
    of: Of = "prob",
    to: To = "zero",
    reference: npt.ArrayLike | None = None,
    rng: int | np.random.Generator | None = None,
    class_names: Sequence[str] | None = None,
    batch: int = 256,
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
    x, t = examples(net, x, labels)
    as_choice(of, "of", OF)
    counts, batch, rows = filter_counts(net, layers), as_count(batch, "batch"), as_class_names(class_names, net.K)
    players = _players(net, counts, to, reference, rng)
    lost = np.empty((len(x), len(players)))
    for n in range(0, len(x), batch):
        some = slice(n, n + batch)
        trace = net.forward(x[some])
        intact = _true(net, trace, t[some], of)
        for p, player in enumerate(players):
            _, without = _remove(net, trace, player)
            lost[some, p] = intact - _true(net, without, t[some], of)
    return scores_by_class(_by_layer(lost, counts), t, net.K, rows, f"loss of {of} without the filter", of)


def shapley_scores(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    pairs: int,
    rng: int | np.random.Generator,
    layers: str | Sequence[str] | None = None,
    of: Of = "prob",
    to: To = "zero",
    reference: npt.ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    batch: int = 256,
    progress: bool | None = None,
) -> tuple[FilterScores, FilterScores]:
    """Estimate each filter's Shapley value: what it adds to the prediction, averaged over all orders of joining.

        phi_f = E_order [ v(those before f, and f) - v(those before f) ],   v(S) = mean over X_t of y_t with only S in

    (Shapley 1953; sampled by permutations as in Castro et al. 2009; for filters, Ghorbani and Zou 2020.) Each order is
    taken backwards too, which cancels much of the noise (Mitchell et al. 2022). In every order, and so in the
    estimate, the values add up to v(all) - v(none) exactly.

    Parameters
    ----------
    net, x, labels, layers, of, class_names
        As in `filter_scores`.
    pairs : int
        Random orders, each taken forwards and backwards; the error falls with its square root. At least 2.
    rng : int or numpy.random.Generator
        Draws the orders.
    to, reference
        As in `knock_out`: what a filter that is not in gives.
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
    x, t = examples(net, x, labels)
    pairs, batch = as_count(pairs, "pairs", least=2), as_count(batch, "batch")  # a standard error needs two
    as_choice(of, "of", OF)
    counts, draw, rows = filter_counts(net, layers), as_generator(rng), as_class_names(class_names, net.K)
    players = _players(net, counts, to, reference, draw)
    orders = np.array([draw.permutation(len(players)) for _ in range(pairs)])
    added = np.zeros((pairs, len(x), len(players)))
    with progress_bar("Shapley values", 2 * pairs * len(range(0, len(x), batch)), show=progress) as advance:
        for n in range(0, len(x), batch):
            some = slice(n, n + batch)
            whole = net.forward(x[some])
            for pair, order in enumerate(orders):
                for one in (order, order[::-1]):
                    added[pair, some] += _marginal(net, whole, players, one, t[some], of) / 2
                    advance()
    means = np.array([class_means(one, t, net.K) for one in added])  # (pairs, K, M)
    what = f"Shapley value of {of}"
    scores = FilterScores(_by_layer(means.mean(axis=0), counts), rows, "", of, what=what)
    errors = means.std(axis=0, ddof=1) / np.sqrt(pairs)
    return scores, replace(scores, scores=_by_layer(errors, counts), what=f"standard error of the {what}")


def _marginal(net: Network, trace: Trace, players: Players, order: Array, t: Array, of: Of) -> Array:
    """What each filter's leaving takes from y_t, when they leave in this order, (n, M)."""
    lost = np.empty((len(t), len(players)))
    before = _true(net, trace, t, of)
    for p in order:
        net, trace = _remove(net, trace, players[p])
        after = _true(net, trace, t, of)
        lost[:, p] = before - after
        before = after
    return lost


def _remove(net: Network, trace: Trace, player: tuple[str, Intervention]) -> tuple[Network, Trace]:
    """Knock one filter out, and run again only what comes after it."""
    layer, change = player
    net = net.intervene(layer, change)
    dead, _ = change.forward(net.backend, trace[layer])
    return net, trace.before(layer) | net.forward(dead, start=layer)


def _players(
    net: Network,
    counts: dict[str, int],
    to: To,
    reference: npt.ArrayLike | None,
    rng: int | np.random.Generator | None,
) -> Players:
    every = [(layer, f) for layer, F in counts.items() for f in range(F)]
    done = knock_out(net, every, to=to, reference=reference, rng=rng).interventions
    return [(layer, done[layer][f - F]) for layer, F in counts.items() for f in range(F)]  # its own, the last F


def _true(net: Network, trace: Trace, t: Array, of: Of) -> Array:
    """Output of each image's own class, (n,), in float64."""
    return class_outputs(net, trace, of)[np.arange(len(t)), t].astype(np.float64)


def _by_layer(values: Array, counts: dict[str, int]) -> dict[str, Array]:
    """Split (..., M) into (..., F) a layer."""
    parts = np.split(values, np.cumsum(list(counts.values()))[:-1], axis=-1)
    return dict(zip(counts, parts, strict=True))
