"""Where experiments are: one room per paper, file names with ids, rows by name; and the options that name backends."""

import ast
from pathlib import Path

import pytest
from typer.testing import CliRunner

from experiments import catalogue
from experiments.catalogue import EXPERIMENTS
from experiments.commands import app
from experiments.experiment import row, row_named
from nnpg_kernels import BACKENDS

EXPERIMENTS_FOLDER = Path(catalogue.__file__).parent
FILES = sorted(EXPERIMENTS_FOLDER.rglob("*.py"))
ROOMS = {"LD": "lo_ding", "TH": "thesis", "LOC": "thesis", "SZ": "szegedy", "HI": "hinthorn"}


def plain(id):
    """An id as file names write it: HI-T1 is hit1, TH-3.2.1 is th321."""
    return "".join(c for c in id.lower() if c.isalnum())


def test_every_experiment_is_in_the_room_of_its_paper_in_a_file_with_its_id():
    for id, experiment in EXPERIMENTS.items():
        names = [file for file in FILES if plain(id) in file.stem.split("_")]
        assert len(names) == 1, (id, names)
        assert names[0].relative_to(EXPERIMENTS_FOLDER).parts[0] == ROOMS[id.split("-")[0]]
        assert f"{id}" in names[0].read_text().splitlines()[0], "the docstring begins with the id"
        assert experiment.id == id


def test_every_file_with_an_id_is_in_the_catalogue():
    listed = {plain(id) for id in EXPERIMENTS}
    prefixes = tuple(room.lower() for room in ROOMS)
    for file in FILES:
        first = file.stem.split("_")[0]
        if first.startswith(prefixes) and any(c.isdigit() for c in first):
            assert first in listed, file


def test_no_experiment_reads_a_row_by_its_position():
    """`rows[3].ours` is another row as soon as one is added above it."""
    fields = {"ours", "low", "high", "verdict", "paper", "name"}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            by_position = (
                isinstance(node, ast.Subscript)
                and isinstance(node.slice, ast.Constant | ast.UnaryOp)
                and isinstance(node.value, ast.Name | ast.Attribute)
                and ast.unparse(node.value).split(".")[-1].endswith(("rows", "made"))
            )
            field_of_position = (
                isinstance(node, ast.Attribute)
                and node.attr in fields
                and isinstance(node.value, ast.Subscript)
                and isinstance(node.value.value, ast.Name)
                and node.value.value.id in {"rows", "made", "table", "found"}
            )
            assert not by_position, f"{file}:{node.lineno}"
            assert not field_of_position, f"{file}:{node.lineno}"


def test_a_row_is_found_by_its_name():
    rows = [
        row("error", None, 0.25, 4, "nets"),
        row("seconds", None, 1.5, 1, "nets"),
        row("twice", None, 1, 1, "nets"),
        row("twice", None, 2, 1, "nets"),
    ]
    assert row_named(rows, "seconds").ours == 1.5
    with pytest.raises(KeyError, match="0 rows are named 'accuracy'; there are error, seconds, twice, twice"):
        row_named(rows, "accuracy")
    with pytest.raises(KeyError, match="2 rows are named 'twice'"):
        row_named(iter(rows), "twice")


def test_the_help_names_the_backends_that_exist(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = CliRunner().invoke(app, ["run", "--help"])
    assert shown.exit_code == 0
    assert f"auto, {', '.join(BACKENDS)}" in shown.output
