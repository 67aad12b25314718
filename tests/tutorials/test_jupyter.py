"""From MyST to Jupyter: every directive and role has a form there, or is refused."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest

from nnpg.tutorials import as_jupyter

FRONT = "---\nkernelspec:\n  name: python3\n---\n"


def cells(text: str) -> list[tuple[str, str]]:
    notebook = nbformat.reads(json.dumps(as_jupyter(text)), as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def markdown(text: str) -> str:
    ((kind, source),) = cells(text)
    assert kind == "markdown"
    return source


def test_prose_and_code_become_cells_in_order() -> None:
    text = (
        FRONT
        + "# Title\n\nWords.\n\n```{code-cell} python\na = 1\n\nb = 2\n```\n\n```{code-cell} python\nb\n```\nEnd.\n"
    )
    assert cells(text) == [
        ("markdown", "# Title\n\nWords."),
        ("code", "a = 1\n\nb = 2"),
        ("code", "b"),
        ("markdown", "End."),
    ]


def test_without_front_matter_nothing_is_lost() -> None:
    assert markdown("---\nline\n") == "---\nline"


def test_tags_of_a_cell_are_kept_and_hidden_input_is_folded() -> None:
    (cell,) = as_jupyter("```{code-cell} python\n:tags: [hide-input, slow]\nx = 1\n```")["cells"]
    assert cell["metadata"] == {"tags": ["hide-input", "slow"], "jupyter": {"source_hidden": True}}
    assert cell["source"] == ["x = 1"]


def test_plain_code_is_not_read_as_prose() -> None:
    text = "```\n{line}`a.b: c`\n```\n\nSay `{eq}`, or ``{eq}`x` ``."
    assert markdown(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("```{math}\nx = 1\n```", "$$\nx = 1\n$$"),
        ("```{math}\n:label: one\nx = 1\n```\n{eq}`one`", "$$\nx = 1\n\\tag{1}\n$$\n(1)"),
        ("$$\nx\n$$ and $y$", "$$\nx\n$$ and $y$"),
        ("```{note}\nGood.\n```", "> **Note**\n>\n> Good."),
        (":::{warning}\nBad.\n\nWorse.\n:::", "> **Warning**\n>\n> Bad.\n>\n> Worse."),
        ("```{admonition} In $x$\n:class: tip\nA {func}`nnpg.train`.\n```", "> **In $x$**\n>\n> A `nnpg.train`."),
        (
            "````{admonition} Code\n:class: dropdown\n```python\n1 + 1\n```\n````",
            "<details>\n<summary>Code</summary>\n\n```python\n1 + 1\n```\n\n</details>",
        ),
        ("````{note}\n```{math}\n:label: a\nx\n```\n````\n{eq}`a`", "> **Note**\n>\n> $$\n> x\n> \\tag{1}\n> $$\n(1)"),
        ("{line}`nnpg.network.Network.backward: delta =`", "`delta =` (in `nnpg.network.Network.backward`)"),
        ("{doc}`the map <../map>` and {doc}`map`", "the map and map"),
        ("{py:class}`~nnpg.Network`, {term}`delta`", "`nnpg.Network`, `delta`"),
        ("{math}`a + b`", "$a + b$"),
        ("[next](07_next.md#there) and [1]", "[next](07_next.ipynb) and [1]"),
        ("[here](#part), [test](../../tests/x.py)", "[here](#part), test"),
        ("a\n% secret\n(target)=\n+++\nb", "a\nb"),
    ],
)
def test_what_is_myst_s_own_becomes_what_jupyter_shows(text: str, shown: str) -> None:
    assert markdown(text) == shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```{list-table}\n* - a\n```", r"the directive \{list-table\} has no form in Jupyter"),
        ("{glue}`x`", r"the role \{glue\} has no form in Jupyter"),
        ("see {eq}`two`", "no equation has the label 'two'"),
        ("```{code-cell} python\n1", "has no end"),
        ("````{note}\n```{code-cell} python\n1\n```\n````", r"the directive \{code-cell\} has no form"),
    ],
)
def test_what_jupyter_cannot_show_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        as_jupyter(text)


@pytest.mark.parametrize("text", [None, 3, b"# bytes"])
def test_only_text_is_converted(text: Any) -> None:
    with pytest.raises(TypeError, match="text must be"):
        as_jupyter(text)
