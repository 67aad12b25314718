"""What hard-negative training gives for each variant, over base nets, and how a variant compares with the control."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.models.hinthorn.variants import CONTROL, Key
from nnpg.analysis.verdicts import Comparison, compare
from nnpg_kernels import Array

LEVELS = ("held out", "fresh", "trained on", "originals", "test")  # of the accuracies at the end


@dataclass(frozen=True, eq=False)
class Runs:
    """The results of one variant at one learning rate, over R base networks that were trained anew, a run from each.

    Parameters
    ----------
    final : mapping
        final["fresh"] is an array (R,) of accuracies at the end, for each of LEVELS.
    steps : array (T,)
        Two for each pair.
    held_out, fresh : arrays (R, T)
        Accuracy during training, on the held-out pairs and on the first `judged` fresh pairs.
    instability : array (R, F)
    pairs : int
        Pairs trained on from the first base network.
    """

    final: dict[str, Array]
    steps: Array
    held_out: Array
    fresh: Array
    instability: Array
    pairs: int

    @property
    def epochs(self) -> Array:
        """Epochs after so many steps (T,)."""
        return self.steps / (2 * self.pairs)


def joined(nets: Sequence[Mapping[str, Array]]) -> Runs:
    """Return one variant's results over base networks from the tensors that were kept for each."""
    T = min(len(run["steps"]) for run in nets)  # the numbers of groups, and so of steps, differ slightly
    final = np.stack([run["final"] for run in nets])
    return Runs(
        {level: final[:, i] for i, level in enumerate(LEVELS)},
        nets[0]["steps"][:T],
        np.stack([run["held out"][:T] for run in nets]),
        np.stack([run["fresh"][:T] for run in nets]),
        np.stack([run["instability"] for run in nets]),
        int(nets[0]["pairs"][0]),
    )


def against_control(runs: Mapping[Key, Runs], values: Callable[[Runs], Array]) -> dict[Key, Comparison]:
    """Compare every variant with the control of its learning rate, net by net; p is corrected for all variants."""
    return compare({key: values(run) - values(runs[key[0], CONTROL]) for key, run in runs.items() if key[1] != CONTROL})
