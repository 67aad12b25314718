"""SZ-2: images that most excite a unit, and a random direction, in photographs (Szegedy et al. 2013, Figs. 3 and 4).

python -m experiments run SZ-2        (the training of LD-7's net A unless done already, then seconds)

Expected: the images of a row look alike, for units and for random directions. The paper's network is AlexNet on
ImageNet; ours is net A on CIFAR-10, with its last pooled maps and the middle ones. See SZ-1 for the tests.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from experiments.experiment import Context, Experiment, Result
from experiments.models import cifar
from experiments.szegedy.unit_purity import Looking, purity_result


@dataclass(frozen=True)
class Config(cifar.Config):
    """Layers, images per row, the largest number of units and directions, permutations."""

    layers: tuple[str, ...] = ("pool3", "pool2")
    row: int = 8
    directions: int = 128
    permutations: int = 999


def run(config: Config, context: Context) -> Result:
    images = cifar.load_images(config, context)
    net, test = cifar.net_a(config, context, images).net, images.test
    seed = context.seed_or(config.seed)
    looks = [Looking(layer, config.row, config.directions, config.permutations, seed) for layer in config.layers]
    return purity_result(net, test, looks, context)


EXPERIMENT = Experiment(
    "SZ-2",
    "What excites a unit, and a random direction, in photographs",
    "Szegedy et al. 2013, Figs. 3 and 4",
    {
        "smoke": Config(**asdict(cifar.SCALES["smoke"]), row=4, directions=6, permutations=19),
        "quick": Config(**asdict(cifar.SCALES["quick"])),
        "paper": Config(**asdict(cifar.SCALES["paper"]), permutations=9999),
    },
    run,
)
