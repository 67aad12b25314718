"""The networks that Hinthorn's future work names, beside that of his paper: deeper (6.1) and for CIFAR-10 (6.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from experiments.data_sets import CIFAR10
from experiments.models.hinthorn.base import DENSE, FACES_IN_COLOUR
from experiments.models.hinthorn.variants import Hard, Variant

DEEPER, COLOUR = "three convolutions", "CIFAR-10"
MOST_PAIRS, MOST_NETS = 1000, 5  # of each of these networks


@dataclass(frozen=True)
class Beside(Hard):
    """Which other networks are judged beside the paper's."""

    others: tuple[str, ...] = (DEEPER, COLOUR)

    @property
    def also_reads(self) -> tuple[str, ...]:
        """The data sets beside its own."""
        return (CIFAR10,) if COLOUR in self.others and not self.dataset.startswith("faces") else ()


C = TypeVar("C", bound=Beside)


def other_bases(config: C) -> dict[str, C]:
    """Return the settings with each of the other networks, by name; of each as many as of the paper's, up to MOST_NETS.

    The smallest scale has faces in colour in its place. The paper names no training of these networks. The attack's
    factor is chosen for each of them too, out of half as many, at the first learning rate.
    """
    fast: dict[str, Any] = {"lr_decay": 1e-3, "batch": 100, "pairs": min(config.pairs, MOST_PAIRS)}
    fast |= {"nets": min(config.nets, MOST_NETS), "factors": config.factors[1::2], "wanted": config.wanted[:1]}
    settings = {
        DEEPER: {"convolutions": 3, "epochs": 4, "lr": 0.05, **fast},
        COLOUR: {"dataset": CIFAR10, "epochs": 10, "lr": 0.02, **fast},
    }
    if config.dataset.startswith("faces"):
        settings = {DEEPER: {"convolutions": 3}, COLOUR: {"dataset": FACES_IN_COLOUR}}
    return {name: replace(config, **settings[name]) for name in config.others}


def smallest_shares(config: Beside) -> list[Variant]:
    """Return selective dropout of the smallest share, on the last convolution and on the dense layer."""
    return [Variant(layer, min(config.keeps)) for layer in (f"conv{config.convolutions}", DENSE)]
