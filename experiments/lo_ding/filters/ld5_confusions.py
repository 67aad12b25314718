"""LD-5: Fig. 3, how every identity is classified while the strongest filters of identity 7 are knocked out.

python -m experiments run LD-5        (under a minute; it trains twenty nets if LD-0 has not)

An identity fails at the first step after which its images are most often classified as another identity. Expected: the
number of nets in which identity 7 is not the first to fail is about that by chance, and in the end nearly all images
are classified as a few identities.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.lo_ding.filters.knockouts import over_nets
from experiments.models.face_data import FEW
from experiments.models.faces import FaceNet, FaceNets, nets_of
from nnpg import Knockout, filter_scores, knock_out_curves
from nnpg.analysis.statistics import mean_interval, wilson
from nnpg.analysis.verdicts import at_least, share_interval
from nnpg.plots import damage_trace, matrix_panels
from nnpg.rankings.knock_out_curves import describe_failures, describe_steps, failure_steps

NOT_FIRST = at_least(0.5, "7 is not the first identity to be grossly misclassified")  # in most nets


@dataclass(frozen=True)
class Config(FaceNets):
    """The identity whose strongest filters are knocked out, and how many."""

    identity: int = 7  # from 1
    steps: int = 10


def run(config: Config, context: Context) -> Result:
    first, chosen = context.seed_or(config.seed), config.identity - 1
    nets = nets_of(config, context)
    K = nets[0].data.K
    every = [_damage(face, config.steps) for face in nets]  # a knock-out for each identity's filters, for each net
    failures = np.array([[failure_steps(k) for k in of] for of in every])  # (nets, identity whose filters are out, K)
    theirs = failures[:, np.arange(K), np.arange(K)]  # (nets, K): of the identity whose filters are out
    earliest = failures.min(axis=2)
    among_first = failures == earliest[..., None]  # (nets, whose filters, K)
    is_first = np.where(theirs == earliest, 1 / among_first.sum(axis=2), 0)
    not_first = wilson(int((theirs[:, chosen] > earliest[:, chosen]).sum()), len(nets))
    by_chance = 1 - among_first[:, chosen].mean()  # mean over all identities
    below, same = failures < theirs[..., None], failures == theirs[..., None]
    place = (below.sum(axis=2) + (same.sum(axis=2) - 1) / 2) / (K - 1)
    left = np.array([[len(np.unique(k.modes[-1])) for k in of] for of in every])
    more = np.array([[_minus_others(k, c) for c, k in enumerate(of)] for of in every])
    n, who = len(nets), f"ID {config.identity}"
    over = partial(row, n=n, over="nets", interval="95% t over nets")
    later, kept = mean_interval(place.mean(axis=1)), mean_interval(left.mean(axis=1))
    name = f"nets in which {who} is not the first to fail"
    judged = row(name, 1.0, not_first, n, "nets", interval="95% Wilson", claim=NOT_FIRST)
    rows = (
        judged,
        row("the same by chance", None, by_chance, n, "nets"),
        over(f"step at which {who} fails", None, mean_interval(theirs[:, chosen]), unit="filters"),
        over("step at which the first identity fails", None, mean_interval(earliest[:, chosen]), unit="filters"),
        over("all identities: its filters out, it is the first to fail", None, share_interval(is_first.mean(axis=1))),
        row("that by chance", None, 1 / K, K, "identities"),
        over("place in the order of failure, 0 first, 1 last", None, later),
        over("class error of the identity minus that of the others, mean of steps", None, over_nets(more)),
        over(f"identities still predicted, {config.steps} out", None, kept, unit=f"of {K}"),
    )
    shown, names = every[0][chosen], [f"ID {c + 1}" for c in range(K)]
    damage_trace(shown, context.folder / "damage.png", class_names=names, highlight=chosen)
    _confusions(shown, context)
    unknown = "is not shown to fail sooner or later"
    order = "fails sooner" if later.high < 0.5 else "fails later" if later.low > 0.5 else unknown
    verdict = (
        f"{who} is not the first to fail, in most nets: {judged.verdict} ({not_first.value * n:.0f} of {n} nets; by "
        f"chance {by_chance * n:.0f}). Over all identities the one whose filters are out {order} than the average "
        f"other (place {later.value:.2f}, 0.5 by chance), and {left.mean():.1f} of {K} identities are still predicted "
        "in the end."
    )
    falling = Text(
        f"Knock-outs after which the images of an identity are most often classified as another (seed {first})",
        describe_failures(shown, names),
    )
    steps = Text(f"Confusion, step by step (seed {first})", describe_steps(shown, names))
    shows = dict.fromkeys(("damage.png", "confusion.png"))
    return Result(rows, verdict, tuple(shows), (falling, steps), shows)


def _damage(face: FaceNet, steps: int) -> list[Knockout]:
    """For each identity, the predictions for all images while its strongest filters are knocked out."""
    x, t = face.data.x, face.data.labels
    scores = filter_scores(face.net, x, t)
    orders = [scores.strongest(c, steps) for c in range(face.data.K)]
    return list(knock_out_curves(face.net, x, t, orders, progress=False))


def _minus_others(knockout: Knockout, identity: int) -> float:
    """Mean over the steps of the class error of one identity minus the mean of all others'."""
    errors = np.array([knockout.class_error(c)[1:] for c in range(knockout.K)]).mean(axis=1)
    return float(errors[identity] - np.delete(errors, identity).mean())


def _confusions(knockout: Knockout, context: Context) -> None:
    counts = np.array([knockout.confusion(step) for step in range(len(knockout.predictions))], float)
    titles = ["intact", *(f"{i}: {unit} out" for i, unit in enumerate(knockout.filters, start=1))]
    matrix_panels(
        counts / counts.sum(axis=2, keepdims=True), context.folder / "confusion.png", titles=titles, limits=(0, 1),
        rows="true identity", columns_are="predicted identity",
    )  # fmt: skip


EXPERIMENT = Experiment(
    "LD-5",
    "Who is classified as whom as the strongest filters of identity 7 go",
    "Lo & Ding 2015, Fig. 3",
    {"smoke": Config(FEW, epochs=2, seeds=2, steps=3), "quick": Config(), "paper": Config(seeds=20, seed=0)},
    run,
)
