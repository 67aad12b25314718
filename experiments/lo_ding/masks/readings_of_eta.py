"""For LD-11: what the paper's eta may mean. Which output is differentiated, and in which units of pixels."""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context
from experiments.models.cifar import Config, Images, spread_indices
from experiments.models.masks import PER_GREY, PER_GREY_SQUARED, etas
from nnpg import Network
from nnpg.attacks import linear, mask_sweep, to_unit
from nnpg.plots import Lines
from nnpg.seeds import Of

WIDEST = 0.25  # root mean square, where every mask is scaled to one size
READINGS: tuple[tuple[Of, float, str], ...] = (
    ("prob", PER_GREY, "y_t, mask in grey levels"),
    ("prob", PER_GREY_SQUARED, "y_t, all in grey levels"),
    ("logit", PER_GREY_SQUARED, "z_t, all in grey levels"),
    ("logprob", PER_GREY_SQUARED, "log y_t, all in grey levels"),
)


def readings_of_eta(
    net: Network, images: Images, config: Config, context: Context, span: tuple[float, float]
) -> tuple[Lines, str]:
    """Search with other outputs differentiated and other units of eta, on fewer images: curves, and a table.

    The last reading is without eta: every mask is scaled to the same root mean square.
    """
    data, curves = images.train.subset(spread_indices(images.train, config.trial)), {}
    lines = [f"{'':28}  {'best':>6}  at the best          at some eta  distortion at the best, median"]
    tried = [(name, linear(net, of=of), etas(config, per), per) for of, per, name in READINGS]
    tried.append(("one size, root mean square", to_unit(linear(net)), np.linspace(0, WIDEST, config.steps), 1.0))
    for name, masks, steps, per in tried:
        sweep = mask_sweep(net, data.x, data.labels, "all", steps, masks=masks, progress=context.progress)
        e, share = sweep.best(), sweep.target_success(sweep.best())
        around = f"{share.value:.1%} ({share.low:.1%}-{share.high:.1%})"
        ever = np.isfinite(sweep.least_eta).mean()
        size = float(np.median(sweep.distortion[e]))
        lines.append(f"{name:28}  {sweep.etas[e] * per:6.5g}  {around:20}  {ever:10.1%}  {size:.4f}")
        curves[name] = sweep.success_curve()
    labels = [name for name, *_ in tried[:-1]]
    panel = Lines("readings of eta", etas(config, 1.0), {name: curves[name] for name in labels},
                  "eta as the paper counts it", "classified as the target", span=span)  # fmt: skip
    return panel, "\n".join(lines)
