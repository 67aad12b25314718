"""Controls for rankings: random scores, the layer alone, a ranking whose scores are shuffled in each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nnpg.network import Network, as_network
from nnpg.rankings.common import filter_counts
from nnpg.scores import FilterScores
from nnpg.support.arguments import as_class_names, as_generator, as_instance


def random_scores(
    net: Network,
    *,
    layers: str | Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    rng: int | np.random.Generator,
) -> FilterScores:
    """Score filters at random: what any ranking must beat.

    Parameters
    ----------
    net : Network
    layers : names, optional
        The output of each convolutional block unless given.
    class_names : K strings, optional
    rng : int or numpy.random.Generator
        Each class gets an order of its own.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(4, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 4, 4), rng=0)
    >>> random_scores(net, rng=0).scores["tanh1"].shape
    (2, 4)
    """
    rng, K = as_generator(rng), as_network(net).K
    rows = as_class_names(class_names, K)
    scores = {name: rng.random((K, F)) for name, F in filter_counts(net, layers).items()}
    return FilterScores(scores, rows, norm="", of="", what="random")


def layer_scores(
    net: Network,
    *,
    layers: str | Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    rng: int | np.random.Generator,
) -> FilterScores:
    """Score filters by their layer only, the first layer highest, and at random inside it.

    A layer whose filters are all out passes nothing on, so this ranking breaks a network fast: a ranking must do better
    to be worth its cost. Parameters as in `random_scores`.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Tanh(), nnpg.dense(2)], input_shape=(2,), rng=0)
    >>> [unit.layer for unit in layer_scores(net, rng=0, layers=("tanh1", "dense2")).strongest(0)]
    ['tanh1', 'tanh1', 'dense2', 'dense2']
    """
    chance = random_scores(net, layers=layers, class_names=class_names, rng=rng)
    order = sorted(chance.scores, key=net.names.index, reverse=True)
    scores = {name: values + order.index(name) for name, values in chance.scores.items()}
    return replace(chance, scores=scores, what="layer, then random")


def shuffle_in_layers(scores: FilterScores, *, rng: int | np.random.Generator) -> FilterScores:
    """Return the scores in random order among the filters of each layer, another order for each row.

    The result still tells layers apart, but no longer the filters of a layer.

    Examples
    --------
    >>> scores = FilterScores({"a": np.array([[1.0, 2.0, 3.0]]), "b": np.array([[9.0]])}, ("x",), "frobenius", "prob")
    >>> shuffle_in_layers(scores, rng=0).matrix
    array([[3., 1., 2., 9.]])
    """
    scores, rng = as_instance(scores, FilterScores, "scores"), as_generator(rng)
    shuffled = {name: rng.permuted(values, axis=1) for name, values in scores.scores.items()}
    return replace(scores, scores=shuffled, what=f"{scores.description}, shuffled in each layer", average="")
