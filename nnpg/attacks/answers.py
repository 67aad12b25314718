"""What an attack is told by a network of images x (N, m): loss and margin, and their gradients."""

from __future__ import annotations

from dataclasses import dataclass

from nnpg_kernels import Array


@dataclass(eq=False)
class Evaluation:
    """Loss and margin of N images for their targets.

    Parameters
    ----------
    loss : array (N,), float64
    gradient : array (N, m)
        d loss / d x.
    margin : array (N,), float64
        Score of the target minus the largest other score, minus kappa; scores are what the loss reads, before any
        squashing.
    threshold : array (N,), float64
        An image counts as classified as its target when the margin is above this.
    margin_per_loss : array (N,), float64
        d log(y / (1 - y)) / d loss for the target's probability y, which is close to d margin / d loss; NaN for losses
        other than the cross-entropy.
    """

    loss: Array
    gradient: Array
    margin: Array
    threshold: Array
    margin_per_loss: Array


@dataclass(eq=False)
class Rivals:
    """The R classes with the largest scores but the target's (N, R), the margins over them, and d margin / d x."""

    classes: Array
    margins: Array  # (N, R)
    gradients: Array  # (N, R, m)


@dataclass(eq=False)
class Margin:
    """The margin between one class of each image and the largest of the other scores.

    Parameters
    ----------
    value, threshold : arrays (N,), float64
        As `margin` and `threshold` of `Evaluation`.
    rival : array (N,), int
        The class with the largest of the other scores.
    gradient : array (N, m)
        d value / d x.
    """

    value: Array
    threshold: Array
    rival: Array
    gradient: Array
