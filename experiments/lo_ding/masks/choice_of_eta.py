"""For LD-11 to LD-14: step sizes that some images choose, and the share of other images that reach their targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from experiments.models.masks import SIZES, Reached, halves

FOR_ALL, A_TARGET, AN_IMAGE = "one eta for all", "one eta per target", "one eta per image and target"
UNITS = {"pixels in 0 .. 1": 1.0, "mask in grey levels": 255.0, "all in grey levels": 255.0**2}
STEPS = 120  # etas that are tried
RANGE, USUAL = (5000.0, 10000.0), 7000.0  # the paper's best etas


def etas_for(reached: Sequence[Reached]) -> NDArray[np.float64]:
    """Return step sizes that give nearly every mask of these nets each size from the smallest to the largest."""
    lengths = np.concatenate([r.lengths[r.lengths > 0] for r in reached])
    short, long = np.quantile(lengths, (0.05, 0.95))
    return np.geomspace(SIZES[0] / long, SIZES[-1] / short, STEPS)


def curves(reached: Reached, etas: NDArray[np.float64], K: int) -> NDArray[np.float64]:
    """Return the share of each target's images that reach it at each eta, (etas, K)."""
    targets, n = reached.targets.ravel(), np.bincount(reached.targets.ravel(), minlength=K)
    hits = [np.bincount(targets, reached.at(eta).ravel(), K) for eta in etas]
    return np.asarray(hits / np.maximum(n, 1))


def best_etas(reached: Reached, etas: NDArray[np.float64], K: int) -> NDArray[np.float64]:
    """Return the eta at which most images reach each target (K,), of equal ones the smallest."""
    return np.asarray(etas[curves(reached, etas, K).argmax(axis=0)])


def best_eta(reached: Reached, etas: NDArray[np.float64]) -> float:
    """Return the eta at which most images reach their targets."""
    return float(etas[int(np.argmax([reached.at(eta).mean() for eta in etas]))])


def chosen_etas(reached: Reached, K: int) -> NDArray[np.float64]:
    """Return the eta of each target (K,) that half of the images choose."""
    choosing, _ = halves(len(reached.targets))
    return best_etas(reached.of_images(choosing), etas_for([reached]), K)


def judged_shares(reached: Reached, etas: NDArray[np.float64], K: int) -> dict[str, float]:
    """Return the share of the judging half that reaches its targets, by each rule for the choice of eta.

    One eta for all and one per target are chosen on the other half. One per image and target is found by a search that
    asks the network, so nothing is chosen beforehand.
    """
    choosing, judging = (reached.of_images(rows) for rows in halves(len(reached.targets)))
    per_target = best_etas(choosing, etas, K)
    return {
        FOR_ALL: float(judging.at(best_eta(choosing, etas)).mean()),
        A_TARGET: float(judging.at(per_target[judging.targets]).mean()),
        AN_IMAGE: float(judging.success.any(axis=0).mean()),
    }


def unit_of(best: Sequence[float]) -> str:
    """Return the unit of pixels in which the best etas of some nets are nearest to the paper's 7000."""
    middle = float(np.exp(np.mean(np.log(best))))
    return min(UNITS, key=lambda unit: abs(np.log(middle * UNITS[unit] / USUAL)))


def in_range(reached: Sequence[Reached], etas: NDArray[np.float64], K: int) -> list[float]:
    """Return the share of targets whose best eta is inside the paper's range, for each net.

    The unit of eta is the one that the other nets choose, with half of the images; the other half gives the best etas.
    One net alone has no others, and chooses its own.
    """
    choosing, judging = zip(*([r.of_images(rows) for rows in halves(len(r.targets))] for r in reached), strict=True)
    best = [best_eta(r, etas) for r in choosing]
    shares = []
    for number, net in enumerate(judging):
        others = [eta for n, eta in enumerate(best) if n != number] or best
        per_target = best_etas(net, etas, K) * UNITS[unit_of(others)]
        shares.append(float(((RANGE[0] <= per_target) & (per_target <= RANGE[1])).mean()))
    return shares


def spread(reached: Reached, etas: NDArray[np.float64], K: int) -> float:
    """Return the largest of the targets' best etas divided by the smallest: whatever the unit of eta."""
    best = best_etas(reached, etas, K)
    return float(best.max() / best.min())
