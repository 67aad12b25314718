"""What an attack asks of a network as a whole, in place of a `tasks.Reading` with a seed of its own.

Axes: N images, R rivals, the classes with the largest scores but the target's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from nnpg.losses import Loss
from nnpg_kernels import Array


class Answers(NamedTuple):
    """What an attack is told of N images: losses, margins over R rivals, and their derivatives.

    Parameters
    ----------
    loss, threshold, slope : arrays (N,), float64
        The threshold is that of `margins`; the slope is d log(y / (1 - y)) / d loss, for the probability y = e^-loss.
    margins, rivals : arrays (N, R), float64 and int64
    gradient, gradients : arrays (N, ...), (N, R, ...)
        d loss / d x and d margin / d x; what was not asked for is empty.
    """

    loss: Array
    threshold: Array
    slope: Array
    margins: Array
    rivals: Array
    gradient: Array
    gradients: Array


@dataclass(frozen=True)
class Victim:
    """A reading of an attack as a whole: `run()` gives a session, whose `session(x, targets, asked)` gives `Answers`.

    The margin over a rival is the score of the target minus that of the rival, or the other way round, minus kappa.
    The result for an image does not depend on the other images.

    Parameters
    ----------
    loss : Loss
        It reads the scores.
    """

    loss: Loss
    name: ClassVar[str] = "minimal_distortion"


class Asked(NamedTuple):
    """What an attack asks of a `Victim`.

    Parameters
    ----------
    loss : bool
        The loss and its derivative.
    rivals : int
        R, of each image.
    slopes : bool
        The derivatives of the margins.
    away : bool
        Whether the margins are those of the rivals over the target.
    kappa : float
        What is subtracted from each margin.
    rounding : float
        The threshold of an image is this times (1 + its largest score in absolute value).
    """

    loss: bool
    rivals: int
    slopes: bool
    away: bool
    kappa: float
    rounding: float
