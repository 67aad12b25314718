"""SZ-1: images that most excite a unit, and a random direction (Szegedy et al. 2013, Figs. 1 and 2).

python -m experiments run SZ-1        (about 2 minutes on 2 cores, nearly all of it training)

Expected: the images of a row look alike, for units and for random directions. The paper judges by eye; here the purity
of a row is measured, which is the share of its most common label, and units and directions count as equal where the
interval of their difference over networks lies within a margin. Beyond the paper: images that are changed until they
excite a unit or a direction most (activation maximisation, Erhan et al. 2009).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from experiments.experiment import Context, Experiment, Result
from experiments.models.mnist.conv import ConvTraining, conv_net
from experiments.szegedy.unit_purity import Looking, purity_result


@dataclass(frozen=True)
class Config(ConvTraining):
    """Networks, layers, images per row, most units and directions, permutations, and how many are maximised."""

    nets: int = 2
    layers: tuple[str, ...] = ("relu2", "pool1")
    row: int = 8
    directions: int = 128
    permutations: int = 999
    maximised: int = 32


def run(config: Config, context: Context) -> Result:
    seed = context.seed_or(config.seed)
    trained = [conv_net(config, replace(context, seed=seed + i)) for i in range(config.nets)]
    looks = [
        Looking(layer, config.row, config.directions, config.permutations, config.maximised) for layer in config.layers
    ]
    return purity_result([net for net, _, _ in trained], trained[0][2], looks, seed, context)


EXPERIMENT = Experiment(
    "SZ-1",
    "What excites a unit, and a random direction",
    "Szegedy et al. 2013, Figs. 1 and 2",
    {
        "smoke": Config("faces", epochs=1, row=4, directions=6, permutations=19, maximised=3),
        "quick": Config(),
        "paper": Config(epochs=20, nets=5, directions=512, permutations=9999, maximised=512),
    },
    run,
)
