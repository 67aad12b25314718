"""SZ-T4: test images that fool one network, shown to networks trained on other images (Szegedy et al. 2013, Table 4).

python -m experiments run SZ-T4        (the training of SZ-T3's networks unless done already, then seconds)

Expected: unchanged, they fool the other networks slightly more often than noise does; enlarged to an RMS of 0.1, much
more often, and a network that was trained on the same half more often than one trained on the other half. The paper
divides by the L2 norm, which would make a change of 0.0036 RMS; only the RMS norm gives its 0.1. That is 1.7 times the
paper's distortions, not 1.4 times. A change above 0.1 becomes smaller, and may no longer fool. Enlarged images leave
the box; the same, clipped to the box, are beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row, row_named
from experiments.models.mnist import margins
from experiments.models.mnist.digits import digits, random_images
from experiments.models.mnist.lbfgs import THREE, Training
from experiments.models.mnist.nets import distorted, mnist_nets
from experiments.szegedy import transfer
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.analysis.verdicts import equal_to, more_than
from nnpg.attacks import amplify

PAPER = {  # errors in %
    "M1": (100, 26.2, 5.9),
    "M1'": (6.25, 100, 5.1),
    "M2": (8.2, 8.2, 100),
    "noise 0.06": (2.2, 2.6, 2.4),
    "M1, enlarged": (100, 98, 43),
    "M1', enlarged": (96, 100, 22),
    "M2, enlarged": (27, 50, 100),
    "noise 0.1": (2.6, 2.8, 2.7),
}
FACTOR, NEAR = 1.4, 0.05  # the paper's "40%" is rounded to tens of percent
ENLARGED = "enlarged by: 0.1 over the mean distortion"
LESS = more_than(0, "although their effectiveness decreases considerably")
REMAIN = more_than(0, "the adversarial examples remain hard for models trained even on a disjoint training set")
HALVES, BEYOND_NOISE = (
    "enlarged: error of the same half minus that of the other half",
    "enlarged: error of the other half minus that of noise",
)
SAME, OTHER = (
    [(0, 1), (1, 0)],
    [(0, 2), (1, 2), (2, 0), (2, 1)],
)  # row, column: the attacked network and the tested one were trained on the same half, or not


@dataclass(frozen=True)
class Config(Training):
    """Test images that are distorted, 0 for all of them, and the RMS of the enlarged change."""

    images: int = 256
    rms: float = 0.1


def run(config: Config, context: Context) -> Result:
    _, test = digits(config.dataset, context.data_dir)
    nets = mnist_nets(THREE, config, context)
    seed = context.seed_or(config.seed)
    x, labels = random_images(test, config.images, seed)
    found = {net.name: distorted(net, x, labels, config, context) for net in nets}
    rng = np.random.default_rng(seed)
    larger = {name: amplify(x, d.adversarial, config.rms) for name, d in found.items()}
    batches = {name: d.adversarial for name, d in found.items()}
    batches["noise 0.06"] = x + 0.06 * rng.standard_normal(x.shape).astype(x.dtype)
    batches |= {f"{name}, enlarged": v for name, v in larger.items()}
    batches["noise 0.1"] = x + 0.1 * rng.standard_normal(x.shape).astype(x.dtype)
    batches |= {f"{name}, enlarged, clipped": v.clip(0, 1) for name, v in larger.items()}
    batches["unchanged"] = x
    names, N = list(batches), len(x)
    wrong = transfer.errors(nets, batches, labels)
    table = transfer.cell_rows(wrong, N, names, nets, PAPER)
    covered = np.array([margins.covers_paper(r) for r in table]).reshape(wrong.shape)
    transfer.draw(wrong, N, names, nets, PAPER, context.folder / "transfer.png", covered)
    raw, large = wrong[:3] / N, wrong[4:7] / N
    near, far = (float(np.mean([large[cell] for cell in cells])) for cells in (SAME, OTHER))
    near_raw, far_raw = (float(np.mean([raw[cell] for cell in cells])) for cells in (SAME, OTHER))
    noise = float(wrong[7].mean()) / N
    size = mean_interval([float(d.distortion[d.success].mean()) for d in found.values()])  # of each network
    value, known = config.rms / size.value, size.low > 0  # else its inverse has no interval: too few images
    factor = Interval(value, config.rms / size.high, config.rms / size.low) if known else value
    off = [r for r, on in zip(table, transfer.on_diagonal(names, nets).ravel(), strict=True) if not on]
    inside, given, alike = transfer.agreement(off)
    over = "pairs of nets"
    rows = [
        row(ENLARGED, FACTOR, factor, len(found), "nets", unit="factor", interval="95% t over networks",
            claim=equal_to(FACTOR, NEAR, "magnifies the distortion on average by 40%, from stddev 0.06 to 0.1")),
        row(HALVES, 0.614, near - far, 6, over, claim=LESS),
        row("as found: error of the same half minus that of the other half", 0.0938, near_raw - far_raw, 6, over,
            claim=LESS),
        row(BEYOND_NOISE, 0.328, far - noise, 4, over, claim=REMAIN),
        row("cells off the diagonal, ours and the paper's", None, alike, given, over, unit="Spearman"),
    ]  # fmt: skip
    remain, less, enlarged = (row_named(rows, name).verdict for name in (BEYOND_NOISE, HALVES, ENLARGED))
    verdict = (
        f"That images stay hard for networks trained on the other half: {remain}. That they are less so than for the "
        f"same half: {less}. Both are of one division into halves. That the change is enlarged by 40%: {enlarged}. "
        f"Enlarged to {config.rms:g} the images fool networks of the same half in {near:.0%} and of the other half in "
        f"{far:.0%} (noise: {noise:.1%}), as found in {near_raw:.1%} and {far_raw:.1%}; {inside} of {given} cells off "
        f"the diagonal hold the paper's number in their interval."
    )
    texts = (Text("Errors, %", transfer.table(wrong, N, names, nets, PAPER)),)
    return Result((*rows, *table), verdict, ("transfer.png",), texts)


EXPERIMENT = Experiment(
    "SZ-T4",
    "Adversarial examples across training sets",
    "Szegedy et al. 2013, Table 4",
    {
        "smoke": Config("faces", iterations=4, images=4),
        "quick": Config(),
        "paper": Config(iterations=2000, images=1024),
    },
    run,
    notes="images=0 distorts all test images",
)
