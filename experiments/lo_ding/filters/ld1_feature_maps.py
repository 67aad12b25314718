"""LD-1: Fig. 1, what every filter makes of three faces ("reveals little insight": is that so?).

python -m experiments run LD-1 --backend numba        (under a minute; it trains ten nets if LD-0 has not)

To expect: the first layer's maps look like the face, the last one's like nothing; but on test images, likeness of the
outputs within an identity, less that between two, grows from layer to layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, row
from experiments.models.faces import FACE_SEED, FEW, FaceNet, face_nets
from nnpg.data import find_twins
from nnpg.data.examples import one_of_each
from nnpg.plots import feature_maps
from nnpg.profiles import different_pictures, most_alike, within_between
from nnpg.statistics import mean_interval

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
    found = np.array([[_measure(face, name) for name in names] for face in nets])  # (nets, outputs, 3)
    within, between, told = np.moveaxis(found, 2, 0)
    apart = within - between
    over = partial(row, n=len(nets), interval="95% t over nets")
    rows = []
    for i, name in enumerate(names):
        rows += [
            over(f"{name}: within an identity", None, mean_interval(within[:, i]), unit="correlation"),
            over(f"{name}: within less between", None, mean_interval(apart[:, i]), unit="correlation"),
            over(f"{name}: test face named by the most alike training face", None, mean_interval(told[:, i])),
        ]
    raw, last = names[1], names[-2]
    deeper = mean_interval(apart[:, -2] - apart[:, 1])
    rows.append(over(f"{last} less {raw}: within less between", None, deeper, unit="correlation"))
    better = mean_interval(told[:, -2] - told[:, 0])
    rows.append(over(f"{last} less input: test face named", None, better))
    _draw(nets[0], config, context)
    more = "more than" if better.low > 0 else "no more for sure than"
    by, named = apart.mean(axis=0), told.mean(axis=0)
    verdict = (
        "To the eye the maps say as little as the paper finds, the last layer's nothing. In numbers, on test images, "
        f"outputs of one identity are more alike than those of two by {by[1]:.2f} in {raw} and {by[-2]:.2f} in {last} "
        f"(pixels {by[0]:.2f}), and the most alike training face names {named[-2]:.0%} of test faces in {last}, {more} "
        f"in pixels ({named[0]:.0%}), and {named[-1]:.0%} in the 20 hidden units."
    )
    return Result(tuple(rows), verdict, ("outputs.png",))


def _measure(face: FaceNet, name: str) -> tuple[float, float, float]:
    """Correlation of an output within and between identities, on test images; share of them told by a training image.

    Copies of one picture are not compared.
    """
    o = np.asarray(face.net.forward(face.data.x)[name], np.float64)
    r, counted = np.atleast_2d(np.corrcoef(o.reshape(len(o), -1))), different_pictures(len(o), find_twins(face.data))
    t, seen, test = face.data.labels, face.split.train_indices, face.split.test_indices
    own = within_between(r[np.ix_(test, test)], t[test], counted[np.ix_(test, test)])
    named = t[most_alike(r, counted, among=seen)[test]]
    return own.within, own.between, float((named == t[test]).mean())


def _draw(face: FaceNet, config: Config, context: Context) -> None:
    data = face.data
    chosen = one_of_each(data, config.condition)[[identity - 1 for identity in config.identities]]
    trace = face.net.forward(data.x[chosen])
    maps = {f"{config.output}{block}": np.asarray(trace[f"{config.output}{block}"]) for block in BLOCKS}
    titles = [f"ID {identity}" for identity in config.identities]
    feature_maps(data.x[chosen], maps, context.folder / "outputs.png", titles=titles)


EXPERIMENT = Experiment(
    "LD-1",
    "Convolutional outputs for three faces",
    "Lo & Ding 2015, Fig. 1",
    {"smoke": Config(FEW, epochs=2, seeds=2), "quick": Config(), "paper": Config(seeds=20, seed=0)},
    run,
)
