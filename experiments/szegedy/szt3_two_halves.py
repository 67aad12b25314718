"""SZ-T3: three networks from two halves of the training images (Szegedy et al. 2013, Table 3).

python -m experiments run SZ-T3        (about 2 minutes on 2 cores, nearly all of it training)

Expected: no error on the half that was seen, about 2% on the other and on the test images, and distortions of the test
images near 0.06. SZ-T4 shows these to the other networks.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.experiment import Context, Experiment, Result, row, row_named
from experiments.models.mnist import margins
from experiments.models.mnist.digits import as_rows, digits, part_of, random_images
from experiments.models.mnist.lbfgs import THREE, Training
from experiments.models.mnist.nets import distorted, mnist_nets
from nnpg import error_rate
from nnpg.analysis.statistics import mean_interval, wilson
from nnpg.analysis.verdicts import all_of, equal_to

PAPER = {"M1": (0, 2.4, 2, 0.062), "M1'": (0, 2.5, 2.1, 0.059), "M2": (2.3, 0, 2.1, 0.058)}  # P1, P2, test; distortion
UNSEEN = {"M1": "P2", "M1'": "P2", "M2": "P1"}  # the half that a network was not trained on


@dataclass(frozen=True)
class Config(Training):
    """Test images that are distorted, 0 for all of them."""

    images: int = 256


def run(config: Config, context: Context) -> Result:
    train, test = digits(config.dataset, context.data_dir)
    nets = mnist_nets(THREE, config, context)
    x, labels = random_images(test, config.images, context.seed_or(config.seed))
    sets = {"P1": part_of(len(train), "P1"), "P2": part_of(len(train), "P2")}
    data = {name: train.subset(indices) for name, indices in sets.items()} | {"test": test}
    made, over = [], "images of one net"
    for net in nets:
        *errors, size = PAPER[net.name]
        for (name, judged), paper in zip(data.items(), errors, strict=True):
            ours = wilson(round(error_rate(net.net, as_rows(judged), judged.labels) * len(judged)), len(judged))
            claim = equal_to(paper / 100, margins.ERROR, f"error on {name} {paper:g}%")
            made.append(row(_error(net.name, name), paper / 100, ours, len(judged), over, interval="95% Wilson",
                            claim=claim))  # fmt: skip
        found = distorted(net, x, labels, config, context)
        ours, n = mean_interval(found.distortion[found.success]), int(found.success.sum())
        made.append(row(_distortion(net.name), size, ours, n, over, unit="RMS", interval="95% t over images",
                        claim=equal_to(size, margins.DISTORTION, f"average distortion {size:g}")))  # fmt: skip
    unseen = [row_named(made, _error(name, half)).ours for name, half in UNSEEN.items()]
    sizes = [row_named(made, _distortion(name)).ours for name in UNSEEN]
    verdict = (
        f"That errors and distortions are the paper's: {all_of(r.verdict for r in made if r.verdict)}, over the images "
        f"of one network of each kind, from one division. "
        f"Errors on the unseen half are {', '.join(f'{e:.2%}' for e in unseen)} (the paper: 2.4, 2.5, 2.3%), "
        f"distortions {', '.join(f'{size:.3f}' for size in sizes)} (0.062, 0.059, 0.058); "
        f"{sum(map(margins.covers_paper, made))} of {len(made)} intervals hold the paper's number."
    )
    return Result(tuple(made), verdict)


def _error(net: str, on: str) -> str:
    return f"{net}: error on {on}"


def _distortion(net: str) -> str:
    return f"{net}: distortion"


EXPERIMENT = Experiment(
    "SZ-T3",
    "Three networks from two halves of the training images",
    "Szegedy et al. 2013, Table 3",
    {
        "smoke": Config("faces", iterations=4, images=4),
        "quick": Config(),
        "paper": Config(iterations=2000, images=1024),
    },
    run,
    notes="images=0 distorts all test images",
)
