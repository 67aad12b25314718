"""What must hold of the answers of the explorer's engine; the tests of the engine and of its mutants use it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from explorer.cases import Case, Numbers, Step, about, of_class

import nnpg
from nnpg.explanation import Terms

CLOSE = 1e-12


def check_passes(browser: Any, url: str, cases: Sequence[Case]) -> None:
    """Outputs, deltas, gradients and L are those of nnpg."""
    answers = computed(browser, "passes", url, [case.sent for case in cases])
    for case, answer in zip(cases, answers, strict=True):
        assert {kind: set(of) for kind, of in answer.items()} == {kind: set(of) for kind, of in case.expected.items()}
        for kind, of in case.expected.items():
            for name, expected in of.items():
                assert answer[kind][name]["shape"] == list(expected.shape)
                check_close(answer[kind][name]["data"], expected.ravel(), f"{case.name}: {kind} of {name}")


def check_numbers(browser: Any, url: str, cases: Sequence[Numbers]) -> None:
    """Units and weights have the terms that `nnpg.explain` gives them."""
    answers = computed(browser, "arithmetic", url, [case.sent for case in cases])
    for case, of_case in zip(cases, answers, strict=True):
        for e, answer in zip(case.expected, of_case, strict=True):
            words = f"{e.name} of {e.quantity}"
            check_close(answer["value"], e.value, words)
            check_optional(answer["derivative"], e.derivative, words)
            check_terms(answer["readers"], e.readers, words)
            if e.is_unit:
                check_terms(answer["inputs"], e.inputs, words)
                check_optional(answer["constant"], e.constant, words)


def check_steps(browser: Any, url: str, cases: Sequence[Step]) -> None:
    """A step gives the weights that `nnpg.train` gives."""
    answers = computed(browser, "steps", url, [case.sent for case in cases])
    for case, answer in zip(cases, answers, strict=True):
        assert set(answer) == set(case.expected)
        for name, a in case.expected.items():
            check_close(answer[name]["data"], a.ravel(), f"{name} after a step")


def check_edges(browser: Any, url: str) -> None:
    """Deltas of a softmax that is nearly 1 are small but exact; the first largest is the class; what is refused."""
    net = nnpg.Network({"softmax": nnpg.Softmax()}, (3,), nnpg.load_backend("numpy"))
    for z in ([0.0, -40.0, -50.0], [-1000.0, 800.0, 790.0], [3.0, 3.0, -45.0]):
        for of in ("prob", "logprob", "loss"):
            case = of_class("sure", net, np.array([z]), of, {}, np.random.default_rng(1))
            (answer,) = computed(browser, "passes", url, [case.sent])
            for name, expected in case.expected["deltas"].items():
                assert np.allclose(answer["deltas"][name]["data"], expected, rtol=CLOSE, atol=0)
    largest = "async url => [[1, 3, 3], [2, 1], [0, 1, 2]].map((await engineOf(url)).argmax)"
    assert browser.evaluate(largest, url) == [1, 0, 2]
    tanh = nnpg.Network({"tanh": nnpg.Tanh()}, (3,), nnpg.load_backend("numpy"))
    for of in ("prob", "logprob"):
        sent = {"class": 1, "of": of, **about(tanh, np.zeros((1, 3)))}
        assert "tanh, a Tanh, gives no probability" in browser.evaluate("refusal", url, sent)
    for wrong in ("tanh", "relu"):
        sent = {"class": 1, "of": "logit", **about(tanh, np.zeros((1, 3)), {wrong: [(0, 0)]})}
        assert f"off: {wrong} is not one of input" in browser.evaluate("refusal", url, sent)


def computed(browser: Any, function: str, url: str, sent: list[Any]) -> Any:
    """Return what a function of `harness.js` returns for these cases."""
    return json.loads(browser.evaluate(function, url, sent))


def check_close(found: Any, expected: Any, words: str) -> None:
    found, expected = np.array(found, float), np.array(expected, float)
    assert found.shape == expected.shape, words
    error = abs(found - expected) / (1 + abs(expected))
    assert error.max(initial=0) <= CLOSE, f"{words}: {error.max()}"


def check_optional(found: float | None, expected: float | None, words: str) -> None:
    assert (found is None) == (expected is None), words
    if expected is not None:
        check_close(found, expected, words)


def check_terms(found: Any, expected: Terms | None, words: str) -> None:
    assert (found is None) == (expected is None), words
    if expected is None:
        return
    terms = {nnpg.explanation.addresses.address(found["output"], term["index"]): term for term in found["terms"]}
    assert set(terms) == set(expected.names), words
    for name, value, slope, product in expected.rows():
        check_close([terms[name][key] for key in ("value", "slope", "product")], [value, slope, product], words)
    check_close(found["total"], expected.total, words)
