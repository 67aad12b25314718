"""TH-P: pruning, the thesis's future work: the weakest filters are cut, the rest is trained for a few more epochs.

python -m experiments run TH-P        (1 minute; it trains twenty nets if LD-0 has not)

Filters are ranked on the training images, all identities together; errors are on the test images. Expected: the loss of
a quarter of the filters adds little error after a few epochs, the loss of half of them 6 points; random filters add no
more than the weakest, and a net of that size retrained from new weights is no better than the pruned net.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row, row_named
from experiments.lo_ding.filters.rankings import OURS, ranking
from experiments.models.face_data import FEW
from experiments.models.faces import FaceNets, nets_of
from experiments.thesis.pruning import Pruned, costs, cut_and_train
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import less_than, more_than, share_interval
from nnpg.plots import Measured, interval_plot
from nnpg.rankings import overall_scores, weakest_leaving

NAMES = (OURS, "random", "layer, then random", "weight norm", "Taylor, magnitudes", "conductance")
FULL, RETRAINED = "full net", "this size retrained"
MORE_THAN_WEAKEST = "test error more than with the weakest cut"
MORE_SECONDS = f"seconds of an epoch more than the {FULL}"
SPEEDS_UP = less_than(0, "pruning neural networks in order to speed up training")
CONFIDENCE = 1 - 0.05 / 2  # two comparisons are judged
RANKING_HELPS = more_than(0, "many other use cases for PG, for example in pruning neural networks")


@dataclass(frozen=True)
class Config(FaceNets):
    """How many of the 23 filters are cut, and for how many epochs the rest is trained."""

    cut: tuple[int, ...] = (6, 12, 17)
    more_epochs: int = 10


def run(config: Config, context: Context) -> Result:
    nets = nets_of(config, context)
    done: dict[tuple[str, int], list[Pruned]] = {(name, m): [] for name in NAMES for m in config.cut}
    for face in nets:
        for name in NAMES:
            scores = overall_scores(ranking(name, face, face.split.train_indices))
            for m in config.cut:
                done[name, m].append(cut_and_train(face, weakest_leaving(scores, row=0, n=m), config.more_epochs))
    errors = {key: np.array([(p.before, p.after) for p in of]) for key, of in done.items()}  # (nets, 2)
    half = config.cut[len(config.cut) // 2]
    cost = costs(nets, [p.net for p in done[OURS, half]], config.epochs, context)
    full, (at_once, after_training) = cost.full_error, errors[OURS, half].T
    off = max(p.off for of in done.values() for p in of)

    over = partial(row, n=len(nets), over="nets", interval="95% t over nets")
    judged = partial(over, interval=f"{100 * CONFIDENCE:.4g}% t over nets")
    rows = [over(f"{FULL}: test error", None, share_interval(full))]
    for m in config.cut:
        (before, after), (chance_before, chance_after) = errors[OURS, m].T, errors["random", m].T
        cut, more = f"{m} of 23 filters cut", chance_after - after
        rows += [
            over(f"{cut}: test error", None, share_interval(before)),
            over(f"{cut}, trained on: test error", None, share_interval(after)),
            over(f"{cut}, trained on: more than the {FULL}", None, mean_interval(after - full)),
            over(f"{cut} at random: {MORE_THAN_WEAKEST}", None, mean_interval(chance_before - before)),
            judged(_random_row(m), None, mean_interval(more, confidence=CONFIDENCE), claim=RANKING_HELPS)
            if m == half
            else over(_random_row(m), None, mean_interval(more)),
        ]
    cut, again, took, epoch = f"{half} of 23 filters cut", cost.retrained_error, cost.images.T, cost.epoch.T
    more_seconds = mean_interval(epoch[1] - epoch[0], confidence=CONFIDENCE)
    rows += [
        over(f"{cut}, {RETRAINED}: test error", None, share_interval(again)),
        over(f"{cut}, {RETRAINED}: test error more than the pruned net's", None, mean_interval(again - after_training)),
        over(f"{cut}: multiplications left", None, share_interval(cost.multiplications)),
        over(f"{cut}: weights left", None, share_interval(cost.weights)),
        row("largest difference from the knocked-out nets' y", 0.0, off, len(nets), "nets", fact=off < 1e-5),
        over(f"{FULL}: seconds for all images", None, mean_interval(took[0]), unit="s"),
        over(f"{cut}: seconds for all images", None, mean_interval(took[1]), unit="s"),
        over(f"{FULL}: seconds of an epoch of training", None, mean_interval(epoch[0]), unit="s"),
        judged(f"{cut}: {MORE_SECONDS}", None, more_seconds, unit="s", claim=SPEEDS_UP),
    ]
    panels = _panels(errors, full, config)
    interval_plot(panels, context.folder / "pruning.png", highlight=OURS, columns=len(config.cut))
    random, faster = (row_named(rows, name) for name in (_random_row(half), f"{cut}: {MORE_SECONDS}"))
    verdict = (
        f"{cut} by the {OURS}: {config.more_epochs} more epochs bring the test error from "
        f"{at_once.mean():.0%} to {after_training.mean():.0%} (full net {full.mean():.0%}) at "
        f"{took[0].mean() / took[1].mean():.1f} times the speed; a net of that size retrained has "
        f"{again.mean():.0%}, one that lost random filters {random.ours + after_training.mean():.0%}: that the "
        f"ranking helps is {random.verdict}. That pruning speeds training up: {faster.verdict}, an epoch takes "
        f"{epoch[1].mean() / epoch[0].mean():.2f} of the full net's time."
    )
    text = Text("Test error at once / after training", _table(errors, config))
    return Result(tuple(rows), verdict, ("pruning.png",), (text,), {"pruning.png": None})


def _random_row(cut: int) -> str:
    return f"{cut} of 23 filters cut at random, trained on: {MORE_THAN_WEAKEST}"


def _panels(errors: dict[tuple[str, int], np.ndarray], full: np.ndarray, config: Config) -> list[Measured]:
    return [
        Measured(
            f"{m} of 23 cut, {when}",
            {FULL: share_interval(full)} | {name: share_interval(errors[name, m][:, i]) for name in NAMES},
            "test error",
        )
        for i, when in enumerate(("at once", "after training"))
        for m in config.cut
    ]


def _table(errors: dict[tuple[str, int], np.ndarray], config: Config) -> str:
    lines = [" " * 22 + "".join(f"{f'{m} cut':>16}" for m in config.cut)]
    for name in NAMES:
        means = [errors[name, m].mean(axis=0) for m in config.cut]
        lines.append(f"{name:22}" + "".join(f"{before:9.0%} /{after:5.0%}" for before, after in means))
    return "\n".join(lines)


EXPERIMENT = Experiment(
    "TH-P",
    "Pruning: the weakest filters cut, the rest trained on",
    "Lo 2016, future work",
    {
        "smoke": Config(FEW, epochs=2, seeds=2, cut=(12,), more_epochs=1),
        "quick": Config(),
        "paper": Config(),
    },
    run,
    version=2,
)
