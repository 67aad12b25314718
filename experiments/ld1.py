"""LD-1: Fig. 1, what every filter makes of three faces ("reveals little insight": is that so?).

python -m experiments run LD-1        (ten nets of 250 epochs if LD-0 has not trained them: about 3 minutes; then 20 s)

To expect: the first layer's maps look like the face, the last one's like nothing; but likeness of the outputs within an
identity, less that between two, grows from layer to layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import nan

import numpy as np

from experiments.experiment import Context, Experiment, Result, row
from experiments.faces import FACE_SEED, FaceNet, face_nets
from experiments.ld2 import no_copies
from nnpg.plots import feature_maps
from nnpg.profiles import within_between
from nnpg.statistics import Interval, mean_interval

BLOCKS = (1, 2, 3)


@dataclass(frozen=True)
class Config:
    """Which faces and which outputs are drawn: "conv" (the filters' own, as in Fig. 1), "tanh" or "pool"."""

    dataset: str = "yale"
    epochs: int = 250
    seeds: int = 10
    seed: int = FACE_SEED
    identities: tuple[int, ...] = (7, 10, 12)
    condition: str = "normal"
    output: str = "conv"


def run(config: Config, context: Context) -> Result:
    first = context.seed_or(config.seed)
    nets = face_nets(config.dataset, config.epochs, range(first, first + config.seeds), context)
    names = ["input", *(f"{config.output}{block}" for block in BLOCKS), "tanh4"]
    pairs = np.array([[_likeness(face, name) for name in names] for face in nets])  # (nets, outputs, 2)
    told = np.array([[_told(face, name) for name in names] for face in nets])
    over = partial(row, n=len(nets), interval="95% t over nets")
    rows, apart = [], {}
    for i, name in enumerate(names):
        within, apart[name] = mean_interval(pairs[:, i, 0]), mean_interval(pairs[:, i, 0] - pairs[:, i, 1])
        which = over
        if name == "input":  # the pixels are the same for every net
            within, apart[name] = (Interval(v.value, nan, nan) for v in (within, apart[name]))
            which = partial(row, n=len(nets[0].data.x))
        rows += [
            which(f"{name}: within an identity", None, within, unit="correlation"),
            which(f"{name}: within less between", None, apart[name], unit="correlation"),
            over(f"{name}: test identity told by the most alike training face", None, mean_interval(told[:, i])),
        ]
    _draw(nets[0], config, context)
    last, raw = names[-2], names[1]
    deeper = mean_interval((pairs[:, -2, 0] - pairs[:, -2, 1]) - (pairs[:, 1, 0] - pairs[:, 1, 1]))
    rows.append(over(f"{last} less {raw}: within less between", None, deeper, unit="correlation"))
    named = told.mean(axis=0)
    verdict = (
        f"The picture says as little as the paper's; in numbers, outputs of one identity are more alike than of two by "
        f"{apart[raw].value:.2f} in {raw} and {apart[last].value:.2f} in {last} (pixels {apart['input'].value:.2f}): "
        f"the nearest training face names {named[-2]:.0%} of test faces in {last}, {named[0]:.0%} in pixels "
        f"and {named[-1]:.0%} in the 20 hidden units."
    )
    return Result(tuple(rows), verdict, ("outputs.png",))


def _correlations(face: FaceNet, name: str) -> np.ndarray:
    """Pearson's correlation of this output for every pair of images, (N, N)."""
    o = face.net.forward(face.data.x)[name]
    return np.atleast_2d(np.corrcoef(np.asarray(o, np.float64).reshape(len(o), -1)))


def _likeness(face: FaceNet, name: str) -> tuple[float, float]:
    return within_between(_correlations(face, name), face.data.labels, no_copies(face.data))


def _told(face: FaceNet, name: str) -> float:
    """Share of the test images whose most alike training image is of the same identity."""
    seen, held_out = face.split.train_indices, face.split.test_indices
    r = np.where(no_copies(face.data), _correlations(face, name), -np.inf)[np.ix_(held_out, seen)]
    return float((face.data.labels[seen[r.argmax(axis=1)]] == face.data.labels[held_out]).mean())


def _draw(face: FaceNet, config: Config, context: Context) -> None:
    data, conditions = face.data, np.array(face.data.conditions)
    chosen = [
        int(np.flatnonzero((data.labels == identity - 1) & (conditions == config.condition))[0])
        for identity in config.identities
    ]
    trace = face.net.forward(data.x[chosen])
    maps = {f"{config.output}{block}": np.asarray(trace[f"{config.output}{block}"]) for block in BLOCKS}
    titles = [f"ID {identity}" for identity in config.identities]
    feature_maps(data.x[chosen], maps, context.folder / "outputs.png", titles=titles)


EXPERIMENT = Experiment(
    "LD-1",
    "Convolutional outputs for three faces",
    "Lo & Ding 2015, Fig. 1",
    {"smoke": Config("faces", epochs=2, seeds=2), "quick": Config(), "paper": Config(seeds=20, seed=0)},
    run,
)
