"""SZ-4: a classifier of cars on features learned without labels, and least distortions (Szegedy et al. 2013, Fig. 6).

python -m experiments run SZ-4        (about 1 minute on 2 cores)

The paper's QuocNet, a billion weights trained on ten million video frames, is not available. A small one instead: a
sparse autoencoder learns from unlabelled patches of CIFAR-10, its encoder is applied to the images as a convolution,
pooled by averages and fixed, and softmax on top separates automobiles from the rest. Expected: clear images of cars are
not recognised after a change that is hard to see.
"""

from __future__ import annotations

import numpy as np

import nnpg
from experiments.experiment import Context, Experiment, Result, row
from experiments.models.cars import Cars, car_images, car_net
from nnpg.analysis.statistics import mean_interval, wilson
from nnpg.analysis.verdicts import at_least
from nnpg.attacks import minimal_distortion
from nnpg.plots import image_grid

SHOWN = 4


def run(config: Cars, context: Context) -> Result:
    train, test = car_images(config, context)
    net = car_net(config, context, train)
    wrong = round(nnpg.error_rate(net, test.x, test.labels) * len(test))
    seen = round(nnpg.error_rate(net, train.x, train.labels) * len(train))
    y = nnpg.predict(net, test.x).argmax(axis=1)
    cars = np.flatnonzero((test.labels == 1) & (y == 1))[: config.attacked]
    cars = cars if len(cars) else np.flatnonzero(test.labels == 1)[: config.attacked]
    x = test.x[cars]
    found = minimal_distortion(net, x, 0, labels=test.labels[cars], progress=context.progress)
    few = min(SHOWN, len(x))
    change = abs(found.adversarial - x)
    change = change / np.maximum(change.max(axis=(1, 2, 3), keepdims=True), 1e-9)
    triples = np.stack([x[:few], found.adversarial[:few], change[:few]], axis=1).reshape(-1, *x.shape[1:])
    titles = [t for size in found.distortion[:few] for t in ("a car", f"not a car {size:.4f}", "|change|")]
    image_grid(triples, context.folder / "cars.png", titles=titles, columns=6)
    fooled, size = wilson(int(found.success.sum()), len(x)), mean_interval(found.distortion[found.success])
    over, by = "images of one net", "95% Wilson"
    every = at_least(1, "the images in the middle are not recognized")
    fooled_row = row("cars no longer recognised", 1.0, fooled, len(x), over, interval=by, claim=every)
    rows = (
        row("training error of the car classifier", None, wilson(seen, len(train)), len(train), over, interval=by),
        row("test error of the car classifier", None, wilson(wrong, len(test)), len(test), over, interval=by),
        fooled_row,
        row("distortion", None, size, int(found.success.sum()), over, unit="RMS", interval="95% t over images"),
    )
    verdict = (
        f"That no car is recognised after a small change: {fooled_row.verdict}, over the images of one network that "
        f"takes the place of QuocNet. {'All' if fooled.value == 1 else f'{fooled.value:.0%} of the'} {len(x)} cars are "
        f"not recognised after a change of {size.value:.4f} RMS on average; their features were learned without labels "
        f"(test error {wrong / len(test):.1%})."
    )
    return Result(rows, verdict, ("cars.png",))


EXPERIMENT = Experiment(
    "SZ-4",
    "Cars that are not recognised, on features learned without labels",
    "Szegedy et al. 2013, Fig. 6",
    {
        "smoke": Cars("faces", patches=60, units=6, iterations=3, images=12, attacked=2),
        "quick": Cars(),
        "paper": Cars(patches=100000, units=400, iterations=400, attacked=1000),
    },
    run,
)
