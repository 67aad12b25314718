"""Faces for net F: the Yale set, the built-in faces, or a few of them; and the paper's five identities."""

from __future__ import annotations

from functools import cache

import numpy as np

from experiments.data_sets import noted
from experiments.experiment import Context
from nnpg.data import Dataset, load

IDENTITIES = (7, 10, 12, 14, 15)  # the paper's five, counted from 1
FEW = "few-faces"  # 75 of the built-in faces, for runs of seconds
FEW_CONDITIONS = ("normal", "happy", "glasses", "sleepy", "sad")


def face_data(name: str, context: Context) -> Dataset:
    """Return "yale", the built-in "faces", or FEW of them."""
    return noted(_few_faces() if name == FEW else load(name, context.data_dir), name)


@cache
def _few_faces() -> Dataset:
    """Always the same, so drawn once per process: drawing takes longer than a short run."""
    data = load("faces")
    few = data.subset(np.isin(np.array(data.conditions), FEW_CONDITIONS), FEW)
    few.x.setflags(write=False)
    return few
