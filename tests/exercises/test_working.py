"""Start, check and hint: the files that are written, the process in which code runs, attempts and time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from exercises.answers import SOLUTIONS
from exercises.answers.answer import written

from nnpg.exercises import EXERCISES, check, exercise_rows, hint, start
from nnpg.exercises.records import FILE, Record, read_records, write_records


def test_start_writes_the_file_and_begins_a_record(tmp_path: Path) -> None:
    path = start("tanh", tmp_path / "evening" / "one")
    assert path == tmp_path / "evening" / "one" / "tanh.py"
    assert path.read_text() == EXERCISES["tanh"].text()
    assert sorted(file.name for file in path.parent.iterdir()) == [FILE, "tanh.py"]
    (record,) = read_records(path.parent).values()
    assert (record.attempts, record.hints, record.solved) == (0, 0, None)
    started = datetime.fromisoformat(record.started)
    assert timedelta(0) <= datetime.now(UTC) - started < timedelta(minutes=2)


def test_start_overwrites_nothing(tmp_path: Path) -> None:
    path = start("tanh", tmp_path)
    path.write_text("my work")
    with pytest.raises(FileExistsError, match="exists and is not overwritten"):
        start("tanh", tmp_path)
    assert path.read_text() == "my work"
    with pytest.raises(ValueError, match="name must be 'dense'"):
        start("tan", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        start("tanh", tmp_path / "file")


def test_attempts_are_counted_up_to_the_first_right_answer(tmp_path: Path) -> None:
    path = start("dense", tmp_path)
    write_records(tmp_path, {"dense": Record((datetime.now(UTC) - timedelta(minutes=12)).isoformat())})
    path.write_text(written("dense", ("print('shape', delta.shape)\nreturn delta @ W.T",)))
    verdict = check(path)
    assert (verdict.right, verdict.attempts, verdict.minutes) == (False, 1, 12)
    assert verdict.printed == "shape (2, 3)"
    assert str(verdict).splitlines()[:3] == [
        "your code printed:",
        "shape (2, 3)",
        "dense: not yet (attempt 1, 12 minutes)",
    ]
    assert str(verdict).splitlines()[3].startswith(f"{path}, line {verdict.line}: backward: W is transposed")
    assert str(verdict).splitlines()[4] == f"a hint: nnpg exercise hint {path}"
    path.write_text(written("dense", SOLUTIONS["dense"]))
    verdict = check(path)
    assert (verdict.right, verdict.attempts) == (True, 2)
    assert str(verdict).startswith("dense: right (attempt 2, 12 minutes)\n3 calls are right; contract and gradcheck: ")
    path.write_text(EXERCISES["dense"].text())
    assert check(path).attempts == 2  # after it was solved, no attempt is counted
    (row,) = (row for row in exercise_rows(tmp_path) if row[0] == "dense")
    assert row[3] == "solved: 2 attempts, 12 min, 0 hints"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["dense.py", FILE]


def test_hints_come_one_after_another_and_are_counted(tmp_path: Path) -> None:
    path = start("softmax", tmp_path)
    shown = [hint(path) for _ in range(4)]
    assert shown[:3] == [f"hint {n} of 3: {text}" for n, text in enumerate(EXERCISES["softmax"].hints, 1)]
    no_more, *again, source = shown[3].splitlines()
    assert no_more == "there are no more hints; these are all 3:"
    assert again == shown[:3]
    assert source.endswith(f"stands at the top of softmax.py; its source is {EXERCISES['softmax'].source}")
    assert read_records(tmp_path)["softmax"].hints == 3


def test_a_loop_without_end_is_ended_with_its_line(tmp_path: Path) -> None:
    path = start("dense", tmp_path)
    path.write_text(
        written("dense", ("n = 0\nwhile True:\n    try:\n        n += 1\n    except BaseException:\n        pass",))
    )
    verdict = check(path, seconds=0.5)
    assert not verdict.right
    assert verdict.words == "it did not end within 0.5 seconds: is there a loop without end?"
    assert verdict.line is not None
    assert "n += 1" in "".join(path.read_text().splitlines()[verdict.line - 3 : verdict.line + 2])
    assert verdict.attempts == 1


def test_what_ends_the_process_or_prints_without_end_is_survived(tmp_path: Path) -> None:
    path = start("dense", tmp_path)
    path.write_text(written("dense", ("import os\nos._exit(3)",)))
    assert check(path).words == "Python ended without an answer, with exit code 3"
    path.write_text(written("dense", ("for _ in range(1000):\n    print('\\x1b[2J', _)\nreturn input()",)))
    verdict = check(path)
    assert "waits for input" in verdict.words
    assert len(verdict.printed) < 4000
    assert verdict.printed.startswith("\\x1b[2J 0\n")
    assert verdict.printed.endswith("...")


def test_a_thread_that_does_not_end_holds_nothing_up(tmp_path: Path) -> None:
    path = start("dense", tmp_path)
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(100,)).start()\n"
    path.write_text(written("dense", (thread + SOLUTIONS["dense"][0],)))
    began = time.monotonic()
    assert check(path).right
    assert time.monotonic() - began < 60


def test_a_folder_with_modules_of_known_names_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('a wrong json')")
    monkeypatch.chdir(tmp_path)
    path = start("dense")
    path.write_text(written("dense", SOLUTIONS["dense"]))
    assert check("dense.py").right


WRONG_FILES = {
    "nothing": (None, FileNotFoundError, "there is no file"),
    "no exercise": (b"x = 3\n", ValueError, "names no exercise"),
    "empty": (b"", ValueError, "names no exercise"),
    "an unknown exercise": (b'"""Exercise danse: a waltz."""\n', ValueError, "names no exercise"),
    "no text": (b"\xff\xfe\x00", ValueError, "is not a text in UTF-8"),
    "large": (b"#" * 1_000_001, ValueError, "must be a text of at most"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_file_that_is_no_exercise_is_refused_and_not_run(name: str, tmp_path: Path) -> None:
    content, kind, says = WRONG_FILES[name]
    path = tmp_path / "a.py"
    if content is not None:
        path.write_bytes(content)
    for function in (check, hint):
        with pytest.raises(kind, match=says):
            function(path)
    assert not (tmp_path / FILE).exists()
    with pytest.raises(IsADirectoryError):
        check(tmp_path)


DAMAGED = (
    "{",
    "[]",
    '{"dense": 3}',
    '{"dense": {"started": "2026-01-01T00:00:00+00:00", "attempts": -1}}',
    '{"dense": {"started": "2026-01-01T00:00:00"}}',
    '{"dense": {"started": "yesterday"}}',
    '{"dense": {"started": "2026-01-01T00:00:00+00:00", "marks": 1}}',
    '{"dense": {"started": "2026-01-01T00:00:00+00:00", "attempts": true}}',
    "[" * 100_000,
)


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_record_is_named_before_any_work_and_stays_as_it_is(content: str, tmp_path: Path) -> None:
    path = start("dense", tmp_path)
    (tmp_path / FILE).write_text(content)
    works: list[Callable[[], object]] = [
        lambda: check(path),
        lambda: hint(path),
        lambda: start("tanh", tmp_path),
        lambda: exercise_rows(tmp_path),
    ]
    for work in works:
        with pytest.raises(ValueError, match="is damaged"):
            work()
    assert (tmp_path / FILE).read_text() == content
    assert not (tmp_path / "tanh.py").exists()


def test_a_record_is_written_as_small_readable_json(tmp_path: Path) -> None:
    path = start("dense", tmp_path)
    hint(path)
    content = json.loads((tmp_path / FILE).read_text())
    assert content["dense"] | {"started": ""} == {"started": "", "attempts": 0, "hints": 1, "solved": None}
