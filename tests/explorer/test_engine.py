"""The engine of the explorer's page, run in Chromium, equals nnpg's numpy backend in float64."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from explorer.cases import Case, of_chains, of_rows

from nnpg.explorer import script

pytestmark = pytest.mark.browser


@cache
def cases() -> tuple[Case, ...]:
    return (*of_rows(), *of_chains())


def test_every_layer_and_random_chains_give_the_same_outputs_deltas_and_gradients(page: Any) -> None:
    answers = json.loads(page.evaluate("([code, cases]) => passes(code, cases)", [script(), [c.sent for c in cases()]]))
    assert len(answers) >= 80
    for case, answer in zip(cases(), answers, strict=True):
        assert {kind: set(of) for kind, of in answer.items()} == {kind: set(of) for kind, of in case.expected.items()}
        for kind, of in case.expected.items():
            for name, expected in of.items():
                found = np.array(answer[kind][name]["data"]).reshape(answer[kind][name]["shape"])
                assert found.shape == expected.shape
                error = abs(found - expected) / (1 + abs(expected))
                assert error.max(initial=0) <= 1e-12, f"{case.name}: {kind} of {name} by {error.max()}"
