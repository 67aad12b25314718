"""HI-2: what deep feature maps show when they are viewed directly (Hinthorn 2017, 5.2, Fig. 9).

python -m experiments run HI-2        (half a minute, with HI-1's pairs)

The paper finds them "generally indecipherable". Measured here: by how much a map's correlation with the brightness of
its digit exceeds that with another digit. Brightness is that of the pixels which a unit sees. Expected: less in the
second layer than in the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, row
from experiments.models.hinthorn.base import PAPER, SMOKE, Base, base_nets
from experiments.models.hinthorn.pairs import Pairs, adversarial_pairs
from nnpg import Network
from nnpg.analysis.outputs import layer_outputs
from nnpg.analysis.statistics import mean_interval, paired_p
from nnpg.analysis.verdicts import more_than
from nnpg.batches import in_batches
from nnpg.maps.receptive_fields import receptive_field
from nnpg.plots import image_grid
from nnpg_kernels import Array

LAYERS = ("relu1", "relu2")
BATCH = 200  # images at a time: it bounds the memory
T = "95% t over nets"
LESS = more_than(0, "feature maps in deep hidden layers is generally indecipherable")


@dataclass(frozen=True)
class Config(Base):
    """The number of images of each net."""

    images: int = 200


def run(config: Config, context: Context) -> Result:
    nets = base_nets(config, context, config.nets)
    every = [adversarial_pairs(base, config, context) for base in nets]
    found = {
        layer: np.array([
            _resemblance(base.net, pairs.originals[: config.images], layer).mean()
            for base, pairs in zip(nets, every, strict=True)
        ])
        for layer in LAYERS
    }  # fmt: skip
    first, second = found.values()
    n, lost = len(nets), first - second
    excess_lost = row(
        "relu1 minus relu2: correlation with its digit minus with another",
        None,
        mean_interval(lost),
        n,
        "nets",
        unit="correlation",
        interval=T,
        claim=LESS,
    )
    rows = [
        *(row(f"{layer}: correlation with its digit minus with another", None, mean_interval(excess), n, "nets",
              unit="correlation", interval=T) for layer, excess in found.items()),
        excess_lost,
        row("relu1 minus relu2: p", None, paired_p(lost) if n > 1 else 1.0, n, "nets", unit="p (paired t)"),
    ]  # fmt: skip
    figures = [_draw(nets[0].net, every[0], layer, context.folder) for layer in LAYERS]
    verdict = (
        f"A map of the second layer exceeds by {second.mean():.2f}, a map of the first by {first.mean():.2f}, in its "
        "correlation with its digit that with another digit. That deep maps show less, as the paper says, is "
        f"{excess_lost.verdict} over {n} nets."
    )
    return Result(tuple(rows), verdict, tuple(figures))


def _resemblance(net: Network, x: Array, layer: str) -> Array:
    """Mean |correlation| of an image's live maps with its brightness, minus that with the next image's: (N,)."""
    field, (H, W) = receptive_field(net, layer=layer), net.shapes[layer][1:]
    light = np.zeros((len(x), H, W))
    for i in range(H):
        for j in range(W):
            top, left, height, width = field.box(i, j)
            light[:, i, j] = x[:, 0, top : top + height, left : left + width].mean(axis=(1, 2))
    next_light, excess = np.roll(light, -1, axis=0), []
    for rows in in_batches(len(x), BATCH, BATCH):
        maps = layer_outputs(net, x[rows], layer=layer)  # (N, F, H', W')
        same, other = (np.nanmean(_correlations(maps, of[rows]), axis=1) for of in (light, next_light))
        excess.append(same - other)
    return np.concatenate(excess)


def _correlations(maps: Array, light: Array) -> Array:
    """|r| of every map (N, F, H, W) with a picture (N, H, W); NaN where a map is the same everywhere: (N, F)."""
    a = maps.reshape(*maps.shape[:2], -1).astype(float)
    b = light.reshape(len(light), 1, -1)
    a, b = a - a.mean(axis=-1, keepdims=True), b - b.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(abs((a * b).sum(axis=-1)) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1)))


def _draw(net: Network, pairs: Pairs, layer: str, folder: Path) -> str:
    """Every map of one original, then of its adversarial image, all in one scale."""
    both = np.concatenate([pairs.originals[:1], pairs.adversarial[:1]])
    maps = net.backend.to_numpy(net.forward(both, stop=layer)[layer])  # (2, F, H, W)
    labels = [""] * (2 * maps.shape[1] // 16)
    labels[0], labels[len(labels) // 2] = "original", "adversarial"
    name = f"maps-{layer}.png"
    image_grid((maps / maps.max()).reshape(-1, 1, *maps.shape[2:]), folder / name, columns=16, row_labels=labels)
    return name


EXPERIMENT = Experiment(
    "HI-2",
    "Deep feature maps viewed directly",
    "Hinthorn 2017, Fig. 9",
    {"smoke": Config(**vars(SMOKE)), "quick": Config(), "paper": Config(**vars(PAPER), images=2000)},
    run,
)
