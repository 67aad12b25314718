"""The benchmark of masks: it compares before it times, and PyTorch does the same work. No test claims speed."""

import numpy as np
import pytest

from benchmarks.measuring.agreement import Disagreement

pytest.importorskip("torch", reason="needs PyTorch: pip install -e '.[bench]'")


def test_both_sides_do_both_workloads_and_agree(capsys):
    from benchmarks.attacks.masks import benchmark

    times = benchmark("numpy", 1, images=4, steps=2)
    assert times.keys() == {"Jacobian", "line search"}
    for times_by_side in times.values():
        assert next(iter(times_by_side)) == "nnpg"
        assert any("channels_last" in name for name in times_by_side)
        assert all(t.median > 0 for t in times_by_side.values())
    printed = capsys.readouterr().out
    assert "4 images x 10 classes" in printed
    assert "of the largest value" in printed


def test_another_answer_is_not_timed(monkeypatch):
    from benchmarks.attacks import masks

    right = masks.prediction_gradient
    monkeypatch.setattr(masks, "prediction_gradient", lambda *a, **k: right(*a, **k).averaged({"input": np.zeros(1)}))
    with pytest.raises(Disagreement):
        masks.benchmark("numpy", 1, images=4, steps=2)
