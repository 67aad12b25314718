"""For LD-11: the best eta in each unit, the networks, and curves of success over eta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.experiment import Context
from experiments.lo_ding.masks.choice_of_eta import UNITS, best_eta, curves, unit_of
from experiments.models.masks import Reached
from experiments.models.stages import AT_ERROR
from nnpg import Training
from nnpg.plots import Lines, line_panels
from nnpg.seeds import Of
from nnpg_kernels import Array

OUTPUTS: dict[Of, str] = {"prob": "y_t", "logit": "z_t", "logprob": "log y_t"}

Found = Mapping[str, Mapping[Of, Sequence[Reached]]]  # by stage and output, for each net
Grids = Mapping[tuple[str, Of], Array]


def unit_table(found: Found, grids: Grids) -> str:
    """Best eta for all images and targets, at each stage and for each output."""
    lines = [f"{'network, output':34}" + "".join(f"{unit:>22}" for unit in UNITS) + "   nearest to 7000"]
    for (stage, of), etas in grids.items():
        best = [best_eta(net, etas) for net in found[stage][of]]
        middle = float(np.exp(np.mean(np.log(best))))
        cells = "".join(f"{middle * factor:22.4g}" for factor in UNITS.values())
        lines.append(f"{f'{stage}, {OUTPUTS[of]}':34}{cells}   {unit_of(best)}")
    return "\n".join(lines)


def network_table(stages: Mapping[str, Sequence[Training]]) -> str:
    """Errors of each network at the end, and whether its loss still falls."""
    lines = ["network                        epochs  training error  validation error  loss of the last two epochs"]
    for stage, nets in stages.items():
        for done in nets:
            last, before = done.history[-1], done.history[max(0, len(done.history) - 2)]
            line = f"{stage:29}  {last.epoch:6}  {last.error:14.2%}  {last.validation_error or 0:16.2%}"
            lines.append(f"{line}  {before.loss:.4f}  {last.loss:.4f}")
    return "\n".join(lines)


def draw_curves(found: Found, grids: Grids, names: tuple[str, ...], context: Context) -> None:
    """Fig. 6 for each output; and the mean over targets at each stage."""
    shares, xlabel = "classified as the target", "log10 of eta, pixels in 0 .. 1"
    by_target, by_stage = [], []
    for of, output in OUTPUTS.items():
        etas = grids[AT_ERROR, of]
        mean = np.mean([curves(net, etas, len(names)) for net in found[AT_ERROR][of]], axis=0)
        by_target.append(Lines(output, np.log10(etas), dict(zip(names, mean.T, strict=True)), xlabel, shares))
        stages = {
            stage: np.mean([[net.at(eta).mean() for eta in etas] for net in by[of]], axis=0)
            for stage, by in found.items()
        }
        by_stage.append(Lines(output, np.log10(etas), stages, xlabel, shares))
    line_panels(by_target, context.folder / "success.png", columns=3)
    line_panels(by_stage, context.folder / "stages.png", columns=3)
