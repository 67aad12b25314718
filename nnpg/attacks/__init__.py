"""Attacks on a network: images changed as little as can be found so that it takes them for another class."""

from nnpg.attacks.amplify import amplified
from nnpg.attacks.lbfgsb import Minima, Status, minimize_lbfgsb_batched
from nnpg.attacks.minimal_distortion import minimal_distortion
from nnpg.attacks.results import Distorted, Outcome
from nnpg.attacks.targets import choose_targets

__all__ = [
    "Distorted",
    "Minima",
    "Outcome",
    "Status",
    "amplified",
    "choose_targets",
    "minimal_distortion",
    "minimize_lbfgsb_batched",
]
