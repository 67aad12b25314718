"""HI-9: selective dropout as the paper's future work has it (Hinthorn 2017, 6, 6.1, 6.2 and 6.4).

python -m experiments run HI-9        (with HI-T1's runs)

A share of units that grows, p_t = 1 - e^(-alpha t) + p0 e^(-alpha t), expected between selective dropout with the share
p0 and the control, since it changes from the one into the other. A share p0 that the variance of the volatility
separates, in each layer, on the network that also chooses the attack and is not judged. Clusters of units that change
together, retained as a whole. And the gain over the control for networks with a third convolution and for CIFAR-10.
At paper scale one alpha of ours, 0.003 per pair of steps: half of the way to the control after two epochs.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.experiment import Context, Experiment, Result, row
from experiments.hinthorn.selective_dropout.gain_rows import BOOSTS, SCALES, scaling_rows, variant_rows
from experiments.models.hinthorn.hard_negatives import hard_negative_runs, shares_by_variance
from experiments.models.hinthorn.other_bases import DEEPER, Beside, other_bases, smallest_shares
from experiments.models.hinthorn.runs import Runs, against_control
from experiments.models.hinthorn.variants import CLUSTERED, CONTROL, HARD_PAPER, HARD_SMOKE, Key, Variant
from nnpg.analysis.verdicts import all_of, any_of
from nnpg.plots import Lines, line_panels


@dataclass(frozen=True)
class Config(Beside):
    """One learning rate of HI-T1, the initial share, and its rate of growth per pair of steps."""

    rates: tuple[float, ...] = (0.001,)
    keeps: tuple[float, ...] = (0.2,)
    alphas: tuple[float, ...] = (0.003, 0.03)


def run(config: Config, context: Context) -> Result:
    separated = shares_by_variance(config, context)
    fixed = [Variant(layer, keep) for layer in separated for keep in config.keeps]
    variants = [
        *(v._replace(alpha=alpha) for v in fixed for alpha in config.alphas),
        *(Variant(layer, share) for layer, share in separated.items()),
        *(v._replace(reading=CLUSTERED) for v in fixed),
    ]
    runs = hard_negative_runs(config, "both", tuple(dict.fromkeys((CONTROL, *fixed, *variants))), context)
    growing = [key for key in runs if key[1].alpha]
    others = {
        name: hard_negative_runs(settings, "both", (CONTROL, *smallest_shares(settings)), context)
        for name, settings in other_bases(config).items()
    }
    confidence = 1 - 0.05 / (len(growing) + len(others) * len(separated) * len(config.rates))
    p0 = "p0 from the variance of the volatility"
    rows = [row(f"{layer}: {p0}", None, share, 1, "nets") for layer, share in separated.items()]
    rows += variant_rows("", runs, confidence)
    for name, of_other in others.items():
        rows += variant_rows(f"{name}: ", of_other, confidence)
        rows += scaling_rows(name, of_other, runs, fixed, confidence)
    panels = [_panel(runs, rate, layer) for rate in config.rates for layer in separated]
    line_panels(panels, context.folder / "schedule.png")
    judged = {claim: [r for r in rows if r.claim == claim.quoted and r.verdict] for claim in (BOOSTS, SCALES)}
    tested = against_control(runs, lambda r: r.final["fresh"])
    differing = [f"{v.name} ({c.mean:+.3f})" for (_, v), c in tested.items() if c.p < 0.05]
    verdict = (
        f"That a share that grows is more accurate on fresh pairs than the control is "
        f"{any_of(r.verdict for r in judged[BOOSTS] if r.verdict)} for any of {len(growing)} such shares, over "
        f"{config.nets} nets. Significantly different from the control: {', '.join(differing) or 'none'}."
    )
    if others:
        scaled = all_of(r.verdict for r in judged[SCALES] if r.verdict)
        verdict += (
            f" That the gain is larger for other networks ({', '.join(others)}) is {scaled} for all of "
            f"{len(judged[SCALES])} comparisons."
        )
    return Result(tuple(rows), verdict, ("schedule.png",))


def _panel(runs: dict[Key, Runs], rate: float, layer: str) -> Lines:
    """Draw the control and the variants of a layer at one learning rate, the mean of the nets."""
    curves = {
        v.name: r.fresh.mean(axis=0) for (lr, v), r in runs.items() if lr == rate and (v == CONTROL or v.layer == layer)
    }
    return Lines(layer, runs[rate, CONTROL].steps, curves, "steps", "accuracy on fresh pairs")


EXPERIMENT = Experiment(
    "HI-9",
    "Selective dropout as the paper's future work has it",
    "Hinthorn 2017, 6",
    {
        "smoke": Config(**vars(HARD_SMOKE), others=(DEEPER,), alphas=(0.1,)),
        "quick": Config(others=()),
        "paper": Config(**vars(HARD_PAPER) | {"rates": (0.001,), "keeps": (0.2,)}, alphas=(0.003,)),
    },
    run,
    version=4,
)
