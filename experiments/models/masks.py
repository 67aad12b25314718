"""The masks of LD-11 on nets A and M, for LD-9 to LD-14. Each sweep is run once, kept, and resumed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from experiments.experiment import Context
from experiments.models.cifar import Config, Images, net_a, net_m, spread_indices
from experiments.models.kept import kept_file
from nnpg.attacks import Sweep, best_steps, linear, mask_sweep
from nnpg.seeds import Of

LONGEST = 12750.0  # the paper's largest eta, 50 x 255
PER_GREY = 255.0  # eta W in grey levels of 0 .. 255, W = dy/dx with x in 0 .. 1: eta / 255 in units of 0 .. 1
PER_GREY_SQUARED = 255.0**2  # the same with W = dy/dx with x in 0 .. 255


def etas(config: Config, per: float = PER_GREY) -> NDArray[np.float64]:
    """Return the step sizes, 0 to the paper's 12750, in the units of pixels in 0 .. 1."""
    return np.linspace(0, LONGEST, config.steps) / per


def training_sweep(
    config: Config, context: Context, images: Images, *, victim: str = "A", of: Of = "prob", clip: bool = False
) -> Sweep:
    """LD-11's sweep: net A's masks for training images, all targets, tested on net A or on net M (LD-14)."""
    a = net_a(config, context, images).net
    net = a if victim == "A" else net_m(config, context, images).net
    rows = spread_indices(images.train, config.images)
    data, steps = images.train.subset(rows), etas(config)
    facts = {"victim": net, "masks of": a, "of": of, "clip": clip, "data": data, "etas": steps}
    return mask_sweep(
        net, data.x, data.labels, "all", steps, masks=linear(a, of=of), clip=clip,
        checkpoint=kept_file(context, f"masks of net A on net {victim}", facts), resume=True, progress=context.progress,
    )  # fmt: skip


def best_etas(sweep: Sweep) -> NDArray[np.float64]:
    """Return each target's best step size (K,)."""
    return sweep.etas[best_steps(sweep)]


def in_colour(masks: NDArray[np.float32], largest: float | None = None) -> NDArray[np.float32]:
    """Return masks (N, C, H, W) as pictures, grey where nothing changes: a change of `largest` is black or white.

    0.5 is the true contrast. Unless `largest` is given, it is the largest change of each mask, so each fills the scale.
    """
    size = abs(masks).max(axis=(1, 2, 3), keepdims=True) if largest is None else np.float32(largest)
    return np.clip(0.5 + 0.5 * masks / np.maximum(size, np.finfo(np.float32).tiny), 0, 1)
