"""LOC-1: is the strongest region at the feature that was planted? A benchmark for Lo 2016, 4.3, and other methods.

python -m experiments run LOC-1        (2 minutes; it trains ten nets if there are none)

The built-in faces come in threes that differ by one planted feature each. So the feature that distinguishes a person
from the other two is known, and so is its place. Two questions: which place is evidence for the true class ("true"; the
truth is the planted feature), and which is evidence for the class of another of the three ("other"; the truth is both
features, all that differs). No paper has this number. All nets see the same people, four images each, so intervals are
over nets, and from resampled people too. Expected: chance is 5% and 9%; the prediction gradient alone is far above
chance, and well below gradient x departure and occlusion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row, row_named
from experiments.models.face_data import FEW, IDENTITIES
from experiments.models.faces import FaceNet, FaceNets, nets_of
from experiments.thesis.planted_features import (
    ALONE,
    DEPARTURE,
    GRADIENT,
    OCCLUSION,
    SALIENCY,
    TASKS,
    UNTRAINED,
    ask,
    methods,
    truth,
)
from nnpg.analysis.statistics import Interval, crossed_interval
from nnpg.analysis.verdicts import at_least
from nnpg.data.examples import one_of_each
from nnpg.maps.localisation import MapMethod
from nnpg.maps.results import Localisation, join_localisations
from nnpg.plots import Measured, heat, image_grid, interval_plot

SHOWN = (GRADIENT, DEPARTURE, SALIENCY, OCCLUSION)
COMPARED = ((GRADIENT, SALIENCY), (GRADIENT, GRADIENT + UNTRAINED), (DEPARTURE, GRADIENT), (DEPARTURE, ALONE),
            (OCCLUSION, DEPARTURE))  # fmt: skip

CONFIDENCE = 1 - 0.05 / len(TASKS)  # one claim for each question


@dataclass(frozen=True)
class Config(FaceNets):
    """Nets, the conditions of the images (those from which the masks are made), and the square that covers places."""

    seeds: int = 10
    seed: int = 1
    dataset: str = "faces"
    conditions: tuple[str, ...] = ("normal", "happy", "sad", "surprised")
    window: int = 7
    stride: int = 5


def run(config: Config, context: Context) -> Result:
    nets = nets_of(config, context)
    square = {"window": config.window, "stride": config.stride}
    found = {task: [ask(face, task, config.conditions, **square) for face in nets] for task in TASKS}
    rates = {task: {method: _rate(each, method) for method in each[0].hits} for task, each in found.items()}
    rows = [r for task, each in found.items() for r in _rows(task, each, rates[task])]
    verdicts = ", ".join(f"{r.verdict} as {r.name.partition(':')[0]!r}" for r in rows if r.verdict)
    _draw(nets[0], methods("true", nets[0].data.x, **square), context.folder / "maps.png")
    panels = [Measured(f"{t}: {TASKS[t]}", of, "strongest place on the feature") for t, of in rates.items()]
    interval_plot(panels, context.folder / "rates.png", highlight=GRADIENT)
    true_class, ours = join_localisations(found["true"]), row_named(rows, f"true: {GRADIENT}")
    rate = {method: f"{r.value:.0%}" for method, r in rates["true"].items()}
    verdict = (
        f"The unit with the highest prediction gradient lies on the planted feature in {rate[GRADIENT]} of the images "
        f"({ours.low:.0%} to {ours.high:.0%}; {rate[GRADIENT + UNTRAINED]} before training, "
        f"{true_class.expected():.0%} by chance), saliency in {rate[SALIENCY]}: a gradient says where a change would "
        "matter, not what is there. Multiplied by the output's departure from its average, which alone finds "
        f"{rate[ALONE]}, it finds {rate[DEPARTURE]}; occlusion, which runs the network once per covered place, "
        f"{rate[OCCLUSION]}. More often than by chance: {verdicts}."
    )
    few = "four images of one person by all nets: too alike for an interval"
    texts = [Text(f"By feature, {t}: hits ({few})", join_localisations(each).table(SHOWN)) for t, each in found.items()]
    mass = "\n".join(f"{method:34}{true_class.mean_mass(method):6.0%}" for method in true_class.mass)
    texts.append(Text("Share of the map's positive part that is on the feature, true class", mass))
    return Result(tuple(rows), verdict, ("rates.png", "maps.png"), tuple(texts))


def _rate(each: list[Localisation], method: str, minus: str | None = None, confidence: float = 0.95) -> Interval:
    """Share of hits, or its difference from another method's share; nets and people are both samples."""
    hits = np.array([one.hits[method] - (0.0 if minus is None else one.hits[minus].astype(float)) for one in each])
    return crossed_interval(hits, each[0].groups, confidence=confidence)


def _rows(task: str, each: list[Localisation], rates: dict[str, Interval]) -> list[Row]:
    chance = each[0].expected()
    both = f"bootstrap over {len(each)} nets and {len(np.unique(each[0].groups))} people"
    over = partial(row, n=len(each), over="nets", interval=f"95% {both}")
    above = at_least(chance, "the highest PG indicates which filter and region contributes most")
    ours = _rate(each, GRADIENT, confidence=CONFIDENCE)
    by = f"{100 * CONFIDENCE:.4g}% {both}"
    rows = [
        over(name, None, ours, interval=by, claim=above) if method == GRADIENT else over(name, None, rate)
        for method, rate in rates.items()
        for name in [f"{task}: {method}"]
    ]
    rows.append(
        row(f"{task}: by chance, the feature's share of the picture", None, chance, len(each[0].area), "images")
    )
    return rows + [over(f"{task}: {a} minus {b}", None, _rate(each, a, minus=b)) for a, b in COMPARED]


def _draw(face: FaceNet, every: dict[str, MapMethod], path: Path) -> None:
    data, (masks, features) = face.data, truth(face.data)
    shown = one_of_each(data)[[identity - 1 for identity in IDENTITIES]]
    x, t = data.x[shown], data.labels[shown]
    pictures = [np.broadcast_to(x, (len(x), 3, *x.shape[-2:]))]
    pictures += [heat(x, every[name](face.net, x, t)) for name in SHOWN]
    titles = [features[c] for c in t] + [""] * (len(t) * len(SHOWN))
    overlay = np.tile(masks[t], (1 + len(SHOWN), 1, 1))
    labels = ["the truth", *SHOWN]
    image_grid(np.concatenate(pictures), path, titles=titles, columns=len(t), row_labels=labels, overlay=overlay)


EXPERIMENT = Experiment(
    "LOC-1",
    "Is the strongest region at the planted feature?",
    "ours, after Lo 2016, section 4.3",
    {
        "smoke": Config(FEW, epochs=2, seeds=2, conditions=("normal",), window=15, stride=15),
        "quick": Config(),
        "paper": Config(seeds=20, stride=2),
    },
    run,
    version=2,
)
