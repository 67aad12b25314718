"""For the MNIST networks: how near to the paper's a number must be to count as equal, stated before any comparison.

The paper's numbers have an uncertainty of their own: nearly all cells of its Tables 2 and 4 are multiples of 1/256, so
they are shares of 256 images.
"""

from __future__ import annotations

import math

from nnpg.analysis.statistics import Interval, wilson

ERROR = 0.0025  # half the width of the 95% interval of an error of 1.6% on the paper's 10,000 test images
DISTORTION = 0.004  # twice the difference of the paper's own figures for one network: 0.062 in Table 1, 0.060 in Fig. 7
CELL = 0.06  # half the width of the 95% interval of an error of 50% on 256 images
IMAGES = 256  # of the paper


def papers_share(share: float) -> Interval:
    """Return a published share with its 95% interval."""
    return wilson(round(share * IMAGES), IMAGES)._replace(value=share)


def papers_mean(mean: float, deviation: float, confidence: float) -> Interval:
    """Return a published mean with its interval, from the standard deviation over the images of one of our networks."""
    from scipy.stats import norm

    half = float(norm.ppf((1 + confidence) / 2)) * deviation / math.sqrt(IMAGES)
    return Interval(mean, mean - half, mean + half)
