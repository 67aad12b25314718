"""LD-4R: the prediction gradient against other rankings, which Lo & Ding's Fig. 2 lacks: is it the one to use?

python -m experiments run LD-4R        (2 minutes; it trains twenty nets if LD-0 has not)

Each ranking knocks all 23 filters out, strongest first and weakest first. The gap is the area under the first curve
minus the area under the second: 0 for chance. One order alone misleads: any order that takes the whole first layer out
first has high errors soonest, and does not distinguish that layer's filters. Expected: the gradient is above chance;
Shapley values, which cost 200 times as much, are above it on class error; a third of its gap is left when its scores
are shuffled inside each layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row, row_named
from experiments.lo_ding.filters.knockouts import (
    STRONG,
    against_others,
    areas,
    both_gaps,
    errors_of_nets,
    significant,
)
from experiments.lo_ding.filters.rankings import CONTROLS, NAMES, OURS, area_panels, area_table, curves, ranking, timed
from experiments.models.face_data import FEW, IDENTITIES
from experiments.models.faces import FaceNet, FaceNets, nets_of
from nnpg import FilterScores
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import Comparison, Verdict, more_than
from nnpg.plots import error_curves, interval_plot

CHANCE, ABOVE_CHANCE = "random", more_than(0, "performance degrades much faster")  # the paper claims no more than this
CONFIDENCE = 1 - 0.05 / 2  # it is judged on two kinds of error


@dataclass(frozen=True)
class Config(FaceNets):
    """Nets, and the effort for the costly rankings."""

    identities: tuple[int, ...] = IDENTITIES
    steps: int = 16  # of the conductance integral
    pairs: int = 50  # of orders, for Shapley


def run(config: Config, context: Context) -> Result:
    nets = nets_of(config, context)
    scores: dict[str, list[FilterScores]] = {}
    seconds: dict[str, float] = {}
    for name in NAMES:
        score = partial(ranking, name, steps=config.steps, pairs=config.pairs)
        scores[name], seconds[name] = timed([partial(score, face, _images(face, config)) for face in nets])
    errors = {name: errors_of_nets(nets, of_nets, identities=config.identities) for name, of_nets in scores.items()}
    gaps = both_gaps(errors)
    rows = [r for kind, of_kind in gaps.items() for r in _rows(kind, of_kind)]
    error_curves(curves(errors, "class_"), context.folder / "class-error.png", columns=5, band="10-90 %")
    error_curves(curves(errors, "overall"), context.folder / "overall-error.png", columns=5, band="10-90 %")
    interval_plot(area_panels(errors), context.folder / "areas.png", highlight=OURS)
    table = Text("Each ranking", area_table(scores, seconds, errors, [identity - 1 for identity in config.identities]))
    soonest = {name: areas(e.class_)[:, STRONG].mean() for name, e in errors.items()}
    above = {kind: row_named(rows, f"{kind} gap: {OURS} minus {CHANCE}").verdict for kind in gaps}
    verdict = _verdict(above, against_others(gaps, OURS), seconds, soonest)
    shows = dict.fromkeys(("class-error.png", "overall-error.png", "areas.png"))
    return Result(tuple(rows), verdict, tuple(shows), (table,), shows)


def _images(face: FaceNet, config: Config) -> np.ndarray:
    """All images of the paper's five identities, as in Table III."""
    return np.flatnonzero(np.isin(face.data.labels, [identity - 1 for identity in config.identities]))


def _rows(kind: str, gaps: dict[str, np.ndarray]) -> list[Row]:
    """The gap of each ranking, and the prediction gradient's gap minus it, for each net."""
    over = partial(row, n=len(gaps[OURS]), over="nets")
    t = "95% t over nets"
    rows = [over(f"{kind} gap: {name}", None, mean_interval(values), interval=t) for name, values in gaps.items()]
    for name in NAMES[1:]:
        claim, confidence = (ABOVE_CHANCE, CONFIDENCE) if name == CHANCE else (None, 0.95)
        above = mean_interval(gaps[OURS] - gaps[name], confidence=confidence)
        t = f"{100 * confidence:g}% t over nets"
        rows.append(over(f"{kind} gap: {OURS} minus {name}", None, above, interval=t, claim=claim))
    return rows


def _verdict(
    above: Mapping[str, Verdict | None],
    found: Mapping[str, Mapping[str, Comparison]],
    seconds: Mapping[str, float],
    soonest: Mapping[str, float],
) -> str:
    """Whether the gradient is above chance, which gaps differ with corrected p below 0.05, and the answer."""

    def listed(names: dict[str, float]) -> str:
        return "; ".join(f"{name} ({by:.2f})" for name, by in names.items()) or "none"

    words = ["Above a random order: " + ", ".join(f"{v} on {kind} error" for kind, v in above.items()) + "."]
    for kind, c in found.items():
        better, worse = significant(c, -1), significant(c, 1)
        alike = "; ".join(name for name in c if name not in better and name not in worse) or "none"
        words.append(
            f"On {kind} error the gradient's gap is above {listed(worse)}; below {listed(better)}; open, neither above "
            f"nor below: {alike}."
        )
    if not all(verdict == "held" for verdict in above.values()):
        return f"{' '.join(words)} So its use cannot be advised: it is not shown to be above chance on these nets."
    free = [kind for kind, c in found.items() if not significant(c, -1)]
    answer = [f"use it for {' and '.join(free)} error, where no other ranking is shown to be better"] if free else []
    for name in NAMES[1:]:
        on = [kind for kind, c in found.items() if name in significant(c, -1)]
        if on:
            times = seconds[name] / seconds[OURS]
            answer.append(f"for {' and '.join(on)} error {name} is better, at {times:.0f} times the time")
    quick = [name for name in (*CONTROLS, "activation norm") if soonest[name] > soonest[OURS]]
    if quick:
        answer.append(
            f"for high errors soonest ({' or '.join(f'{name!r}' for name in quick)}) it is enough to take out "
            f"the whole first layer: area {max(soonest[name] for name in quick):.2f} against {soonest[OURS]:.2f}"
        )
    return f"{' '.join(words)} So {'; '.join(answer)}."


EXPERIMENT = Experiment(
    "LD-4R",
    "The prediction gradient among other rankings of filters",
    "Lo & Ding 2015, Fig. 2, with the baselines it lacks",
    {
        "smoke": Config(FEW, epochs=2, seeds=2, identities=(7,), steps=2, pairs=2),
        "quick": Config(),
        "paper": Config(seeds=20, seed=0, steps=64, pairs=200),
    },
    run,
)
