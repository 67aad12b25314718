"""What README and CONTRIBUTING name is where they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nnpg

CHECKOUT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "kernels/README.md")
EQUATIONS = re.findall(r"\| `([\w./]+)`: `([^`]+)` \|", (CHECKOUT / "README.md").read_text())


@pytest.mark.parametrize(("file", "text"), EQUATIONS)
def test_every_equation_of_the_readme_stands_once_in_its_file(file: str, text: str) -> None:
    lines = (CHECKOUT / file).read_text().splitlines()
    assert sum(text in line for line in lines) == 1


def test_the_readme_says_where_the_equations_run() -> None:
    assert len(EQUATIONS) >= 8


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_of_the_project_that_a_page_names_exists(page: str) -> None:
    text = (CHECKOUT / page).read_text()
    named = re.findall(r"`((?:nnpg|kernels|experiments|tests|docs|benchmarks|nnpg_command)/[\w./]*)`", text)
    named += [str((CHECKOUT / page).parent / link) for link in re.findall(r"\]\(([\w./]+)\)", text)]
    assert named
    assert [path for path in named if not (CHECKOUT / path).exists()] == []


def test_the_readme_draws_the_root_as_it_is() -> None:
    path = re.search(r"\nnnpg/ +the straight path: ([\w,\s]+?)\n  layers/", (CHECKOUT / "README.md").read_text())
    assert path is not None
    drawn = set(re.findall(r"\w+", path[1]))
    assert drawn == {file.stem for file in Path(nnpg.__file__).parent.glob("*.py") if not file.stem.startswith("__")}


@pytest.mark.parametrize("page", PAGES)
def test_no_line_of_prose_is_too_long_to_read(page: str) -> None:
    prose = [line for line in (CHECKOUT / page).read_text().splitlines() if not line.startswith(("|", "<img", "    "))]
    assert [line for line in prose if len(line) > 160] == []
