"""Tests of the tests: the engine's text is changed by typical mistakes; the checks must find each one."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from explorer.cases import of_chains, of_numbers, of_rows, of_steps
from explorer.checks import check_edges, check_numbers, check_passes, check_steps
from explorer.conftest import module_text
from explorer.script_mutants import Mutant, mutants

pytestmark = pytest.mark.browser

FILES = ("layers", "engine")
DRAWN = 9  # of so many mutants, one is tried unless all are
OUTSIDE = "what is written outside an array is dropped"
NOTHING = "a run of no outputs visits nothing"
SAME = {
    "for (let i = 1; i <= values.length; i++) if (values[i] > values[best]) best = i;": "undefined is not larger",
    "if (row < 0 || row >= H || count < 0) continue;": NOTHING,
    "for (let f = 0; f <= F; f++)": OUTSIDE,
    "for (let c = 0; c <= x[0]; c++)": OUTSIDE,
    "for (let n = 0; n <= runs.length; n += 4)": NOTHING,
    "const y = unpooled(layer, x.shape), winner = new Int32Array(y.data.length).fill(-2);": "any negative number",
    "export const sigmoid = (x) => (x <= 0 ? Math.exp(x) : 1) / (1 + Math.exp(-Math.abs(x)));": "e^0 is 1",
    "delta.data.forEach((v, f) => { for (let d = 0; d <= D; d++) dx.data[d] += v * W.data[f * D + d]; });": OUTSIDE,
    "if (b) b.data.forEach((v, f) => sums.fill(v, f * O, (f + 2) * O));": "the next filter writes over it",
    "for (let row = 0; row <= y.data.length; row += K) {": "a row of no numbers",
    "for (let row = 0; row <= p.length; row += K) {": "a row of no numbers",
}


@cache
def checks() -> list[Any]:
    chains = sorted(of_chains(), key=lambda case: len(str(case.sent)))
    return [
        (check_passes, of_rows()),
        (check_passes, chains[:20]),
        (check_numbers, of_numbers()),
        (check_steps, of_steps()),
        (check_passes, chains[20:]),
    ]


def tried() -> list[tuple[str, Mutant]]:
    return [
        (name, mutant) for name in FILES for mutant in mutants(module_text(f"{name}.js")) if mutant.change not in SAME
    ]


def is_found(browser: Any, url: str) -> bool:
    try:
        for check, cases in checks():
            check(browser, url, cases)
        check_edges(browser, url)
    except Exception:  # an error of the script is found as well
        return True
    return False


def survivors(browser: Any, chosen: list[tuple[str, Mutant]]) -> list[str]:
    return [f"{n}: {m.line}: {m.change}" for n, m in chosen if not is_found(browser, browser.engine(**{n: m.text}))]


def test_the_checks_let_the_engine_pass(browser: Any) -> None:
    assert not is_found(browser, browser.engine())


def test_mutants_drawn_from_the_text_of_the_engine_are_found(browser: Any) -> None:
    drawn = tried()[::DRAWN]
    assert len(drawn) >= 25
    assert survivors(browser, drawn) == []


@pytest.mark.slow
def test_all_mutants_of_the_engine_are_found(browser: Any) -> None:
    assert survivors(browser, tried()) == []


@pytest.mark.slow
def test_the_list_of_equal_mutants_is_not_stale(browser: Any) -> None:
    equal = [(n, m) for n in FILES for m in mutants(module_text(f"{n}.js")) if m.change in SAME]
    assert {m.change for _, m in equal} == set(SAME)
    assert len(survivors(browser, equal)) == len(equal)
