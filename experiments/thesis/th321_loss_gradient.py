"""TH-3.2.1: why not the loss gradient? Where it ranks filters as the prediction gradient does, and where not (Lo 2016).

python -m experiments run TH-3.2.1        (2 minutes; it trains twenty nets, and twenty if LD-0 has not)

The thesis: dL/da mixes evidence for the right class with evidence against the wrong ones; dy/da does not. Expected: for
softmax with cross-entropy, dy_t/do = -y_t dL/do exactly, so for each image the two rank all filters alike and there is
nothing to choose; for a loss with a separate term for each output (the thesis's Eq. 2.2) they differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row, row_named
from experiments.models.face_data import FEW
from experiments.models.faces import FaceNet, FaceNets, face_training, nets_of
from nnpg import Network, Sigmoid, error_rate
from nnpg.analysis.loss_gradients import RankedAlike, classes_ranked_alike, filters_ranked_alike, made_up_label_error
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import at_most, share_interval
from nnpg.data.examples import one_of_each
from nnpg.plots import Pairs, scatter_panels
from nnpg.recipes.models import face_net

SAME, EACH = "softmax_cross_entropy", "binary_cross_entropy"
BOTH = at_most(0.5, "would simultaneously quantify two things")  # half of the images: ours, the thesis has no number
CONFIDENCE = 1 - 0.05 / 2  # two comparisons are judged
BY = "95% t over nets"
WHY = """Eq. 2.2 gives dL/do = -1/y_t dy_t/do + sum over k != t of 1/(1 - y_k) dy_k/do. For an image that the network
classifies with certainty, y_t is near 1 and every other y_k near 0, so the sum is near that of dy_k/do alone, which
softmax makes -dy_t/do: dL/do is near -2 dy_t/do, the same ranking. Sigmoid outputs need not sum to 1, so nothing
cancels."""


@dataclass(frozen=True)
class Config(FaceNets):
    """Nets with softmax, and as many with sigmoid outputs that are trained with per-output cross-entropy."""


def run(config: Config, context: Context) -> Result:
    faces = nets_of(config, context)
    soft = [face.net.astype(np.float64) for face in faces]
    sigmoid = [_sigmoid_net(face, config, context).astype(np.float64) for face in faces]
    x, t = faces[0].data.x, faces[0].data.labels
    cases = {"softmax, cross-entropy": (soft, SAME), "softmax, each output": (soft, EACH),
             "sigmoid, each output": (sigmoid, EACH)}  # fmt: skip
    rows, pairs = [], []
    for name, (nets, loss) in cases.items():
        found = [filters_ranked_alike(net, x, t, loss=loss) for net in nets]
        rows += _rows(name, found, loss == SAME)
        p, q = found[0].prediction, found[0].loss
        pairs.append(Pairs(name, p / p.max(axis=1, keepdims=True), q / q.max(axis=1, keepdims=True)))
    one, over = x[one_of_each(faces[0].data)], partial(row, n=len(faces), over="nets")
    classes = mean_interval([classes_ranked_alike(net, x, t) for net in soft])
    rows.append(
        over("softmax, cross-entropy: classes' rankings (norm of mean)", None, classes, unit="Spearman", interval=BY)
    )
    worst = max(made_up_label_error(net, one) for net in soft)
    name = "softmax, cross-entropy: a made-up label against dy/do of that class"
    rows.append(over(name, 0.0, worst, unit="relative difference", fact=worst < 1e-10))
    tests = [face.split.test_indices for face in faces]
    missed = [error_rate(net, x[test], t[test]) for net, test in zip(sigmoid, tests, strict=True)]
    rows.append(over("sigmoid nets: test error", None, share_interval(missed), interval=BY))
    of_prediction, of_loss = (f"{name} gradient: norm / highest" for name in ("prediction", "loss"))
    scatter_panels(pairs, context.folder / "gradients.png", xlabel=of_prediction, ylabel=of_loss)
    same, softmax, each = (row_named(rows, _alike_row(name)) for name in cases)
    verdict = (
        f"With softmax and cross-entropy the loss gradient ranks the filters of {same.ours:.0%} of the images exactly "
        "as the prediction gradient does, so the objection of 3.2.1 does not apply there. That it ranks most images "
        f"otherwise with Eq. 2.2 for each output is {each.verdict} for sigmoid outputs ({each.ours:.0%} of the images "
        f"are ranked alike), and {softmax.verdict} for softmax ({softmax.ours:.0%})."
    )
    why = Text("Why softmax rankings hardly differ", WHY)
    return Result(tuple(rows), verdict, ("gradients.png",), (why,), {"gradients.png": None})


def _sigmoid_net(face: FaceNet, config: Config, context: Context) -> Network:
    """Net F with a sigmoid for each class, trained like the others, but with the thesis's Eq. 2.2."""
    seen, _ = face.split.apply(face.data)
    net = face_net(seen.x, face.data.K, rng=face.seed, backend=context.backend)
    *body, _ = net.layers.items()
    net = replace(net, layers={**dict(body), "sigmoid1": Sigmoid()})
    training = face_training("net F with sigmoids", net, seen, face.seed, config.epochs, EACH)
    return training.run(context, progress=False).net


def _alike_row(name: str) -> str:
    return f"{name}: images ranked alike"


def _rows(name: str, found: list[RankedAlike], same: bool) -> list[Row]:
    over = partial(row, n=len(found), over="nets", interval=BY)
    alike = [of_net.alike for of_net in found]
    if same:
        shared = over(_alike_row(name), 1.0, share_interval(alike), fact=min(alike) == 1)
    else:
        claimed, by = share_interval(alike, confidence=CONFIDENCE), f"{100 * CONFIDENCE:.4g}% t over nets"
        shared = over(_alike_row(name), 0.0, claimed, interval=by, claim=BOTH)
    first = share_interval([of_net.same_strongest for of_net in found])
    rho = mean_interval([of_net.correlation for of_net in found])
    return [
        shared,
        over(f"{name}: images with the same strongest filter", None, first),
        over(f"{name}: rank correlation, median of the images", None, rho, unit="Spearman"),
    ]


EXPERIMENT = Experiment(
    "TH-3.2.1",
    "Loss gradient against prediction gradient",
    "Lo 2016, section 3.2.1",
    {"smoke": Config(FEW, epochs=2, seeds=2), "quick": Config(), "paper": Config()},
    run,
)
