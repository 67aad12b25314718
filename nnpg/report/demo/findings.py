"""The measurements of the demo: train on the built-in faces, rank, knock out, and find where the gradient is large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nnpg.class_gradients import class_gradient
from nnpg.data import Dataset, stratified_split
from nnpg.data.splits import Split
from nnpg.interventions import Perturb
from nnpg.knockout import Knockout, knock_out_curves
from nnpg.maps.localisation import mass_inside
from nnpg.network import Network
from nnpg.optimisers import SGD
from nnpg.prediction import predict, prediction_gradient
from nnpg.recipes.models import face_net
from nnpg.report.demo.claims import Claim, claim_about_places, claims_about_knockouts
from nnpg.scores import Filter, FilterScores, filter_scores
from nnpg.training import Training, error_rate, train
from nnpg_kernels import Array

EPOCHS, BATCH, LR = 40, 4, 0.1
# Processors round differently, and weights that start 1e-5 apart end as different networks. In ten such starts seed 0
# missed 0 to 3 of the 41 test images, seed 7 at most 1: with seed 7 the demo says the same on every machine.
SEED = 7
SHOWN = (6, 9, 11, 13, 14)  # identities 7, 10, 12, 14 and 15, those of Lo & Ding's Fig. 2
RANDOM_ORDERS = 5


@dataclass(frozen=True)
class Nudge:
    """One filter's output made 1% larger on one image: the change that the gradient predicts, and the actual one."""

    image: int
    filter: Filter
    y: float
    predicted: float
    happened: float


@dataclass(frozen=True, eq=False)
class Learnt:
    """What is known of the network when it is trained and its filters are ranked.

    Parameters
    ----------
    data, split, training
        The faces, who was trained on, and the trained network.
    train_error, test_error : float
    scores : FilterScores
        Lo & Ding's Table III for this network.
    nudge : Nudge
    """

    data: Dataset
    split: Split
    training: Training
    train_error: float
    test_error: float
    scores: FilterScores
    nudge: Nudge


@dataclass(frozen=True, eq=False)
class Findings(Learnt):
    """Everything that a run of the demo measured.

    Parameters
    ----------
    curves : dict
        curves[c, "strongest"] and curves[c, "weakest"], for the identities `SHOWN`.
    random_orders : Knockouts
        What knocking out in no particular order does.
    saliency : array (K, H, W)
        |class gradient| at the pixels.
    density : array (K, K)
        density[c, j]: how much of identity c's saliency lies in the place of identity j's planted feature, in units of
        that place's share of the picture.
    claims : Claims
    """

    curves: dict[tuple[int, str], Knockout]
    random_orders: tuple[Knockout, ...]
    saliency: Array
    density: Array
    claims: tuple[Claim, ...]


def learn(
    data: Dataset,
    seed: int = SEED,
    epochs: int = EPOCHS,
    *,
    say: Callable[[str], None] = print,
    progress: bool | None = None,
) -> Learnt:
    """Train on the built-in faces, and rank the filters.

    Parameters
    ----------
    data : Dataset
        What `faces` returns.
    seed : int
        Of the split, the weights and the order of the images; the faces are always the same.
    epochs : int
    say : function of a string
        Called with a line of text before each part of the work.
    progress : bool, optional
        Draw bars; unless given, only on a terminal.
    """
    split = stratified_split(data, rng=seed)
    train_set, test_set = split.apply(data)
    say(f"training the 5-8-10 network on {len(train_set)} of the {len(data)} built-in faces, {epochs} epochs")
    training = train(
        face_net(train_set.x, data.K, rng=seed),
        train_set.x,
        train_set.labels,
        epochs=epochs,
        batch=BATCH,
        rng=seed,
        optimiser=SGD(LR),
        validation=(test_set.x, test_set.labels),
        progress=progress,
    )
    net = training.net
    say("ranking its 23 filters for each face by prediction gradient")
    scores = filter_scores(net, data.x, data.labels, class_names=data.class_names, progress=False)
    return Learnt(
        data=data,
        split=split,
        training=training,
        train_error=error_rate(net, train_set.x, train_set.labels),
        test_error=error_rate(net, test_set.x, test_set.labels),
        scores=scores,
        nudge=_nudge(net, data, split, scores),
    )


def examine(
    learnt: Learnt, seed: int = SEED, *, say: Callable[[str], None] = print, progress: bool | None = None
) -> Findings:
    """Knock the filters out, find where in the picture the gradient lies, and test the claims about both.

    `seed` is that of the random orders of knock-outs; `say` and `progress` are as in `learn`. The claims about
    gradients, which no picture needs, are those of `claims_about_gradients`.
    """
    net, data, scores = learnt.training.net, learnt.data, learnt.scores
    say("knocking them out, strongest first, weakest first, and in random order")
    curves, random_orders = _knock_out(net, data, scores, seed, progress)
    say("looking where in the picture the gradient lies")
    saliency = abs(class_gradient(net, data.x, data.labels, layers="input", progress=False)["input"]).sum(axis=1)
    density = densities(saliency, data)
    claims = *claims_about_knockouts(curves, random_orders, data.class_names), claim_about_places(density)
    return Findings(**vars(learnt), curves=curves, random_orders=random_orders, saliency=saliency, density=density,
                    claims=claims)  # fmt: skip


def densities(saliency: Array, data: Dataset) -> Array:
    """Return how densely each identity's saliency lies in the place of each planted feature, (K, K); 1 is by chance.

    Examples
    --------
    >>> d = Dataset(np.zeros((2, 1, 1, 4), np.float32), np.array([0, 1]), ("a", "b"), "two",
    ...             masks=np.array([[[1, 0, 0, 0]], [[0, 1, 1, 0]]], bool))
    >>> densities(np.array([[[3.0, 1.0, 0.0, 0.0]], [[1.0, 1.0, 1.0, 1.0]]]), d)
    array([[3. , 0.5], [1. , 1. ]])
    """
    if data.masks is None:
        raise ValueError(f"{data.name} has no masks: only the built-in faces know where their features lie")
    return mass_inside(saliency[:, None], data.masks) / data.masks.mean(axis=(1, 2))


def _knock_out(
    net: Network, data: Dataset, scores: FilterScores, seed: int, progress: bool | None
) -> tuple[dict[tuple[int, str], Knockout], tuple[Knockout, ...]]:
    rng, filters = np.random.default_rng(seed), scores.strongest(0)
    shuffled = [[filters[i] for i in rng.permutation(len(filters))] for _ in range(RANDOM_ORDERS)]
    ranked = {(c, "strongest"): scores.strongest(c) for c in SHOWN} | {(c, "weakest"): scores.weakest(c) for c in SHOWN}
    curves = knock_out_curves(net, data.x, data.labels, [*ranked.values(), *shuffled], progress=progress)
    return dict(zip(ranked, curves, strict=False)), curves[len(ranked) :]


def _nudge(net: Network, data: Dataset, split: Split, scores: FilterScores) -> Nudge:
    """Nudge the strongest filter on the test image with the lowest probability, where there is most to change."""
    net = net.astype(np.float64).to("numpy")  # kernels of another type are not worth compiling for one image
    test = split.test_indices
    y = predict(net, data.x[test])[np.arange(len(test)), data.labels[test]]
    i = int(test[y.argmin()])
    x, c = data.x[i : i + 1], int(data.labels[i])
    layer, f, _ = unit = scores.strongest(c)[0]
    trace = net.forward(x)
    before = float(trace.y[0, c])
    delta = prediction_gradient(net, x, layers=layer, classes=c)[layer][0, f]  # (H, W)
    step = np.zeros_like(trace[layer])
    step[0, f] = 0.01 * trace[layer][0, f]
    after = net.intervene(layer, Perturb(step)).forward(x).y
    return Nudge(i, unit, before, float((delta * step[0, f]).sum()), float(after[0, c]) - before)
