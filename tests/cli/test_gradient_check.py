"""`nnpg gradcheck`."""

from __future__ import annotations

import pytest

from nnpg.layers import ReLU


@pytest.mark.slow
def test_a_right_network_passes(run) -> None:
    answer = run("gradcheck", "face_net")
    assert answer.code == 0
    assert answer.out.strip().endswith(" checks, all passed; --all prints each")


def test_a_models_file_can_be_checked(run, model) -> None:
    report = run("gradcheck", model, "--json").json
    assert report["ok"]
    assert {row["layer"] for row in report["rows"]} >= {"conv1", "relu1", "pool1", "dense1", "softmax1"}


def test_what_is_right_has_a_line_a_layer_and_all_prints_each_check(run, model) -> None:
    short, every = run("gradcheck", model), run("gradcheck", model, "--all")
    rows = run("gradcheck", model, "--json").json["rows"]
    layers = {row["layer"] for row in rows if row["method"] == "contract"}
    assert len(short.out.splitlines()) == 1 + len(layers) + len(("deltas", "gradients", "stacked seeds")) + 1
    assert short.out.strip().endswith(f"{len(rows)} checks, all passed; --all prints each")
    assert len(every.out.splitlines()) == 1 + len(rows) + 1


def test_a_wrong_gradient_is_named_and_the_exit_code_is_1(run, model, monkeypatch) -> None:
    monkeypatch.setattr(ReLU, "backward", lambda self, k, delta, saved: 2 * delta)
    answer = run("gradcheck", model)
    assert answer.code == 1
    lines = answer.out.splitlines()
    assert any(line.startswith("relu1") and "FAILED" in line for line in lines)
    assert any(line.startswith("relu1, x, finite differences: worst at") and "likely cause" in line for line in lines)
    report = run("gradcheck", model, "--json")
    assert report.code == 1
    assert '"ok": false' in report.out
