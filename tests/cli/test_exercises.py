"""`nnpg exercise`: the library's functions as commands."""

from __future__ import annotations

from nnpg.exercises import EXERCISES


def test_an_exercise_from_start_to_the_right_answer(run, tmp_path) -> None:
    answer = run("exercise", "start", "tanh", tmp_path)
    path = tmp_path / "tanh.py"
    assert answer.code == 0, answer.err
    assert answer.out == f"wrote {path}: the backward pass of tanh\nwrite it, then: nnpg exercise check {path}\n"
    answer = run("exercise", "check", path)
    assert answer.code == 1
    assert answer.out.startswith("tanh: not yet (attempt 1, ")
    assert "is not written yet" in answer.out
    assert run("exercise", "hint", path).out.startswith("hint 1 of 3: ")
    path.write_text(path.read_text().replace("raise NotImplementedError", "return delta * (1 - y * y)"))
    report = run("exercise", "check", path, "--json").json
    assert (report["right"], report["attempts"], report["exercise"]) == (True, 2, "tanh")
    rows = {row["name"]: row for row in run("exercise", "list", tmp_path, "--json").json}
    assert list(rows) == list(EXERCISES)
    assert rows["tanh"]["state"].startswith("solved: 2 attempts")
    lines = run("exercise", "list", tmp_path).out.splitlines()
    assert len(lines) == 1 + len(EXERCISES)


def test_without_a_command_it_prints_the_help(run) -> None:
    answer = run("exercise")
    assert answer.code == 0
    assert all(word in answer.out for word in ("list", "start", "check", "hint"))


def test_the_help_says_that_the_file_is_executed(run) -> None:
    text = " ".join(run("exercise", "check", "--help").out.replace("│", " ").split())
    assert "Python executes FILE" in text
