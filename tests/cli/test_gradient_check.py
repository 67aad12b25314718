"""`nnpg gradcheck`."""

from __future__ import annotations

import pytest

from nnpg.layers import ReLU


@pytest.mark.slow
def test_a_right_network_passes(run) -> None:
    answer = run("gradcheck", "face_net")
    assert answer.code == 0
    assert answer.out.strip().endswith("all passed")


def test_a_models_file_can_be_checked(run, model) -> None:
    report = run("gradcheck", model, "--json").json
    assert report["ok"]
    assert {row["layer"] for row in report["rows"]} >= {"conv1", "relu1", "pool1", "dense1", "softmax1"}


def test_a_wrong_gradient_is_named_and_the_exit_code_is_1(run, model, monkeypatch) -> None:
    monkeypatch.setattr(ReLU, "backward", lambda self, k, delta, saved: 2 * delta)
    answer = run("gradcheck", model)
    assert answer.code == 1
    assert any(line.startswith("relu1") and "FAILED" in line for line in answer.out.splitlines())
    report = run("gradcheck", model, "--json")
    assert report.code == 1
    assert '"ok": false' in report.out
