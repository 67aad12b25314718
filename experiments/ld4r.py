"""LD-4R: the orders that Lo & Ding's Fig. 2 lacks: is the prediction gradient the ranking to use?

python -m experiments run LD-4R        (five nets of 250 epochs if LD-0 has not trained them; then 2 minutes)

Each ranking knocks all 23 filters out, strongest first and weakest first. The gap is the area under the first curve
less that under the second: 0 for chance. To expect: the gradient beats chance; Shapley values, which cost 200 times as
much, beat it on class error; a quarter of its gap is left when its scores are shuffled inside each layer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row
from experiments.faces import IDENTITIES, FaceNet, face_nets
from experiments.knockouts import ORDERS, Comparison, Errors, areas, compared, gap, knock_out_errors, stacked, surely
from experiments.rivals import NAMES, OURS, REFERENCE, ranking
from nnpg import FilterScores
from nnpg.plots import Measured, Panel, error_curves, interval_plot
from nnpg.statistics import mean_interval, rank_correlation


@dataclass(frozen=True)
class Config:
    """Nets, and how much work goes into the costly rankings."""

    dataset: str = "yale"
    epochs: int = 250
    seeds: int = 5
    seed: int = 1
    identities: tuple[int, ...] = IDENTITIES
    steps: int = 16  # of the conductance integral
    pairs: int = 50  # of orders, for Shapley


def run(config: Config, context: Context) -> Result:
    first = context.seed_or(config.seed)
    nets = face_nets(config.dataset, config.epochs, range(first, first + config.seeds), context)
    scores, seconds = {}, {}
    for name in NAMES:
        began = time.perf_counter()
        scores[name] = [ranking(name, f, _mine(f, config), steps=config.steps, pairs=config.pairs) for f in nets]
        seconds[name] = (time.perf_counter() - began) / len(nets)
    errors = {
        name: stacked(
            [knock_out_errors(f, s, identities=config.identities) for f, s in zip(nets, scores[name], strict=True)]
        )
        for name in NAMES
    }
    kinds = ("class", "overall")
    gaps = {kind: {name: gap(getattr(e, _field(kind))) for name, e in errors.items()} for kind in kinds}
    rows = [r for kind in kinds for r in _rows(kind, gaps[kind])]
    found = compared(gaps, OURS)
    error_curves(_curves(errors), context.folder / "rivals.png", columns=5, band="10-90 %")
    interval_plot(_areas(errors), context.folder / "areas.png", highlight=OURS)
    ids = [identity - 1 for identity in config.identities]
    figures = ("rivals.png", "areas.png")
    return Result(
        tuple(rows), _verdict(found, seconds), figures, (Text("Each ranking", _table(scores, seconds, errors, ids)),)
    )


def _mine(face: FaceNet, config: Config) -> np.ndarray:
    """All images of the paper's five identities, as in Table III."""
    return np.flatnonzero(np.isin(face.data.labels, [identity - 1 for identity in config.identities]))


def _field(kind: str) -> str:
    return "class_" if kind == "class" else kind


def _rows(kind: str, gaps: dict[str, np.ndarray]) -> list[Row]:
    """The gap of each ranking, and how far the prediction gradient's is above it, net by net."""
    n, t = len(gaps[OURS]), "95% t over nets"
    rows = [row(f"{kind} gap: {name}", None, mean_interval(own), n, interval=t) for name, own in gaps.items()]
    for name in NAMES[1:]:
        above = mean_interval(gaps[OURS] - gaps[name])
        claimed = above.low > 0 if name == "random" else None  # the paper claims no more than this
        rows.append(row(f"{kind} gap: {OURS} less {name}", None, above, n, interval=t, held=claimed))
    return rows


def _curves(errors: dict[str, Errors]) -> list[Panel]:
    """One panel a rival, beside the prediction gradient: all in one panel would be 22 lines."""
    return [
        Panel(
            name,
            {
                f"{label}, {order}": errors[own].class_[:, :, i].mean(axis=1)
                for own, label in ((OURS, "gradient"), (name, "this ranking"))
                for i, order in enumerate(ORDERS)
            },
            "filters out",
            "class error",
        )
        for name in NAMES[1:]
    ]


def _areas(errors: dict[str, Errors]) -> list[Measured]:
    return [
        Measured(
            f"{kind} error, {order}",
            {name: mean_interval(areas(getattr(e, _field(kind)))[:, i]) for name, e in errors.items()},
            "area under the curve",
        )
        for kind in ("class", "overall")
        for i, order in enumerate(ORDERS)
    ]


def _table(
    scores: dict[str, list[FilterScores]], seconds: dict[str, float], errors: dict[str, Errors], ids: list[int]
) -> str:
    heads = ("class area", "overall area", "test area")
    lines = [" " * 29 + "".join(f"{head + ' s/w':>18}" for head in heads) + "   with Shapley  seconds a net"]
    for name in NAMES:
        cells = [areas(kind).mean(axis=0) for kind in errors[name]]
        pairs = zip(scores[name], scores[REFERENCE], strict=True)
        alike = np.nanmean([rank_correlation(a.matrix[r], b.matrix[r]) for a, b in pairs for r in ids])
        lines.append(
            f"{name:29}" + "".join(f"{s:9.3f} /{w:7.3f}" for s, w in cells) + f"{alike:15.2f}{seconds[name]:15.3f}"
        )
    return "\n".join([*lines, "s/w: strongest / weakest first; with Shapley: mean Spearman over the identities"])


def _verdict(found: dict[str, dict[str, Comparison]], seconds: dict[str, float]) -> str:
    """What beats what with corrected p below 0.05, and the answer that follows."""

    def listed(names: dict[str, float]) -> str:
        return ", ".join(f"{name} ({by:.2f})" for name, by in names.items()) or "none"

    parts = [f"{kind} error: above {listed(surely(c, 1))}; below {listed(surely(c, -1))}." for kind, c in found.items()]
    if not all("random" in surely(c, 1) for c in found.values()):
        answer = "it is not shown to beat chance on these nets, and no use can be advised"
    else:
        safe = [kind for kind, c in found.items() if not surely(c, -1)]
        where = f"{' and '.join(safe)} error counts" if safe else "a backward pass is all that can be paid"
        answer = f"it is the ranking to use where {where}"
    for name in sorted({name for c in found.values() for name in surely(c, -1)}):
        kinds = " and ".join(kind for kind, c in found.items() if name in surely(c, -1))
        answer += f"; for {kinds} error {name} is better, at {seconds[name] / seconds[OURS]:.0f} times the time"
    return f"The gradient's gap on {' On '.join(parts)} So {answer}."


EXPERIMENT = Experiment(
    "LD-4R",
    "The prediction gradient among other rankings of filters",
    "Lo & Ding 2015, Fig. 2, with the baselines it lacks",
    {
        "smoke": Config("faces", epochs=2, seeds=2, identities=(7,), steps=2, pairs=2),
        "quick": Config(),
        "paper": Config(seeds=20, seed=0, steps=64, pairs=200),
    },
    run,
)
