"""`nnpg tutorials`: the library's functions as a command."""

from __future__ import annotations

from pathlib import Path

from nnpg.tutorials import list_tutorials


def test_it_lists_them(run) -> None:
    answer = run("tutorials")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert [line.split(maxsplit=1) for line in lines[1:-1]] == [[one.name, one.title] for one in list_tutorials()]
    assert lines[-1].startswith("copy them: nnpg tutorials --to DIR")
    assert run("tutorials", "--json").json[-1]["file"] is None


def test_it_copies_them_and_overwrites_only_with_force(run, tmp_path) -> None:
    answer = run("tutorials", "--to", tmp_path / "t", "--ipynb")
    written = [tmp_path / "t" / f"{one.name}.ipynb" for one in list_tutorials()]
    assert answer.out.splitlines() == [f"wrote {path}" for path in written]
    written[0].write_text("mine")
    answer = run("tutorials", "--to", tmp_path / "t", "--ipynb")
    assert answer.code == 2
    assert f"{written[0].name} exists and is not overwritten" in answer.err
    assert written[0].read_text() == "mine"
    rows = run("tutorials", "--to", tmp_path / "t", "--ipynb", "--force", "--json").json
    assert [Path(row["file"]) for row in rows] == written
    assert written[0].read_text() != "mine"
