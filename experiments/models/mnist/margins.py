"""For the MNIST networks: how near to the paper's a number must be to count as equal, stated before any comparison."""

from __future__ import annotations

from experiments.experiment import Row

ERROR = 0.0025  # half the width of the 95% interval of an error of 1.6% on the paper's 10,000 test images
DISTORTION = 0.004  # twice the difference of the paper's own figures for one network: 0.062 in Table 1, 0.060 in Fig. 7
CELL = 0.06  # half the width of the 95% interval of an error of 50% on 256 images: the cells are multiples of 1/256


def covers_paper(row: Row) -> bool:
    """Return whether the row's interval holds the paper's number, which is no verdict."""
    return row.paper is not None and row.low <= row.paper <= row.high
