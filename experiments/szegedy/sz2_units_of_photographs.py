"""SZ-2: images that most excite a unit, and a random direction, in photographs (Szegedy et al. 2013, Figs. 3 and 4).

python -m experiments run SZ-2        (the training of two nets A unless done already, then about 2 minutes)

Expected: the images of a row look alike, for units and for random directions. The paper's network is AlexNet on
ImageNet; ours are nets A on CIFAR-10, with their last pooled maps and the middle ones. See SZ-1 for the measures.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from experiments.experiment import Context, Experiment, Result
from experiments.models import cifar
from experiments.szegedy.unit_purity import Looking, purity_result


@dataclass(frozen=True)
class Config(cifar.Config):
    """Layers, images per row, most units and directions, permutations, and how many are maximised."""

    layers: tuple[str, ...] = ("pool3", "pool2")
    row: int = 8
    directions: int = 128
    permutations: int = 999
    maximised: int = 32


def run(config: Config, context: Context) -> Result:
    images, seed = cifar.load_images(config, context), context.seed_or(config.seed)
    nets = [training.net for training in cifar.nets_a(config, context, images)]
    looks = [
        Looking(layer, config.row, config.directions, config.permutations, config.maximised) for layer in config.layers
    ]
    return purity_result(nets, images.test, looks, seed, context)


EXPERIMENT = Experiment(
    "SZ-2",
    "What excites a unit, and a random direction, in photographs",
    "Szegedy et al. 2013, Figs. 3 and 4",
    {
        "smoke": Config(**asdict(cifar.SCALES["smoke"]), row=4, directions=6, permutations=19, maximised=3),
        "quick": Config(**asdict(cifar.SCALES["quick"])),
        "paper": Config(**asdict(cifar.SCALES["paper"]), directions=512, permutations=9999, maximised=256),
    },
    run,
)
