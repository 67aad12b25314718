"""LOC-1: does the strongest region fall on the feature that was planted? A benchmark for Lo 2016, 4.3, and its rivals.

python -m experiments run LOC-1        (five nets of 250 epochs unless trained already: about 2 minutes)

The built-in faces come in threes that differ by one planted feature each, so what tells a person from the other two is
known, and where. Asked: a person's own class ("own"; the truth is the planted feature), and the class of another of
the three ("other"; the truth is both features, all that differs). No paper has this number. To expect: chance is 5% and
9%; the prediction gradient alone is far above chance, and well below gradient x departure and occlusion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row
from experiments.faces import FACE_SEED, IDENTITIES, FaceNet, face_nets
from experiments.strongest import in_conditions
from nnpg import Network, benchmark_localisation
from nnpg.data import Dataset
from nnpg.data.examples import one_of_each
from nnpg.data.faces import PER_BASE
from nnpg.evidence_maps import contribution_map, departure_map, edge_map, occlusion_map, saliency_map, strongest_map
from nnpg.localisation import Localisation, MapMethod, pooled
from nnpg.models import face_net
from nnpg.plots import Measured, heat, image_grid, interval_plot
from nnpg.statistics import mean_interval
from nnpg_kernels import Array

GRADIENT, DEPARTURE, SALIENCY, OCCLUSION = "prediction gradient", "gradient x departure", "saliency", "occlusion"
ALONE, UNTRAINED = "departure alone", ", untrained"
SHOWN = (GRADIENT, DEPARTURE, SALIENCY, OCCLUSION)
TASKS = {"own": "whose face is it?", "other": "how like its sibling?"}


@dataclass(frozen=True)
class Config:
    """Nets, the conditions asked about (those from which the masks are made), and the square that covers places."""

    epochs: int = 250
    seeds: int = 5
    seed: int = FACE_SEED
    conditions: tuple[str, ...] = ("normal", "happy", "sad", "surprised")
    window: int = 7
    stride: int = 4


def run(config: Config, context: Context) -> Result:
    first = context.seed_or(config.seed)
    nets = face_nets("faces", config.epochs, range(first, first + config.seeds), context)
    found = {task: [_ask(face, task, config) for face in nets] for task in TASKS}
    rows = [r for task, each in found.items() for r in _rows(task, each)]
    _draw(nets[0], config, context.folder / "maps.png")
    panels = []
    for task, each in found.items():
        rates = {method: mean_interval([one.rate(method).value for one in each]) for method in each[0].hits}
        panels.append(Measured(f"{task}: {TASKS[task]}", rates, "strongest place on the feature"))
    interval_plot(panels, context.folder / "rates.png", highlight=GRADIENT)
    own = pooled(found["own"])
    rate = {method: f"{own.rate(method).value:.0%}" for method in own.hits}
    verdict = (
        f"The unit with the highest prediction gradient lies on the planted feature in {rate[GRADIENT]} of the "
        f"images ({rate[GRADIENT + UNTRAINED]} before training, {own.expected():.0%} by chance), saliency in "
        f"{rate[SALIENCY]}: a gradient says where a change would matter, not what is there. Times the output's "
        f"departure from its average, which alone finds {rate[ALONE]}, it finds {rate[DEPARTURE]}; occlusion, "
        f"which runs the network once for every place that it covers, {rate[OCCLUSION]}."
    )
    texts = [
        Text(f"By feature, {task}: hits, 95% Wilson", pooled(each).table(SHOWN, intervals=True))
        for task, each in found.items()
    ]
    mass = "\n".join(f"{method:34}{own.mean_mass(method):6.0%}" for method in own.mass)
    texts.append(Text("Share of the map's positive part that lies on the feature, own", mass))
    return Result(tuple(rows), verdict, ("rates.png", "maps.png"), tuple(texts))


def _ask(face: FaceNet, task: str, config: Config) -> Localisation:
    data, (masks, features) = face.data, _truth(face.data)
    some = in_conditions(data, config.conditions)
    x, t = data.x[some], data.labels[some]
    sibling = t - t % PER_BASE + (t + 1) % PER_BASE
    classes, regions = (t, masks[t]) if task == "own" else (sibling, masks[t] | masks[sibling])
    methods = _methods(task, data.x, config)
    blank = face_net(face.split.apply(data)[0].x, data.K, face.seed, backend=face.net.backend.name)
    methods |= {f"{name}{UNTRAINED}": _on(blank, methods[name]) for name in (GRADIENT, DEPARTURE, SALIENCY)}
    groups = [features[c] for c in t]
    return benchmark_localisation(
        face.net, x, classes, regions, methods=methods, groups=groups, rng=face.seed, progress=False
    )


def _methods(task: str, x: Array, config: Config) -> dict[str, MapMethod]:
    """Maps that show what speaks for one's own class, or what moves another's either way."""
    covered = partial(occlusion_map, window=config.window, stride=config.stride, progress=False)
    signed: dict[str, MapMethod] = {
        DEPARTURE: partial(contribution_map, reference=x),
        "pixel gradient x departure": partial(contribution_map, layer="input", reference=x),
        OCCLUSION: partial(covered, fill=x.mean(axis=0)),  # shows in the square what is usual there
        "occlusion, grey": covered,
    }
    if task == "other":
        signed = {name: _either_way(method) for name, method in signed.items()}
    alone: dict[str, MapMethod] = {ALONE: partial(departure_map, reference=x), "edges": edge_map}
    return {GRADIENT: strongest_map, **signed, SALIENCY: saliency_map, **alone}


def _either_way(method: MapMethod) -> MapMethod:
    return lambda net, x, classes: abs(method(net, x, classes))


def _on(other: Network, method: MapMethod) -> MapMethod:
    return lambda net, x, classes: method(other, x, classes)


def _truth(data: Dataset) -> tuple[Array, tuple[str, ...]]:
    if data.masks is None or data.features is None:
        raise ValueError(f"{data.name} does not know where its features lie")
    return data.masks, data.features


def _rows(task: str, each: list[Localisation]) -> list[Row]:
    every = pooled(each)
    n, chance = len(every.area), every.expected()
    rows = []
    for method in every.hits:
        rate = every.rate(method)
        held = rate.low > chance if method == GRADIENT else None
        rows.append(row(f"{task}: {method}", None, rate, n, interval="95% Wilson", held=held))
    rows.append(row(f"{task}: by chance, the feature's share of the picture", None, chance, n))
    for a, b in ((GRADIENT, SALIENCY), (GRADIENT, GRADIENT + UNTRAINED), (DEPARTURE, GRADIENT), (DEPARTURE, ALONE),
                 (OCCLUSION, DEPARTURE)):  # fmt: skip
        less = mean_interval([one.rate(a).value - one.rate(b).value for one in each])
        rows.append(row(f"{task}: {a} less {b}", None, less, len(each), interval="95% t over nets"))
    return rows


def _draw(face: FaceNet, config: Config, path: Path) -> None:
    data, (masks, features) = face.data, _truth(face.data)
    some = one_of_each(data)[[identity - 1 for identity in IDENTITIES]]
    x, t = data.x[some], data.labels[some]
    methods = _methods("own", data.x, config)
    pictures = [np.broadcast_to(x, (len(x), 3, *x.shape[-2:]))]
    pictures += [heat(x, methods[name](face.net, x, t)) for name in SHOWN]
    titles = [features[c] for c in t] + [""] * (len(t) * len(SHOWN))
    overlay = np.tile(masks[t], (1 + len(SHOWN), 1, 1))
    labels = ["the truth", *SHOWN]
    image_grid(np.concatenate(pictures), path, titles=titles, columns=len(t), row_labels=labels, overlay=overlay)


EXPERIMENT = Experiment(
    "LOC-1",
    "Does the strongest region fall on the planted feature?",
    "our own; after Lo 2016, section 4.3",
    {
        "smoke": Config(epochs=2, seeds=2, conditions=("normal",), window=15, stride=15),
        "quick": Config(),
        "paper": Config(seeds=20, stride=2),
    },
    run,
)
