"""Tables 1 to 3 of the paper, for HI-T1 to HI-T3: accuracy on adversarial images that were not trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from experiments.experiment import Context, Experiment, Result, Row, Text, row
from experiments.hinthorn.selective_dropout.pictures import accuracy_panels, accuracy_table, choice_table, error_curves
from experiments.models.hinthorn.base import CONV, DENSE
from experiments.models.hinthorn.contrasts import Contrast, contrasts, in_words
from experiments.models.hinthorn.hard_negatives import attack_strength, hard_negative_runs
from experiments.models.hinthorn.runs import Runs
from experiments.models.hinthorn.variants import (
    CONTROL,
    HARD_PAPER,
    HARD_SMOKE,
    LONGER,
    PAPERS,
    READINGS,
    Hard,
    Key,
    Reading,
    Variant,
    chosen_variants,
)  # fmt: skip
from nnpg.analysis.groups import By
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import share_interval
from nnpg.plots import interval_plot, line_panels

T = "95% t over nets"


@dataclass(frozen=True)
class Config(Hard):
    """The other readings of selective dropout, each of the smallest share, at the first of the learning rates."""

    readings: tuple[str, ...] = ("group mean",)


def experiment(
    number: int, by: By, held_out: int, paper: dict[float, tuple[float, ...]], notes: str = ""
) -> Experiment:
    """One table: the paper's control and its six variants at each learning rate.

    `held_out` are the pairs that the paper's table is over. Table 1 has all readings. One pair of each group is held
    out, so Tables 2 and 3 leave 198 pairs to train on, and Table 1 about 120: half as many epochs are nearly as many
    steps.
    """
    readings, rounds = (tuple(READINGS), HARD_PAPER.rounds) if number == 1 else (("group mean",), 40)
    smoke = Config(**vars(HARD_SMOKE) | {"keeps": (0.2, 0.7)})
    full = Config(**vars(HARD_PAPER) | {"rounds": rounds}, readings=readings)
    return Experiment(
        f"HI-T{number}",
        f"Selective dropout, pairs grouped by {by if by != 'both' else 'source and target'}",
        f"Hinthorn 2017, Table {number}",
        {"smoke": smoke, "quick": Config(readings=readings), "paper": full},
        _runner(by, held_out, paper),
        notes,
        version=2,
    )


def _runner(by: By, held_out: int, paper: dict[float, tuple[float, ...]]) -> Callable[[Config, Context], Result]:
    theirs = {
        (rate, variant): value
        for rate, values in paper.items()
        for variant, value in zip((CONTROL, *PAPERS), values, strict=True)
    }

    def run(config: Config, context: Context) -> Result:
        strength = attack_strength(config, context)
        others = [
            Variant(layer, min(config.keeps), reading=READINGS[name])
            for name in config.readings
            for layer in (CONV, DENSE)
        ]
        runs = hard_negative_runs(config, by, chosen_variants(config), context)
        runs |= hard_negative_runs(config, by, (LONGER, *others), context, rates=config.rates[:1])
        differences = contrasts(runs, theirs)
        interval_plot(accuracy_panels(runs, config), context.folder / "accuracy.png", highlight=CONTROL.name)
        line_panels(error_curves(runs, config), context.folder / "curves.png", columns=2)
        judged = _differences(differences)
        out = config.drawn - runs[config.rates[0], CONTROL].pairs
        rows = [
            row("pairs held out of the first network's, one for each group", held_out, out, 1, "nets", unit="pairs"),
            row("distortion, chosen on a network that is not judged", None, strength.factor, 1, "nets",
                unit="times the least"),
            row("confidence of that network in the target", None, strength.confidence[strength.factor], 1, "nets"),
            *_accuracies(runs, theirs), *judged,
        ]  # fmt: skip
        texts = (
            Text("At the end", accuracy_table(runs)),
            Text("The choice of the distortion", choice_table(strength, config)),
        )
        return Result(tuple(rows), in_words(differences, judged), ("curves.png", "accuracy.png"), texts)

    return run


def _accuracies(runs: dict[Key, Runs], theirs: dict[Key, float]) -> list[Row]:
    """The paper's figure beside ours, on one pair for each group as in the paper; then on all pairs not trained on.

    Other readings are in the listing of all accuracies, and among the differences.
    """
    rows = []
    for (rate, variant), r in runs.items():
        n, name = len(r.fresh), f"lr {rate:g}, {variant.name}"
        late = r.fresh[:, -1] - r.fresh[:, 3 * r.fresh.shape[1] // 4]
        if variant.reading == Reading():
            rows += [
                row(f"{name}: accuracy on pairs held out", theirs.get((rate, variant)),
                    share_interval(r.final["held out"]), n, "nets", interval=T),
                row(f"{name}: accuracy on fresh pairs", None, share_interval(r.final["fresh"]), n, "nets", interval=T),
                row(f"{name}: accuracy on fresh pairs, change in the last quarter of the epochs", None,
                    mean_interval(late), n, "nets", interval=T),
            ]  # fmt: skip
    return rows


def _differences(differences: list[Contrast]) -> list[Row]:
    """Each difference, judged by an interval that allows for the number of those that are judged."""
    confidence = 1 - 0.05 / max(1, sum(bool(c.claim) for c in differences))
    rows = []
    for c in differences:
        level = confidence if c.claim else 0.95
        ours, by = mean_interval(c.differences, confidence=level), f"{100 * level:.4g}% t over nets"
        rows.append(row(c.name, c.paper, ours, len(c.differences), "nets", interval=by, claim=c.claim))
    return rows
