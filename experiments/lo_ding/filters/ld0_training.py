"""LD-0: train net F (Lo & Ding 2015, IV: "an error rate of 4.88%", which is 2 of 41 test images).

python -m experiments run LD-0 --scale paper        (20 seeds of 250 epochs; about 3 minutes on 2 cores)

Expected: 0 training errors. The test error depends on the split: 1 to 8 of 41, median at most 5 of 41.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.models.face_data import FEW
from experiments.models.faces import FACE_SEED, FaceNet, FaceNets, nets_of
from nnpg import error_rate, predict
from nnpg.analysis.statistics import median_interval, wilson
from nnpg.plots import Panel, error_curves


@dataclass(frozen=True)
class Config(FaceNets):
    """How many seeds; each seed determines a split, weights and an order of the images."""

    seeds: int = 20
    seed: int = 0


def run(config: Config, context: Context) -> Result:
    nets = nets_of(config, context)
    train_error = np.array([_error(f, f.split.train_indices) for f in nets])
    test_error = np.array([_error(f, f.split.test_indices) for f in nets])
    n = len(nets[0].split.test_indices)
    seconds = [sum(epoch.seconds for epoch in f.training.history) for f in nets]
    misses = np.round(test_error * n).astype(int)
    paper = 2 / 41
    good = [f.seed for f, error in zip(nets, test_error, strict=True) if error <= paper]
    as_good = len(good)
    rows = [
        row("train_error", 0.0, float(np.median(train_error)), len(nets), interval="median over seeds"),
        row("train_error, worst seed", 0.0, float(train_error.max()), len(nets), held=bool(train_error.max() == 0)),
        row("test_error", paper, median_interval(test_error), len(nets), interval="95% of the median over seeds"),
        row("test_error, best seed", paper, float(test_error.min()), n, held=bool(test_error.min() <= paper)),
        row("test_error, worst seed", None, float(test_error.max()), n),
        row("seconds to train one net", None, float(np.median(seconds)), len(nets), unit="s", interval="median"),
        row("seeds at or below 2/41", None, wilson(as_good, len(nets)), len(nets), interval="95% Wilson"),
    ]
    chosen = next((f for f in nets if f.seed == FACE_SEED), None)
    if chosen is not None:
        wrong = round(_error(chosen, chosen.split.test_indices) * n)
        rows.append(row(f"test_error, seed {FACE_SEED}", paper, wilson(wrong, n), n, interval="95% Wilson"))
    error_curves(
        [Panel("Net F while learning", {"training error": _history(nets)}, "epoch", "error while learning", start=1)],
        context.folder / "training.png",
        columns=1,
    )
    verdict = (
        f"The median of {len(nets)} seeds is {np.median(misses):g} of {n} test images wrong, from {misses.min()} to "
        f"{misses.max()}; {as_good} of {len(nets)} are at or below the paper's 2/41, so the paper's 4.88% is a "
        f"{'typical' if as_good > len(nets) / 2 else 'favourable'} split, not the expected error. "
        f"The first seed at or below 2/41 is {good[0] if good else 'none'}; the later experiments use seed {FACE_SEED}."
    )
    texts = (
        Text("Test images wrong, seed by seed", _seeds(nets, misses)),
        Text("Wrong by condition", _conditions(nets)),
    )
    return Result(tuple(rows), verdict, ("training.png",), texts)


def _error(face: FaceNet, indices: np.ndarray) -> float:
    return error_rate(face.net, face.data.x[indices], face.data.labels[indices])


def _history(nets: list[FaceNet]) -> np.ndarray:
    return np.array([[epoch.error for epoch in f.training.history] for f in nets])


def _seeds(nets: list[FaceNet], misses: np.ndarray) -> str:
    lines = ["seed  wrong  identical images on both sides  last epoch with a training error"]
    for face, wrong in zip(nets, misses, strict=True):
        last = max((e.epoch for e in face.training.history if e.error), default=0)
        lines.append(f"{face.seed:4}  {wrong:5}  {len(face.split.duplicates(face.data)):30}  {last:35}")
    return "\n".join(lines)


def _conditions(nets: list[FaceNet]) -> str:
    wrong: Counter[str] = Counter()
    tested: Counter[str] = Counter()
    for face in nets:
        test = face.split.test_indices
        predicted = predict(face.net, face.data.x[test]).argmax(axis=1)
        for i, p in zip(test, predicted, strict=True):
            condition = face.data.conditions[i] if face.data.conditions else "all"
            tested[condition] += 1
            wrong[condition] += int(p != face.data.labels[i])
    return "\n".join(
        f"{c:12} {wrong[c]:4} of {tested[c]:4}" for c in sorted(tested, key=lambda c: -wrong[c] / tested[c])
    )


EXPERIMENT = Experiment(
    "LD-0",
    "Train the 5-8-10 face network",
    "Lo & Ding 2015, section IV",
    {
        "smoke": Config(FEW, epochs=2, seeds=2),
        "quick": Config(),
        "paper": Config(),
    },
    run,
)
