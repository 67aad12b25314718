"""Rankings that know less on purpose: chance, the layer alone, a ranking that forgot which filter is which."""

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
    rng: int | np.random.Generator,
    layers: str | Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> FilterScores:
    """Score filters at random: what any ranking must beat.

    Parameters
    ----------
    net : Network
    rng : int or numpy.random.Generator
        Each class draws its own order.
    layers : names, optional
        The output of each convolutional block unless given.
    class_names : K strings, optional

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(4, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 4, 4), rng=0)
    >>> random_scores(net, rng=0).scores["tanh1"].shape
    (2, 4)
    """
    draw, K = as_generator(rng), as_network(net).K
    rows = as_class_names(class_names, K)
    scores = {name: draw.random((K, F)) for name, F in filter_counts(net, layers).items()}
    return FilterScores(scores, rows, norm="", of="", what="random")


def layer_scores(
    net: Network,
    *,
    rng: int | np.random.Generator,
    layers: str | Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> FilterScores:
    """Score filters by their layer only, the first layer highest, and at random inside it.

    A layer whose filters are all out passes nothing on, so this ranking breaks a network fast; a ranking is worth its
    cost if it does better. Parameters as in `random_scores`.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Tanh(), nnpg.dense(2)], input_shape=(2,), rng=0)
    >>> [unit.layer for unit in layer_scores(net, rng=0, layers=("tanh1", "dense2")).strongest(0)]
    ['tanh1', 'tanh1', 'dense2', 'dense2']
    """
    chance = random_scores(net, rng=rng, layers=layers, class_names=class_names)
    order = sorted(chance.scores, key=net.names.index, reverse=True)
    scores = {name: own + order.index(name) for name, own in chance.scores.items()}
    return replace(chance, scores=scores, what="layer, then random")


def shuffled_in_layers(scores: FilterScores, rng: int | np.random.Generator) -> FilterScores:
    """Return the scores dealt out again among the filters of each layer, for each row anew.

    What is left of the ranking is what it knows of the layers; what it loses is what it knew of the filters.

    Examples
    --------
    >>> scores = FilterScores({"a": np.array([[1.0, 2.0, 3.0]]), "b": np.array([[9.0]])}, ("x",), "frobenius", "prob")
    >>> shuffled_in_layers(scores, rng=0).matrix
    array([[3., 1., 2., 9.]])
    """
    scores, draw = as_instance(scores, FilterScores, "scores"), as_generator(rng)
    dealt = {name: draw.permuted(own, axis=1) for name, own in scores.scores.items()}
    return replace(scores, scores=dealt, what=f"{scores.description}, shuffled in each layer", average="")
