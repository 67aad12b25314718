"""SZ-T5: the largest possible gain of each layer, and measured gains (Szegedy et al. 2013, 4.3 and Table 5).

python -m experiments run SZ-T5        (half a minute on 2 cores once the networks of SZ-T1 and SZ-1 are trained)

Expected: upper bounds above 1 from the first layer on, and products far above all measured gains. AlexNet's weights are
not available: its shape gets random weights, or those of a file (--set weights=PATH, a network that `nnpg.save` wrote);
the paper's bounds are beside either. By default its layers have a quarter of their units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import nnpg
from experiments.experiment import Context, Experiment, Result, Text
from experiments.models.alexnet import alexnet
from experiments.models.mnist.conv import ConvTraining, conv_net
from experiments.models.mnist.digits import digits, random_images
from experiments.models.mnist.lbfgs import FULL, SMOKE, Training
from experiments.models.mnist.nets import distorted, mnist_nets
from experiments.szegedy.gains import GainReport, changes_and_noise, gain_lines, gain_panel, gain_rows, measure
from nnpg.analysis.verdicts import all_of, of_fact
from nnpg.plots import depth_curves

PAPER = {  # of AlexNet: lower and upper
    "conv1": (0.1, 20), "conv2": (0.06, 10), "conv3": (0.01, 7), "conv4": (5e-5, 7.3), "conv5": (0.03, 11),
    "dense1": (0.09, 3.12), "dense2": (1e-4, 4), "dense3": (0.25, 4),
}  # fmt: skip

NAMES = ("N100-100-10", "N200-200-10", "AE400-10")


@dataclass(frozen=True)
class Config(Training):
    """Images whose changes are measured, epochs of the convolutional net, the divisor of AlexNet's sizes."""

    images: int = 256
    epochs: int = 3
    alexnet: int = 4
    weights: str = ""


def run(config: Config, context: Context) -> Result:
    train, _ = digits(config.dataset, context.data_dir)
    seed = context.seed_or(config.seed)
    x, labels = random_images(train, config.images, seed)
    reports: list[GainReport] = []
    for trained in mnist_nets(NAMES, config, context):
        found = distorted(trained, x, labels, context)
        reports.append(measure(trained.name, trained.net, changes_and_noise(x, found.adversarial, seed)))
    net, _, _ = conv_net(ConvTraining(config.dataset, config.epochs, config.seed), context)
    images = x.reshape(-1, *train.image_shape)
    found = nnpg.attacks.minimal_distortion(net, images, "nearest", labels=labels, progress=context.progress)
    reports.append(measure("Conv", net, changes_and_noise(images, found.adversarial, seed)))
    large = nnpg.load_network(config.weights, context.backend) if config.weights else alexnet(config.alexnet, seed)
    noise = np.random.default_rng(seed)
    photos = noise.random((2, *large.input_shape), dtype=np.float32)
    nudged = photos + 0.05 * noise.standard_normal(photos.shape, dtype=np.float32)
    reports.append(measure("AlexNet's shape", large, {"noise": (photos, nudged)}))
    rows = [r for report in reports[:-1] for r in gain_rows(report, {})]
    rows += gain_rows(reports[-1], PAPER, substitute=not config.weights)
    lines = [line for report in reports for line in gain_lines(report)]
    first, slack = [report.first_bound for report in reports], [report.slack for report in reports]
    depth_curves(
        [gain_panel(report) for report in reports],
        context.folder / "gains.png",
        ylabel="gain from the image to the layer",
    )
    unstable = sum(f > 1 for f in first)
    within = all_of(of_fact(holds) for report in reports for holds in report.within.values())
    substitute = "" if config.weights else " The rows of AlexNet's shape are open, because its weights are random."
    verdict = (
        f"That no measured gain exceeds its bound, which is proved: {within}. The first layer can amplify a change in "
        f"{unstable} of {len(first)} networks (its upper bound is above 1). The product of the bounds up to the scores "
        f"is {min(slack):.2g} to {max(slack):.2g} times the largest gain that was measured, so it is a bound, but no "
        f"description of what happens.{substitute}"
    )
    return Result(tuple(rows), verdict, ("gains.png",), (Text("Every layer", "\n".join(lines)),))


EXPERIMENT = Experiment(
    "SZ-T5",
    "Frame bounds, their products, and measured gains",
    "Szegedy et al. 2013, Table 5",
    {
        "smoke": Config(**SMOKE, images=4, epochs=1, alexnet=16),
        "quick": Config(),
        "paper": Config(**FULL, epochs=20, alexnet=1),
    },
    run,
    notes="weights=PATH takes the weights of a saved network in place of random ones of AlexNet's shape",
)
