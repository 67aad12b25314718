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
from experiments.experiment import Context, Experiment, Result, Row, Text, row
from experiments.models.alexnet import alexnet
from experiments.models.mnist.conv import ConvTraining, conv_net
from experiments.models.mnist.digits import digits, random_images
from experiments.models.mnist.lbfgs import Training
from experiments.models.mnist.nets import distorted, mnist_nets
from nnpg import Network
from nnpg.analysis.gains import Gain, MeasuredGain, lipschitz_bounds, measured_gains
from nnpg.plots import Depth, depth_curves
from nnpg_kernels import Array

PAPER = {  # of AlexNet: lower and upper
    "conv1": (0.1, 20), "conv2": (0.06, 10), "conv3": (0.01, 7), "conv4": (5e-5, 7.3), "conv5": (0.03, 11),
    "dense1": (0.09, 3.12), "dense2": (1e-4, 4), "dense3": (0.25, 4),
}  # fmt: skip
Gains = tuple[Gain, ...]
Measured = dict[str, dict[str, MeasuredGain]]  # kind of change -> layer -> gain

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
    rows, panels, lines, first, slack = list[Row](), list[Depth](), list[str](), list[float](), list[float]()

    def add(
        name: str, net: Network, changes: dict[str, tuple[Array, Array]], paper: dict[str, tuple[float, float]]
    ) -> None:
        gains = lipschitz_bounds(net).gains
        measured = {kind: measured_gains(net, a, b) for kind, (a, b) in changes.items()}
        rows.extend(_rows(name, gains, measured, paper))
        panels.append(_panel(name, gains, measured))
        lines.extend(_lines(name, net, gains, measured))
        first.append(next(g.bounds.upper for g in gains if g.bounds))
        scores = gains[-2]  # before the softmax
        slack.append(scores.product / max(m[scores.layer].total.max() for m in measured.values()))

    for trained in mnist_nets(NAMES, config, context):
        found = distorted(trained, x, labels, config, context)
        add(trained.name, trained.net, _changes(x, found.adversarial, seed), {})
    net, _, _ = conv_net(ConvTraining(config.dataset, config.epochs, config.seed), context)
    images = x.reshape(-1, *train.image_shape)
    found = nnpg.attacks.minimal_distortion(net, images, "nearest", labels=labels, progress=context.progress)
    add("Conv", net, _changes(images, found.adversarial, seed), {})
    large = nnpg.load_network(config.weights, context.backend) if config.weights else alexnet(config.alexnet, seed)
    noise = np.random.default_rng(seed)
    photos = noise.random((2, *large.input_shape), dtype=np.float32)
    nudged = photos + 0.05 * noise.standard_normal(photos.shape, dtype=np.float32)
    add("AlexNet's shape", large, {"noise": (photos, nudged)}, PAPER)
    depth_curves(panels, context.folder / "gains.png", ylabel="gain from the image to the layer")
    unstable = sum(f > 1 for f in first)
    verdict = (
        f"The first layer can amplify a change in {unstable} of {len(first)} networks (its upper bound is above 1); no "
        f"measured gain exceeds its bound, and the product of the bounds up to the scores is {min(slack):.2g} to "
        f"{max(slack):.2g} times the largest gain that was measured, so it is a bound, but no description of what "
        "happens."
    )
    return Result(tuple(rows), verdict, ("gains.png",), (Text("Every layer", "\n".join(lines)),))


def _changes(x: Array, distorted: Array, seed: int) -> dict[str, tuple[Array, Array]]:
    """Pairs of images and changed ones: towards another class, and by noise of the same size."""
    size = np.sqrt(((distorted - x) ** 2).reshape(len(x), -1).mean(axis=1))
    n, rms = np.flatnonzero(size > 0), np.where(size > 0, size, 0.06).reshape(-1, *[1] * (x.ndim - 1))
    noise = np.random.default_rng(seed).standard_normal(x.shape)
    changes = {"noise": (x, (x + rms * noise).astype(x.dtype))}
    return {"adversarial": (x[n], distorted[n])} | changes if len(n) else changes


def _rows(
    name: str,
    gains: tuple[Gain, ...],
    measured: dict[str, dict[str, MeasuredGain]],
    paper: dict[str, tuple[float, float]],
) -> list[Row]:
    """Bounds of the layers with weights; for the whole network the bound, and the largest gain within it."""
    made = []
    for gain in gains:
        if gain.bounds:
            low, high = paper.get(gain.layer, (None, None))
            made.append(row(f"{name}, {gain.layer}: lower bound", low, gain.bounds.lower, 1, unit="gain"))
            made.append(row(f"{name}, {gain.layer}: upper bound", high, gain.bounds.upper, 1, unit="gain"))
    scores = gains[-2]
    made.append(row(f"{name}: product of the bounds up to the scores", None, scores.product, 1, unit="gain"))
    for kind, of_kind in measured.items():
        total = of_kind[scores.layer].total
        within = all((of_kind[g.layer].total <= g.product * (1 + 1e-4)).all() for g in gains)
        made.append(
            row(f"{name}: largest gain, {kind}", None, float(total.max()), len(total), unit="gain", held=within)
        )
    return made


def _panel(name: str, gains: Gains, measured: Measured) -> Depth:
    shown = gains[:-1]
    series: dict[str, list[float]] = {"bound": [g.product for g in shown]}
    for kind, of_kind in measured.items():
        series[f"largest measured: {kind}"] = [float(of_kind[g.layer].total.max()) or np.nan for g in shown]
    return Depth(name, [g.layer for g in shown], series)


def _lines(name: str, net: Network, gains: Gains, measured: Measured) -> list[str]:
    kinds = "".join(f"{kind:>14}" for kind in measured)
    lines = [
        f"{name:16} {'size':>18} {'lower':>10} {'constant':>10} {'product':>10}{kinds}   (largest gain of the layer)"
    ]
    for gain in gains:
        W = net.parameters.get(gain.layer, {}).get("W")
        size = "" if W is None else " x ".join(map(str, W.shape))
        low = f"{gain.bounds.lower:.3g}" if gain.bounds else ""
        largest = "".join(f"{np.nanmax(of_kind[gain.layer].layer):14.3g}" for of_kind in measured.values())
        lines.append(f"{gain.layer:16} {size:>18} {low:>10} {gain.constant:10.3g} {gain.product:10.3g}{largest}")
    return [*lines, ""]


EXPERIMENT = Experiment(
    "SZ-T5",
    "Frame bounds, their products, and measured gains",
    "Szegedy et al. 2013, Table 5",
    {
        "smoke": Config("faces", iterations=4, coding=3, unlabelled=40, images=4, epochs=1, alexnet=16),
        "quick": Config(),
        "paper": Config(iterations=2000, coding=600, unlabelled=60000, images=1024, epochs=20, alexnet=1),
    },
    run,
    notes="weights=PATH takes the weights of a saved network in place of random ones of AlexNet's shape",
)
