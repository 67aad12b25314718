"""Nothing is timed before both sides have computed the same result.

    training step   two losses within 1e-4; how far each parameter moved in the first step within 1e-3 of the largest
                    such move, in the second (which shows the momentum) and in all of 16 within 2e-2
    Jacobian        dy_c/do of every block: within 1e-4 of the largest
    knock-out       the same predictions; another one only where the competitor's two logits tie within 1e-4

For networks of very many units, of which a few are at a kink whatever the images, the same bounds hold for the root of
the sum of squares of the difference over that of the values.

A move of 1e-4 of a parameter of size 0.1 is known to 1e-4 in float32. The images keep away from the kinks of the first
step's network (`benchmarks.kinks`), not of the second's.
"""

from __future__ import annotations

import numpy as np

from benchmarks.contender import Answer
from nnpg_kernels import Array

VALUES, TIES = 1e-4, 1e-4
MOVES = {"first": 1e-3, "second": 2e-2, "later": 2e-2}


class Disagreement(ArithmeticError):
    """Two sides computed different things. The message says where, and by how much."""


def check(ours: Answer, theirs: Answer, *, norms: bool = False) -> str:
    """Compare two answers to one workload; return the largest difference in words.

    Raises
    ------
    Disagreement
        If something is missing, not finite, of another shape, or differs by more than the tolerance.

    Examples
    --------
    >>> check({"block 1": np.array([1.0, 2.0])}, {"block 1": np.array([1.0, 2.0001])})
    'within 5.0e-05 of the largest value'
    """
    if "predictions" in ours:
        return _same_predictions(ours["predictions"], theirs["logits"])
    if ours.keys() != theirs.keys():
        raise Disagreement(f"one side has {', '.join(ours)}; the other {', '.join(theirs)}")
    worst, of = 0.0, "norm" if norms else "largest value"
    for name, a in ours.items():
        b = theirs[name]
        if a.shape != b.shape:
            raise Disagreement(f"{name}: ours has shape {a.shape}, theirs {b.shape}")
        tolerance = MOVES.get(name.split()[0], VALUES)
        size = np.linalg.norm if norms else _largest
        difference = float(size((a - b).ravel()) / max(size(b.ravel()), np.finfo("f4").tiny))
        if not difference <= tolerance:  # also where it is NaN
            raise Disagreement(f"{name}: differs by {difference:.1e} of the {of}; {tolerance:.0e} is allowed")
        worst = max(worst, difference)
    return f"within {worst:.1e} of the {of}"


def _largest(a: Array) -> float:
    return float(np.abs(a).max())


def _same_predictions(ours: Array, logits: Array) -> str:
    """`ours` (identities, T + 1, N) against logits (identities, T + 1, N, K)."""
    if ours.shape != logits.shape[:-1]:
        raise Disagreement(f"predictions: ours has shape {ours.shape}, theirs {logits.shape[:-1]}")
    chosen = np.take_along_axis(logits, ours[..., None], axis=-1)[..., 0]
    short = logits.max(axis=-1) - chosen  # 0 where both predict the same
    wrong = ~(short <= TIES)
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise Disagreement(f"{wrong.sum()} of {wrong.size} predictions differ, first (identity, step, image) {where}")
    return f"{(short > 0).sum()} of {short.size} predictions differ, all of them ties within {TIES:.0e}"
