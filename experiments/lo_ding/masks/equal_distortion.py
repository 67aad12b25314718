"""The paper's masks beside other attacks, all with the same distortion (for LD-11).

Scaled to one length, the gradients of y_t, of log y_t and of the loss are the same up to the sign. One step along the
signs is the fast gradient sign method (FGSM); many small steps are projected gradient descent.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Row, row
from experiments.models.cifar import Config, Images, spread_indices
from nnpg import Network
from nnpg.analysis.verdicts import share_interval
from nnpg.attacks import (
    fast_gradient_sign,
    linear,
    mask_sweep,
    noise_like,
    projected_gradient,
    target_success,
    to_unit,
)
from nnpg.data import Dataset
from nnpg.plots import Lines

LEVELS = (0.005, 0.01, 0.02, 0.04)  # root mean square of the change, in pixels of 0 .. 1
SHOWN = 2  # of these: the one in the rows
STEPS = 10
LINEAR, PROJECTED = "gradient of y_t (the paper's)", f"projected gradient, {STEPS} steps"


def at_distortion(name: str) -> str:
    """Return the name of an attack's row."""
    return f"{name}, distortion {LEVELS[SHOWN]:g}"


def at_equal_distortion(
    nets: list[Network], images: Images, config: Config, context: Context
) -> tuple[str, list[Row], Lines]:
    """Target success of each attack at each distortion, clipped to the box: a table, rows at 0.02, and a panel."""
    data = images.train.subset(spread_indices(images.train, config.trial))
    each = [_shares(net, data, context) for net in nets]
    found = {name: np.array([shares[name] for shares in each]) for name in each[0]}  # (nets, levels)
    lines = [f"{'root mean square of the change':32}" + "".join(f"{level:>8g}" for level in LEVELS)]
    for name, shares in found.items():
        lines.append(f"{name:32}" + "".join(f"{share:>8.1%}" for share in shares.mean(axis=0)))
    rows = [
        row(at_distortion(name), None, share_interval(shares[:, SHOWN]), len(nets), "nets", interval="95% t over nets")
        for name, shares in found.items()
    ]
    panel = Lines(
        "attacks at equal distortion",
        LEVELS,
        {name: shares.mean(axis=0) for name, shares in found.items()},
        "root mean square of the change",
        "classified as the target",
    )
    return "\n".join(lines), rows, panel


def _shares(net: Network, data: Dataset, context: Context) -> dict[str, list[float]]:
    """Of one net, each attack's success at each distortion."""
    x, t = data.x, data.labels
    gradient = linear(net)
    masks = {
        LINEAR: to_unit(gradient),
        "gradient of z_t": to_unit(linear(net, of="logit")),
        "Gaussian noise": to_unit(noise_like(gradient, 0)),
    }
    shares: dict[str, list[float]] = {}
    for name, make in masks.items():
        sweep = mask_sweep(net, x, t, "all", (0.0, *LEVELS), masks=make, clip=True, progress=context.progress)
        shares[name] = [float(share) for share in sweep.success_curve()[1:]]
    sign = [fast_gradient_sign(net, x, t, "all", level) for level in LEVELS]
    many = [projected_gradient(net, x, t, "all", level, steps=STEPS, progress=context.progress) for level in LEVELS]
    shares["sign of the gradient (FGSM)"] = [target_success(s.predicted, s.targets).value for s in sign]
    shares[PROJECTED] = [target_success(s.predicted, s.targets).value for s in many]
    return shares
