"""The engine of the explorer's page, run in Chromium, equals nnpg's numpy backend in float64."""

from __future__ import annotations

from typing import Any

import pytest
from explorer.cases import of_chains, of_numbers, of_rows, of_steps
from explorer.checks import check_edges, check_numbers, check_passes, check_steps

pytestmark = pytest.mark.browser


def test_every_layer_gives_the_same_outputs_deltas_and_gradients(browser: Any) -> None:
    check_passes(browser, browser.engine(), of_rows())


def test_random_chains_give_the_same_outputs_deltas_and_gradients(browser: Any) -> None:
    check_passes(browser, browser.engine(), of_chains())


def test_every_number_has_the_terms_that_explain_gives_it(browser: Any) -> None:
    cases = of_numbers()
    assert sum(len(e.readers.index) for case in cases for e in case.expected if e.readers) > 1000
    check_numbers(browser, browser.engine(), cases)


def test_a_step_is_that_of_training(browser: Any) -> None:
    check_steps(browser, browser.engine(), of_steps())


def test_a_pass_goes_on_from_an_output(browser: Any) -> None:
    assert browser.evaluate("continued", browser.engine(), of_chains()[0].sent)


def test_a_sure_softmax_ties_and_networks_without_probabilities(browser: Any) -> None:
    check_edges(browser, browser.engine())
