"""What `benchmarks cpu` says of a competitor that raises an error or gives another answer."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from benchmarks import sides
from benchmarks.commands import app


def command(*words: str):
    return CliRunner().invoke(app, ["cpu", *words])


@pytest.mark.oracle
def test_an_error_of_a_competitor_is_a_row_and_the_others_are_measured(monkeypatch):
    pytest.importorskip("torch", reason="install the bench extra: pip install -e '.[bench]'")
    real = sides.competitors

    def failing():
        raise NotImplementedError("this shape")

    def first_fails(*args, **kwargs):
        first, *others = real(*args, **kwargs)
        return [replace(first, answer=failing), *others]

    monkeypatch.setattr(sides, "competitors", first_fails)
    result = command("--quick", "--only", "W6")
    assert result.exit_code == 0, result.output
    assert "failed: NotImplementedError: this shape" in result.output


@pytest.mark.oracle
def test_a_disagreement_fails_the_command(monkeypatch):
    pytest.importorskip("torch", reason="install the bench extra: pip install -e '.[bench]'")
    real = sides.competitors

    def wrong(*args, **kwargs):
        return [replace(c, answer=lambda c=c: {"logits": -c.answer()["logits"]}) for c in real(*args, **kwargs)]

    monkeypatch.setattr(sides, "competitors", wrong)
    result = command("--quick", "--only", "W6")
    assert result.exit_code == 1
    assert "disagrees" in result.output
