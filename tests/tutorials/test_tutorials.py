"""Every tutorial runs as a reader runs it: in an empty folder, from the library alone, without the network.

Its cells assert what the prose says, so that a sentence that is no longer true is a failure.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from nnpg_docs.sources import find_line
from selection import slow_except

CHECKOUT = Path(__file__).parents[2]
TUTORIALS = sorted((CHECKOUT / "nnpg" / "tutorials").glob("[0-9]*.md"))
QUICK = [path for path in TUTORIALS if path.name.startswith("01_")]  # the others take more than 3 s each
SECONDS = 120  # that a reader should wait at the most, on 2 cores

CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"\{line\}`([^`]+)`")
OPTION = re.compile(r"^:[\w-]+:.*\n", re.MULTILINE)

# Runs the cells of standard input, parted by form feeds, and shows what each returns, as a notebook does
READER = """
import ast, os, sys
CHECKOUT, LIBRARY = sys.argv[1], ("nnpg", "nnpg_command", "kernels")

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo") and not isinstance(arguments[-1], str):
        raise RuntimeError(f"a tutorial asks the network: {event} {arguments}")
    if event == "open" and isinstance(arguments[0], str):
        inside = os.path.relpath(os.path.abspath(arguments[0]), CHECKOUT).split(os.sep)
        if inside[0] != ".." and inside[0] not in LIBRARY and not inside[0].startswith("."):
            raise RuntimeError(f"a tutorial opens a file of the checkout: {arguments[0]}")

sys.addaudithook(watch)
names = {"__name__": "__main__"}
for number, cell in enumerate(sys.stdin.read().split("\\f"), start=1):
    tree = ast.parse(cell)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    where = f"<cell {number}>"
    exec(compile(tree, where, "exec"), names)
    shown = None if last is None else eval(compile(ast.Expression(last.value), where, "eval"), names)
    if shown is not None:
        print(shown._repr_svg_()[:5] if hasattr(shown, "_repr_svg_") else repr(shown))
"""


def cells(text: str) -> list[str]:
    """Return the code of each cell, without its options."""
    return [OPTION.sub("", code) for code in CELL.findall(text)]


def read(text: str, folder: Path, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
    """Run the cells of a text notebook."""
    paths = os.pathsep.join(map(str, (CHECKOUT, CHECKOUT / "kernels")))
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-W", "error", "-c", READER, str(CHECKOUT)]
    code = "\f".join(cells(text))
    return subprocess.run(
        command, cwd=folder, env=environment, input=code, capture_output=True, text=True, timeout=seconds
    )


@pytest.mark.parametrize("path", slow_except(QUICK, TUTORIALS), ids=lambda path: path.stem)
def test_a_tutorial_runs_alone(path: Path, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    began = time.perf_counter()
    answer = read(
        path.read_text(encoding="utf-8"), tmp_path, seconds=3 * SECONDS
    )  # a test shares its cores with others
    record_property("seconds", time.perf_counter() - began)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_begins_with_what_is_found_out_and_ends_with_a_question(path: Path) -> None:
    _, _, body = path.read_text(encoding="utf-8").split("---\n", 2)
    assert re.match(r"\n*# \S", body)
    assert body.rstrip().endswith("?")
    assert len(cells(body)) == body.count("```{code-cell}") >= 3


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_the_lines_that_a_tutorial_links_are_there(path: Path) -> None:
    for target in LINE.findall(path.read_text(encoding="utf-8")):
        assert find_line(target).number > 0, target  # it raises an error where no line fits, or several do


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("assert 1 + 1 == 3", "AssertionError"),
        ("open('README.md')\n", "No such file"),
        ("import experiments", "ModuleNotFoundError|opens a file of the checkout"),
        ("import urllib.request\nurllib.request.urlopen('http://localhost:9')", "asks the network"),
        ("import warnings\nwarnings.warn('old')", "UserWarning"),
    ],
)
def test_a_cell_that_is_wrong_or_leans_on_more_than_the_library_fails(code: str, words: str, tmp_path: Path) -> None:
    answer = read(f"```{{code-cell}} python\n:tags: [hide-input]\n{code}\n```\n", tmp_path)
    assert answer.returncode == 1
    assert re.search(words, answer.stderr)
