"""Copies of the tutorials: as they are, or for Jupyter; whole, and never over a file of the user."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

import nnpg.tutorials
from nnpg.tutorials import copy_tutorials, list_tutorials

FOLDER = Path(nnpg.tutorials.__file__).parent
NAMES = [path.stem for path in sorted(FOLDER.glob("*.md"))]


def test_every_file_of_the_folder_is_listed_in_order() -> None:
    listed = list_tutorials()
    assert [tutorial.name for tutorial in listed] == NAMES
    assert [tutorial.text for tutorial in listed] == [(FOLDER / f"{name}.md").read_text() for name in NAMES]
    assert len({tutorial.title for tutorial in listed}) == len(NAMES)


def test_text_notebooks_are_copied_byte_for_byte_into_a_new_folder(tmp_path: Path) -> None:
    paths = copy_tutorials(tmp_path / "new" / "tutorials")
    assert [path.name for path in paths] == [f"{name}.md" for name in NAMES]
    assert [path.read_bytes() for path in paths] == [(FOLDER / path.name).read_bytes() for path in paths]
    assert {path.name for path in paths[0].parent.iterdir()} == {path.name for path in paths}


def test_notebooks_are_valid_and_hold_the_same_code(tmp_path: Path) -> None:
    for tutorial, path in zip(list_tutorials(), copy_tutorials(tmp_path, jupyter=True), strict=True):
        assert path == tmp_path / f"{tutorial.name}.ipynb"
        notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        nbformat.validate(notebook)
        assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
        assert notebook.cells[0].source.startswith(f"# {tutorial.title}\n")
        blocks = re.findall(
            r"^```\{code-cell\} python\n(?::[^\n]*\n)*(.*?)\n```$", tutorial.text, re.MULTILINE | re.DOTALL
        )
        assert [cell.source for cell in notebook.cells if cell.cell_type == "code"] == blocks
        prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert re.findall(r"^```\{.*|^:::.*|\{\w+\}`.*?`", prose, re.MULTILINE) == []


@pytest.mark.parametrize("jupyter", [False, True])
def test_nothing_is_written_where_one_file_exists(tmp_path: Path, jupyter: bool) -> None:
    last = tmp_path / f"{NAMES[-1]}.{'ipynb' if jupyter else 'md'}"
    last.write_text("mine")
    with pytest.raises(FileExistsError, match=rf"{last.name} exists and is not overwritten: .*--force"):
        copy_tutorials(tmp_path, jupyter=jupyter)
    assert [path.name for path in tmp_path.iterdir()] == [last.name]
    assert last.read_text() == "mine"
    copy_tutorials(tmp_path, jupyter=jupyter, force=True)
    assert last.read_text() != "mine"


def test_a_file_that_cannot_be_written_is_found_before_the_first_is(tmp_path: Path) -> None:
    (tmp_path / f"{NAMES[-1]}.md").mkdir()
    with pytest.raises(OSError, match=r"cannot write .*: it is a folder"):
        copy_tutorials(tmp_path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAMES[-1]}.md"]


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(NotADirectoryError, match=r"notes\.txt cannot be a folder for results"):
        copy_tutorials(tmp_path / "notes.txt")


def test_the_json_of_a_notebook_is_text_that_people_can_compare(tmp_path: Path) -> None:
    text = copy_tutorials(tmp_path, jupyter=True)[0].read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


def test_the_study_of_the_last_tutorial_is_no_longer_than_a_reader_would_copy() -> None:
    text = (FOLDER / "10_a_whole_small_study.md").read_text()
    study = text[text.index("## The study") : text.index("## Reading the result")]
    blocks = re.findall(r"^```\{code-cell\} python\n(.*?)^```$", study, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    assert len("".join(blocks).splitlines()) <= 60
