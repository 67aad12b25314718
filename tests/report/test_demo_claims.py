"""The demo's claims, on knock-outs and gradients whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnpg.data import faces
from nnpg.knockout import Knockout
from nnpg.report.demo.claims import claim_about_places, claims_about_knockouts
from nnpg.report.demo.findings import densities
from nnpg.scores import Filter


def knockout(errors, K: int = 3, n: int = 10) -> Knockout:
    """A knock-out in which, after each step, that share of every class's n images is taken for the next class."""
    labels = np.repeat(np.arange(K), n)
    wrong = np.tile(np.arange(n), K)[None] < np.round(np.array(errors) * n)[:, None]
    return Knockout(
        tuple(Filter("pool1", f) for f in range(len(errors) - 1)), np.where(wrong, (labels + 1) % K, labels), labels, K
    )


SLOW, FAST = [0.0] * 11 + [1.0], [0.0, 0.4] + [1.0] * 10


@pytest.mark.parametrize(
    ("strongest", "weakest", "holds"),
    [
        (FAST, SLOW, [True, True, True, True, False]),
        (SLOW, FAST, [False, False, False, True, False]),
    ],
)
def test_claims_about_knockouts_follow_the_curves(strongest, weakest, holds) -> None:
    orders = {"strongest": strongest, "weakest": weakest}
    curves = {(c, order): knockout(errors) for c in (0, 2) for order, errors in orders.items()}
    claims = claims_about_knockouts(curves, [knockout(SLOW)], ("a", "b", "c"))
    assert [claim.holds for claim in claims] == holds


def test_the_claim_about_who_is_mistaken_first_depends_on_the_others() -> None:
    fast, labels = knockout(FAST), np.repeat(np.arange(3), 10)
    predictions = fast.predictions.copy()
    predictions[1:, labels == 1] = 0  # class 1 goes at the first step, class 0 at the second
    curves = {(0, "strongest"): replace(fast, predictions=predictions), (0, "weakest"): knockout(SLOW)}
    claim = claims_about_knockouts(curves, [fast], ("a", "b", "c"))[-1]
    assert claim.holds
    assert claim.found == "1 of the other 2 go earlier"


def test_the_claim_about_places_holds_only_for_gradients_in_the_right_places() -> None:
    data = faces()
    right = data.masks.astype(float)
    assert claim_about_places(densities(right, data)).holds
    assert not claim_about_places(densities(np.roll(right, 1, axis=0), data)).holds
    assert not claim_about_places(densities(np.ones_like(right), data)).holds
