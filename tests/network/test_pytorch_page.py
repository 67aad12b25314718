"""Each row of docs/howto/pytorch.md, side by side: both cells are run and give the same numbers."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import one_thread, torch  # noqa: F401 (the fixture is found by its name)

pytestmark = pytest.mark.oracle
PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "pytorch.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| `([^|]+)` \| `([^|]+)` \|$", PAGE, re.MULTILINE)


def names() -> dict[str, Any]:
    """Return what the first two blocks of the page define, each time anew: PyTorch adds to its gradients."""
    ours, theirs = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[:2]
    defined: dict[str, Any] = {}
    for example in doctest.DocTestParser().get_examples(ours):
        exec(example.source, defined)
    exec(theirs, defined)
    return defined


def value(code: str, defined: dict[str, Any]) -> Any:
    """Run the statements of a cell, and return the value of the last one."""
    *first, last = ast.parse(code).body
    exec(compile(ast.Module(first, []), "page", "exec"), defined)
    assert isinstance(last, ast.Expr)
    found = eval(compile(ast.Expression(last.value), "page", "eval"), defined)
    return found.detach().numpy() if isinstance(found, torch.Tensor) else found


@pytest.mark.parametrize(("word", "ours", "theirs"), ROWS, ids=[row[0].replace("`", "") for row in ROWS])
def test_both_cells_of_a_row_are_equal(word: str, ours: str, theirs: str) -> None:
    here, there = value(ours, names()), value(theirs, names())
    assert np.shape(here) == np.shape(there)
    assert np.any(here), "a row of zeros compares nothing"
    np.testing.assert_allclose(here, there, rtol=1e-10, atol=1e-12)


def test_every_row_of_the_table_is_compared() -> None:
    table = PAGE.split("| PyTorch's word |")[1].split("\n\n")[0]
    assert len(ROWS) == table.count("\n|") - 1
    assert any("retain_grad" in word for word, *_ in ROWS)
    assert any("autograd.grad" in word for word, *_ in ROWS)


def test_a_wrong_cell_is_noticed() -> None:
    """Of other layers and other classes, no row is equal."""
    word, ours, theirs = next(row for row in ROWS if "retain_grad" in row[0])
    with pytest.raises(AssertionError):
        test_both_cells_of_a_row_are_equal(word, ours.replace("seed", "2 * seed"), theirs)
