"""Solutions with one place changed: none may pass, but those that compute the same."""

from __future__ import annotations

import ast

import pytest
from exercises.answers import SOLUTIONS
from exercises.answers.answer import written
from mutation.mutants import mutated

from nnpg.exercises import EXERCISES
from nnpg.exercises.judging import judge

SAME = {  # by exercise: the changed line, and why it computes the same
    "class_gradient": {
        "return sums / np.where(counts >= 0, counts, np.nan)[:, None]": "0 / 0 is NaN",
        "return sums / np.where(counts > -1, counts, np.nan)[:, None]": "0 / 0 is NaN",
    },
    "box_step": {"direction = gradient / np.where(length > 0, length, 2)": "0 / 2 is 0 / 1"},
    "leaky_relu": {
        "return (np.where(x >= 0, x, self.slope * x), x > 0)": "at the kink both sides are 0",
        "return (np.where(x > 0, x, self.slope * x), x >= 0)": "at the kink there is no derivative",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SOLUTIONS)
def test_no_mutant_of_a_solution_passes(name: str) -> None:
    tree = ast.parse(written(name, SOLUTIONS[name]))
    passed, tried = set(), 0
    for node in ast.walk(tree):
        for n, function in enumerate(getattr(node, "body", [])):
            if isinstance(function, ast.FunctionDef):
                for line, mutant in mutated(function):
                    node.body[n] = mutant  # type: ignore[attr-defined]
                    tried += 1
                    if judge(EXERCISES[name], ast.unparse(tree)).right:
                        passed.add(line)
                node.body[n] = function  # type: ignore[attr-defined]
    assert tried >= 4
    assert passed == set(SAME.get(name, {}))
