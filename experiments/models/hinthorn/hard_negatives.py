"""Hard-negative training over base nets, control and selective dropout: the runs of HI-T1 to HI-T3, HI-5, HI-7 to HI-9.

From each base network 208 pairs are drawn, one of each perturbation group is held out as in the paper, and every
variant is trained on the rest, in the same order. All other pairs of that network are fresh: it was not trained on
them, and there are enough of them to measure small differences.

The paper gives no size of the distortion, on which the accuracy depends. The least distortion is made larger by the
factor with which the control ends nearest to the paper's control. One base network more is trained to choose it, and
that network is not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from experiments.experiment import Context
from experiments.models.hinthorn.base import DENSE, BaseNet, base_net, base_nets
from experiments.models.hinthorn.pairs import adversarial_pairs
from experiments.models.hinthorn.runs import Runs
from experiments.models.hinthorn.training_jobs import Start, trained_runs
from experiments.models.hinthorn.variants import CONTROL, Hard, Key, Variant
from nnpg import predict
from nnpg.analysis.concentration import upper_group
from nnpg.analysis.groups import By
from nnpg.attacks import confidence
from nnpg.training_methods.volatility import unit_changes
from nnpg_kernels import Array


@dataclass(frozen=True, eq=False)
class Strength:
    """The factor chosen; for each factor the control's accuracies that decided, and the confidence in the target."""

    factor: float
    accuracy: dict[float, Array]  # at each rate of `wanted`
    confidence: dict[float, float]  # of the network that is not judged, before the training, a mean over its pairs


def hard_negative_runs(
    config: Hard, by: By, variants: Sequence[Variant], context: Context, *, rates: Sequence[float] | None = None
) -> dict[Key, Runs]:
    """Train every variant at every learning rate from every base network; what `context.models` holds is read.

    `rates` are those of the config unless given. The runs are over `config.nets` base networks.
    """
    factor = attack_strength(config, context).factor
    starts = [
        Start(base, adversarial_pairs(base, config, context), factor)
        for base in base_nets(config, context, config.nets)
    ]
    keys = [(rate, variant) for rate in (config.rates if rates is None else rates) for variant in variants]
    return trained_runs(starts, keys, config, by, context)


def attack_strength(config: Hard, context: Context) -> Strength:
    """Choose the factor on a base network that is not judged; its pairs are grouped by both classes."""
    base = _not_judged(config, context)
    pairs = adversarial_pairs(base, config, context)
    starts = [Start(base, pairs, factor) for factor in config.factors]
    runs = trained_runs(starts, [(rate, CONTROL) for rate, _ in config.wanted], config, "both", context)
    accuracy = np.stack([runs[rate, CONTROL].final["fresh"] for rate, _ in config.wanted], axis=1)  # (factors, rates)
    off = ((accuracy - [wanted for _, wanted in config.wanted]) ** 2).sum(axis=1)
    certain = {
        factor: float(confidence(predict(base.net, pairs.beyond(factor).adversarial), pairs.targets).mean())
        for factor in config.factors
    }
    return Strength(config.factors[int(off.argmin())], dict(zip(config.factors, accuracy, strict=True)), certain)


def shares_by_variance(config: Hard, context: Context) -> dict[str, float]:
    """Return the share of units of the last convolution and of the dense layer that the variance separates.

    The mean over the perturbation groups, of each one's mean volatility. The pairs are as few as those trained on, and
    are of the network on which the attack is chosen; it is not judged.
    """
    base = _not_judged(config, context)
    factor = attack_strength(config, context).factor
    pairs = adversarial_pairs(base, config, context)[: config.drawn].beyond(factor)
    changes = unit_changes(base.net, pairs.originals, pairs.adversarial, layers=base.read_at)
    groups = pairs.groups("both")
    return {
        layer: round(float(np.mean([upper_group(of).mean() for of in groups.mean(changes[read].volatility)])), 3)
        for layer, read in zip((base.conv, DENSE), base.read_at, strict=True)
    }


def _not_judged(config: Hard, context: Context) -> BaseNet:
    """Return the network on which settings are chosen."""
    seed = context.seed_or(config.seed) + config.choice
    return base_net(replace(config, seed=seed), replace(context, seed=None))
