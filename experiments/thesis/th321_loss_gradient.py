"""TH-3.2.1: why not the loss gradient? Where it ranks filters as the prediction gradient does, and where not (Lo 2016).

python -m experiments run TH-3.2.1        (under a minute; it trains one net, and one if there is none)

The thesis: dL/da mixes evidence for the right class with evidence against the wrong ones; dy/da does not. Expected: for
softmax with cross-entropy, dy_t/do = -y_t dL/do exactly, so for each image the two rank all filters alike and there is
nothing to choose; for a loss with a separate term for each output (the thesis's Eq. 2.2) they differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row, row_named
from experiments.models.face_data import FEW
from experiments.models.faces import FACE_SEED, FaceNet, face_nets, face_training
from nnpg import Network, Sigmoid, error_rate, prediction_gradient
from nnpg.analysis.loss_gradients import loss_gradient, made_up_label_error
from nnpg.analysis.profiles import rank_agreement
from nnpg.analysis.statistics import median_interval, rank_correlation, wilson
from nnpg.analysis.verdicts import at_most
from nnpg.class_gradients import class_means
from nnpg.data.examples import one_of_each
from nnpg.plots import Pairs, scatter_panels
from nnpg.recipes.models import face_net
from nnpg.scores import NORMS
from nnpg_kernels import Array

SAME, EACH = "softmax_cross_entropy", "binary_cross_entropy"
BOTH = at_most(0.5, "would simultaneously quantify two things")  # half of the images: ours, the thesis has no number
IMAGES = "images of one net"
WHY = """Eq. 2.2 gives dL/do = -1/y_t dy_t/do + sum over k != t of 1/(1 - y_k) dy_k/do. For an image that the network
classifies with certainty, y_t is near 1 and every other y_k near 0, so the sum is near that of dy_k/do alone, which
softmax makes -dy_t/do: dL/do is near -2 dy_t/do, the same ranking. Sigmoid outputs need not sum to 1, so nothing
cancels."""


@dataclass(frozen=True)
class Config:
    """One net with softmax, and one with sigmoid outputs that is trained with per-output cross-entropy."""

    dataset: str = "yale"
    epochs: int = 250
    seed: int = FACE_SEED


def run(config: Config, context: Context) -> Result:
    face = face_nets(config.dataset, config.epochs, [context.seed_or(config.seed)], context)[0]
    x, t = face.data.x, face.data.labels
    soft, sigmoid = face.net.astype(np.float64), _sigmoid_net(face, config, context).astype(np.float64)
    cases = {"softmax, cross-entropy": (soft, SAME), "softmax, each output": (soft, EACH),
             "sigmoid, each output": (sigmoid, EACH)}  # fmt: skip
    rows, pairs = [], []
    for name, (net, loss) in cases.items():
        prediction = prediction_gradient(net, x, classes="true", labels=t).deltas
        loss_deltas = loss_gradient(net, x, t, loss=loss)
        p, q = _norms(prediction), _norms(loss_deltas)
        rows += _rows(name, p, q, loss == SAME)
        pairs.append(Pairs(name, p / p.max(axis=1, keepdims=True), q / q.max(axis=1, keepdims=True)))
        if loss == SAME:
            means = [
                _norms({n: class_means(d, t, face.data.K) for n, d in g.items()}) for g in (prediction, loss_deltas)
            ]
            alike = rank_agreement(*means)
            rows.append(row(f"{name}: classes' rankings (norm of mean)", None, alike, face.data.K, "classes of one net",
                            unit="Spearman"))  # fmt: skip
    one = x[one_of_each(face.data)]
    worst, name = made_up_label_error(soft, one), "softmax, cross-entropy: a made-up label against dy/do of that class"
    rows.append(row(name, 0.0, worst, len(one), IMAGES, unit="relative difference", fact=worst < 1e-10))
    test = face.split.test_indices
    missed = round(error_rate(sigmoid, x[test], t[test]) * len(test))
    share = wilson(missed, len(test))
    rows.append(row("sigmoid net: test error", None, share, len(test), IMAGES, interval="95% Wilson"))
    of_prediction, of_loss = (f"{name} gradient: norm / highest" for name in ("prediction", "loss"))
    scatter_panels(pairs, context.folder / "gradients.png", xlabel=of_prediction, ylabel=of_loss)
    shares = {name: row_named(rows, _alike_row(name)).ours for name in cases}
    verdict = (
        "With softmax and cross-entropy the loss gradient ranks the filters of "
        f"{shares['softmax, cross-entropy']:.0%} of the images exactly as the prediction gradient does, so the "
        "objection of 3.2.1 does not apply there. With Eq. 2.2 for each output it is open, because one net is no "
        f"sample of nets: here {shares['sigmoid, each output']:.0%} of the images are ranked alike for sigmoid "
        f"outputs, and {shares['softmax, each output']:.0%} for softmax."
    )
    return Result(tuple(rows), verdict, ("gradients.png",), (Text("Why softmax rankings hardly differ", WHY),))


def _sigmoid_net(face: FaceNet, config: Config, context: Context) -> Network:
    """Net F with a sigmoid for each class, trained like the others, but with the thesis's Eq. 2.2."""
    seen, _ = face.split.apply(face.data)
    net = face_net(seen.x, face.data.K, rng=face.seed, backend=context.backend)
    *body, _ = net.layers.items()
    net = replace(net, layers={**dict(body), "sigmoid1": Sigmoid()})
    training = face_training("net F with sigmoids", net, seen, face.seed, config.epochs, EACH)
    return training.run(context, progress=False).net


def _norms(gradients: Mapping[str, Array]) -> Array:
    """Frobenius norm of each filter's map, all layers side by side: (N, filters)."""
    collapse = NORMS["frobenius"]
    return np.concatenate([collapse(d.reshape(*d.shape[:2], -1), -1) for d in gradients.values()], axis=1)


def _alike_row(name: str) -> str:
    return f"{name}: images ranked alike"


def _rows(name: str, p: Array, q: Array, same: bool) -> list[Row]:
    n, orders = len(p), [np.argsort(-scores, axis=1, kind="stable") for scores in (p, q)]
    alike = (orders[0] == orders[1]).all(axis=1)
    first = (orders[0] == orders[1])[:, 0]
    rho = [rank_correlation(a, b) for a, b in zip(p, q, strict=True)]
    return [
        row(_alike_row(name), float(same), wilson(int(alike.sum()), n), n, IMAGES, interval="95% Wilson",
            fact=bool(alike.all()) if same else None, claim=None if same else BOTH),
        row(f"{name}: images with the same strongest filter", None, wilson(int(first.sum()), n), n, IMAGES,
            interval="95% Wilson"),
        row(f"{name}: rank correlation", None, median_interval(rho), n, IMAGES, unit="Spearman",
            interval="95% of the median"),
    ]  # fmt: skip


EXPERIMENT = Experiment(
    "TH-3.2.1",
    "Loss gradient against prediction gradient",
    "Lo 2016, section 3.2.1",
    {"smoke": Config(FEW, epochs=2), "quick": Config(), "paper": Config()},
    run,
)
