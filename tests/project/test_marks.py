"""With `-m slow` a file without that word is not read: each file with slow tests has it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from selection import WRITTEN

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("mark", WRITTEN)
def test_a_file_that_takes_marked_parameters_from_another_file_has_the_word(mark: str) -> None:
    """Lists of parameters are constants. `selection` has none; its function that marks as slow says so in its name."""
    texts = {path: path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py") if path.stem != "selection"}
    helpers = {path.stem: text for path, text in texts.items() if not path.name.startswith("test_")}
    marking = {name for name, text in helpers.items() if f"mark.{mark}" in text}
    for path, text in texts.items():
        if any(f"{name} import" in text for name in marking) and mark not in text.lower():
            imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
            of_them = [node for node in imports if (node.module or "").split(".")[-1] in marking]
            taken = [name.name for node in of_them for name in node.names if name.name.isupper()]
            assert not taken, f"{path.name} takes {taken}: say there which are {mark}"


def test_files_of_every_kind_are_read_or_left_out() -> None:
    """Pictures among the docs too. Of all marks, fewest files have this one."""
    chosen = ["--collect-only", "-q", "--mutants", "-m", "mutants", "-p", "no:cacheprovider"]
    run = subprocess.run([sys.executable, "-m", "pytest", *chosen], cwd=TESTS.parent, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    files = {line.partition("::")[0] for line in run.stdout.splitlines() if "::" in line}
    assert {Path(file).name for file in files} >= {"test_kernel_mutants.py", "test_many_steps.py"}
