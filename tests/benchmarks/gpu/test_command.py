"""`python -m benchmarks gpu` on the stand-in for a device: it runs, says what is missing, and keeps what it found."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from benchmarks.commands import app
from benchmarks.gpu import card
from benchmarks.gpu.record import SCHEMA
from benchmarks.gpu.rows import ROWS


def command(*words: str) -> Result:
    return CliRunner().invoke(app, ["gpu", *words])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--only", "W1,W9"], "'w9'"),
        (["--only", ""], "''"),
        (["--minutes", "0"], "--minutes"),
        (["--rivals", "torch,abacus"], "'abacus'"),
        (["--floor", "--layers"], "--layers"),
        (["--layers", "--only", "W1"], "--only"),
        (["--net", "none.safetensors", "--only", "attack"], "none.safetensors"),
        (["--frob"], "--frob"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    def measured(**_: Any) -> None:
        raise AssertionError("the card was measured")

    monkeypatch.setattr(card, "measure", measured)
    result = command(*words)
    assert result.exit_code == 2, result.output
    assert told in result.output


def test_a_machine_without_a_card_is_one_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.delitem(sys.modules, "nnpg_kernels.cupy_backend", raising=False)
    for words in ([], ["--floor"], ["--layers"]):
        result = command(*words, "--json", str(tmp_path / "a.json"))
        assert result.exit_code == 2
        assert "the backend 'cupy' needs CuPy, which cannot be imported" in result.output
        assert result.output.count("\n") == 1
    assert not (tmp_path / "a.json").exists()


@pytest.mark.gpu
def test_the_floors_of_all_rows_are_printed(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    result = command("--floor", "--quick", "--json", str(out))
    assert result.exit_code == 0, result.output
    for row in ROWS:
        assert f"\n  {row.name} " in result.output
    assert "multiply-adds in registers, double" in result.output
    record = json.loads(out.read_text())
    assert record["schema"] == SCHEMA
    assert record["rows"] == {}
    assert min(record["ceilings"][name] for name in ("copy", "down", "multiply_adds")) > 0


@pytest.mark.gpu
def test_a_quick_run_writes_a_record_and_goes_on_with_it(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    result = command("--quick", "--only", "W4", "--rivals", "torch", "--json", str(out))
    assert result.exit_code == 0, result.output
    assert "Nothing here is a measurement" in result.output
    record = json.loads(out.read_text())
    assert set(record["rows"]) == {"W4", "W4-layers"}
    row = record["rows"]["W4"]
    assert row["ours"]["us"] != 0
    assert row["ours"]["computed"]
    assert row["ours"]["setup_ms"] is not None
    assert row["theirs"] or row["left_out"]["torch"].startswith("absent: ")
    assert row["cpu"]["us"] > 0
    assert not row["disagrees"]
    again = command("--floor", "--quick", "--json", str(out))
    assert again.exit_code == 0, again.output
    assert json.loads(out.read_text())["rows"] == record["rows"]
    other = command("--floor", "--json", str(out))  # not quick: another kind of record
    assert other.exit_code == 2
    assert "quick" in other.output
