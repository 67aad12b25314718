"""SZ-4: a classifier of cars on features learned without labels, and least distortions (Szegedy et al. 2013, Fig. 6).

python -m experiments run SZ-4        (about 2 minutes on 2 cores)

The paper's QuocNet, a billion weights trained on ten million video frames, is not available. A small one instead: a
sparse autoencoder learns from unlabelled patches of CIFAR-10, its encoder is applied to the images as a convolution,
pooled by averages and fixed, and softmax on top separates automobiles from the rest. Each network has patches, images
and first weights of its own. Expected: clear images of cars are not recognised after a change that is hard to see.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

import nnpg
from experiments.experiment import Context, Experiment, Result, row
from experiments.models.cars import Cars, car_images, car_net
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import at_least, share_interval
from nnpg.attacks import Distorted, minimal_distortion
from nnpg.plots import image_grid
from nnpg_kernels import Array

SHOWN = 4
EVERY = at_least(1, "the images in the middle are not recognized")


def run(config: Cars, context: Context) -> Result:
    first = context.seed_or(config.seed)
    found = [_attacked(config, replace(context, seed=first + number)) for number in range(config.nets)]
    _draw(found[0], context)
    n, by = config.nets, "95% t over nets"
    fooled = share_interval([one.changed.success.mean() for one in found])
    size = mean_interval([one.changed.distortion[one.changed.success].mean() for one in found])
    seen, wrong = share_interval([one.seen for one in found]), share_interval([one.wrong for one in found])
    every = row("cars no longer recognised", 1.0, fooled, n, "nets", interval=by, claim=EVERY)
    rows = (
        row("training error of the car classifier", None, seen, n, "nets", interval=by),
        row("test error of the car classifier", None, wrong, n, "nets", interval=by),
        every,
        row("distortion", None, size, n, "nets", unit="RMS", interval=by),
    )
    verdict = (
        f"That no car is recognised after a small change: {every.verdict}, over {n} networks that take the place of "
        f"QuocNet. Of {len(found[0].x)} cars that a network recognises {fooled.value:.0%} are not recognised after a "
        f"change of {size.value:.4f} RMS on average; the features were learned without labels (test error "
        f"{wrong.value:.1%})."
    )
    return Result(rows, verdict, ("cars.png",))


class Attacked(NamedTuple):
    """The errors of one network on its training and test images, cars that it recognises, and the same changed."""

    seen: float
    wrong: float
    x: Array
    changed: Distorted


def _attacked(config: Cars, context: Context) -> Attacked:
    """Train one network, and change cars that it recognises; any cars where it recognises none."""
    train, test = car_images(config, context)
    net = car_net(config, context, train)
    seen, wrong = (nnpg.error_rate(net, data.x, data.labels) for data in (train, test))
    y = nnpg.predict(net, test.x).argmax(axis=1)
    cars = np.flatnonzero((test.labels == 1) & (y == 1))[: config.attacked]
    cars = cars if len(cars) else np.flatnonzero(test.labels == 1)[: config.attacked]
    x = test.x[cars]
    return Attacked(
        seen, wrong, x, minimal_distortion(net, x, 0, labels=test.labels[cars], polish=False, progress=context.progress)
    )


def _draw(one: Attacked, context: Context) -> None:
    """Draw a few cars, the changed ones, and the size of the change, the largest white."""
    few = min(SHOWN, len(one.x))
    x, adversarial = one.x[:few], one.changed.adversarial[:few]
    change = abs(adversarial - x)
    change = change / np.maximum(change.max(axis=(1, 2, 3), keepdims=True), 1e-9)
    triples = np.stack([x, adversarial, change], axis=1).reshape(-1, *x.shape[1:])
    titles = [t for size in one.changed.distortion[:few] for t in ("a car", f"not a car {size:.4f}", "|change|")]
    image_grid(triples, context.folder / "cars.png", titles=titles, columns=6)


EXPERIMENT = Experiment(
    "SZ-4",
    "Cars that are not recognised, on features learned without labels",
    "Szegedy et al. 2013, Fig. 6",
    {
        "smoke": Cars("faces", patches=60, units=6, iterations=3, images=12, attacked=2, nets=2),
        "quick": Cars(),
        "paper": Cars(patches=50000, units=400, iterations=200, nets=5),
    },
    run,
    version=2,
)
