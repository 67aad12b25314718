"""What the pages of the site name exists: lines of code, rows of records, public names; and each box names a test."""

from __future__ import annotations

import re
from functools import reduce
from pathlib import Path

import pytest
from nnpg_docs.numbers import number_on_record
from nnpg_docs.sources import find_line

import nnpg

CHECKOUT = Path(__file__).parents[2]
DOCS = [*(CHECKOUT / "docs").glob("*.md"), *(CHECKOUT / "docs" / "howto").glob("*.md")]
PAGES = {str(page.relative_to(CHECKOUT)): page for page in [*DOCS, *(CHECKOUT / "nnpg" / "tutorials").glob("*.md")]}
ERRATA = PAGES["docs/howto/errata.md"].read_text(encoding="utf-8")


def roles(text: str, role: str) -> list[str]:
    return re.findall(rf"\{{{role}\}}`([^`]+)`", text)


@pytest.mark.parametrize("page", PAGES)
def test_every_line_and_every_number_on_record_that_a_page_links_exists(page: str) -> None:
    text = PAGES[page].read_text(encoding="utf-8")
    for target in roles(text, "line"):
        find_line(target)
    for target in roles(text, "record"):
        number_on_record(target)


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/howto/")])
def test_every_public_name_on_a_how_to_page_exists(page: str) -> None:
    for name in re.findall(r"`nnpg((?:\.\w+)+)(?:\([^`]*\))?`", PAGES[page].read_text(encoding="utf-8")):
        reduce(getattr, name[1:].split("."), nnpg)


def test_each_box_names_a_test_that_proves_it() -> None:
    boxes = re.findall(r"^::::\{admonition\} (.*?)$(.*?)^::::$", ERRATA, re.MULTILINE | re.DOTALL)
    assert [int(n) for title, _ in boxes for n in re.findall(r"^(\d+)\.", title)] == list(range(1, 13))
    for title, text in boxes:
        proofs = [target for target in roles(text, "line") if target.startswith("tests.")]
        assert proofs, title
        assert all(": def test_" in target for target in proofs), title
        assert "**Printed**" in text, title
        assert "**Here.**" in text, title
