"""LD-1: Fig. 1, the output of every filter for three faces. The paper: "reveals little insight". Does it?

python -m experiments run LD-1        (under a minute; it trains twenty nets if LD-0 has not)

Expected: the maps of the first layer look like the face, those of the last layer like nothing. But on test images, the
correlation of outputs within an identity minus that between two identities grows from layer to layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, row
from experiments.models.face_data import FEW
from experiments.models.faces import FaceNet, FaceNets, nets_of
from nnpg.analysis.outputs import layer_outputs
from nnpg.analysis.profiles import different_pictures, most_alike, within_between
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import share_interval
from nnpg.data import find_duplicates
from nnpg.data.examples import one_of_each
from nnpg.plots import feature_maps

BLOCKS = (1, 2, 3)


@dataclass(frozen=True)
class Config(FaceNets):
    """Which faces and which outputs are drawn: "conv" (of the filters, as in Fig. 1), "tanh" or "pool"."""

    identities: tuple[int, ...] = (7, 10, 12)
    condition: str = "normal"
    output: str = "conv"


def run(config: Config, context: Context) -> Result:
    nets = nets_of(config, context)
    names = ["input", *(f"{config.output}{block}" for block in BLOCKS), "tanh4"]
    found = np.array([[_measure(face, name) for name in names] for face in nets])  # (nets, outputs, 3)
    within, between, recognised = np.moveaxis(found, 2, 0)
    apart = within - between
    over = partial(row, n=len(nets), over="nets", interval="95% t over nets")
    rows = []
    for i, name in enumerate(names):
        rows += [
            over(f"{name}: within an identity", None, mean_interval(within[:, i]), unit="correlation"),
            over(f"{name}: within minus between", None, mean_interval(apart[:, i]), unit="correlation"),
            over(f"{name}: test face named by the most alike training face", None, share_interval(recognised[:, i])),
        ]
    raw, last = names[1], names[-2]
    deeper = mean_interval(apart[:, -2] - apart[:, 1])
    rows.append(over(f"{last} minus {raw}: within minus between", None, deeper, unit="correlation"))
    better = mean_interval(recognised[:, -2] - recognised[:, 0])
    rows.append(over(f"{last} minus input: test face named", None, better))
    _draw(nets[0], config, context)
    more = "significantly more than" if better.low > 0 else "not shown to be more than"
    by, named = apart.mean(axis=0), recognised.mean(axis=0)
    verdict = (
        "Not judged: 'reveals little insight' sets no number. To the eye the maps say as little as the paper finds, "
        "those of the last layer nothing. In numbers, on test images, the correlation of outputs within an "
        f"identity minus that between two is {by[1]:.2f} in {raw} and {by[-2]:.2f} in {last} (pixels {by[0]:.2f}), and "
        f"the most alike training face names {named[-2]:.0%} of test faces in {last}, {more} in pixels "
        f"({named[0]:.0%}), and {named[-1]:.0%} in the 20 hidden units."
    )
    return Result(tuple(rows), verdict, ("outputs.png",), shows={"outputs.png": config.dataset})


def _measure(face: FaceNet, name: str) -> tuple[float, float, float]:
    """On test images: correlation of an output within and between identities, and share recognised by a training image.

    Copies of one picture are not compared.
    """
    o = layer_outputs(face.net, face.data.x, layer=name, batch=len(face.data)).astype(np.float64)
    r = np.atleast_2d(np.corrcoef(o.reshape(len(o), -1)))
    counted = different_pictures(len(o), find_duplicates(face.data))
    t, seen, test = face.data.labels, face.split.train_indices, face.split.test_indices
    correlation = within_between(r[np.ix_(test, test)], t[test], counted[np.ix_(test, test)])
    named = t[most_alike(r, counted, among=seen)[test]]
    return correlation.within, correlation.between, float((named == t[test]).mean())


def _draw(face: FaceNet, config: Config, context: Context) -> None:
    data = face.data
    chosen = one_of_each(data, config.condition)[[identity - 1 for identity in config.identities]]
    names = [f"{config.output}{block}" for block in BLOCKS]
    maps = {name: layer_outputs(face.net, data.x[chosen], layer=name) for name in names}
    titles = [f"ID {identity}" for identity in config.identities]
    feature_maps(data.x[chosen], maps, context.folder / "outputs.png", titles=titles)


EXPERIMENT = Experiment(
    "LD-1",
    "Convolutional outputs for three faces",
    "Lo & Ding 2015, Fig. 1",
    {"smoke": Config(FEW, epochs=2, seeds=2), "quick": Config(), "paper": Config(seeds=20, seed=0)},
    run,
)
