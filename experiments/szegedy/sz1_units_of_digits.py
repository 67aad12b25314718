"""SZ-1: images that most excite a unit, and a random direction (Szegedy et al. 2013, Figs. 1 and 2).

python -m experiments run SZ-1        (about 1 minute on 2 cores, nearly all of it training)

Expected: the images of a row look alike, for units and for random directions. The paper judges by eye; here permutation
tests judge the purity of a row, which is the share of its most common label.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.experiment import Context, Experiment, Result
from experiments.models.mnist.conv import ConvTraining, conv_net
from experiments.szegedy.unit_purity import Looking, purity_result


@dataclass(frozen=True)
class Config(ConvTraining):
    """Layers, images per row, the largest number of units and directions, permutations."""

    layers: tuple[str, ...] = ("relu2", "pool1")
    row: int = 8
    directions: int = 128
    permutations: int = 999


def run(config: Config, context: Context) -> Result:
    net, _, test = conv_net(config, context)
    seed = context.seed_or(config.seed)
    looks = [Looking(layer, config.row, config.directions, config.permutations, seed) for layer in config.layers]
    return purity_result(net, test, looks, context)


EXPERIMENT = Experiment(
    "SZ-1",
    "What excites a unit, and a random direction",
    "Szegedy et al. 2013, Figs. 1 and 2",
    {
        "smoke": Config("faces", epochs=1, row=4, directions=6, permutations=19),
        "quick": Config(),
        "paper": Config(epochs=20, permutations=9999),
    },
    run,
)
