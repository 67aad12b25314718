"""Every competitor computes what we do: ours on the stand-in for a device, theirs on the CPU, of a small network."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nnpg
from benchmarks.gpu import attack, command, layers, ours
from benchmarks.gpu.card import Ceilings
from benchmarks.gpu.command import offers_of
from benchmarks.gpu.layers import agreeing
from benchmarks.gpu.rounds import race
from benchmarks.gpu.rows import Row
from benchmarks.measuring.agreement import Disagreement, check
from benchmarks.workloads import Architecture, Block, Workload
from nnpg_kernels import Window
from nnpg_kernels.cuda import convolution

pytestmark = pytest.mark.gpu
SMALL = Architecture((1, 12, 12), (Block(3, 2, size=3), Block(2, 2, size=2)), "tanh", (4, 3))
RECTIFIED = replace(SMALL, activation="relu")
MLP = Architecture((6,), (), "sigmoid", (5, 4, 3))
KINDS = {
    "train": Row("train", Workload("train", "train", RECTIFIED, 2, momentum=0.9), 1, 1),
    "mlp": Row("mlp", Workload("mlp", "train", MLP, 4), 1, 1),
    "mlp with momentum": Row("momentum", Workload("momentum", "train", MLP, 4, momentum=0.9), 1, 1),
    "jacobian": Row("jacobian", Workload("jacobian", "jacobian", SMALL, 2), 1, 1),
    "jacobian on the host": Row("host", Workload("jacobian", "jacobian", SMALL, 2), 1, 1, host=True),
    "sweep": Row("sweep", Workload("sweep", "sweep", SMALL, 2, identities=2), 1, 1, host=True),
}
FRAMEWORKS = [
    pytest.param("torch", marks=pytest.mark.oracle),
    pytest.param("jax", marks=pytest.mark.skipif(find_spec("jax") is None, reason="needs JAX: the bench extra")),
]
OFFERS = {  # of PyTorch two layouts of a convolution; of JAX also
    "torch": {"train": 8, "mlp": 4, "mlp with momentum": 4, "sweep": 8},
    "jax": {"mlp": 1, "mlp with momentum": 1},
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_way_of_a_competitor_agrees_with_us(framework: str, kind: str) -> None:
    pytest.importorskip(framework, reason="install the bench extra: pip install -e '.[bench]'")
    row = KINDS[kind]
    mine, answers = ours.contender(row, quick=True)
    offers = offers_of(framework, row, quick=True)
    assert len(offers) == OFFERS[framework].get(kind, 12 if framework == "torch" else 2)
    found = race(mine, answers, offers, 0.0, quick=True)
    assert found.left_out == {}
    assert len(found.theirs) == len(offers)
    assert all(one.agreement for one in found.theirs)
    assert {one.computed for one in found.theirs} == {""}
    assert found.ours.computed


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("mlp", {"lr": 1.03e-2}),
        ("mlp with momentum", {"momentum": 0.8}),
        ("jacobian", {"net": replace(SMALL, activation="sigmoid")}),
        ("sweep", {"identities": 1}),
    ],
)
def test_a_fault_of_a_competitor_is_never_a_time(framework: str, kind: str, fault: dict[str, Any]) -> None:
    pytest.importorskip(framework, reason="install the bench extra: pip install -e '.[bench]'")
    row = KINDS[kind]
    mine, answers = ours.contender(row, quick=True)
    wrong = replace(row, workload=replace(row.workload, **fault))
    offers = offers_of(framework, wrong, quick=True)
    found = race(mine, answers, offers, 0.0, quick=True)
    assert found.disagrees
    assert found.theirs == []
    assert all(why.startswith("disagrees: ") for why in found.left_out.values())


def test_our_device_agrees_with_our_cpu() -> None:
    from benchmarks import ours as cpu

    for row in KINDS.values():
        _, answers = ours.contender(row, quick=True)
        device, host = next(iter(answers.values()))(), cpu.contender(row.workload, "numpy").answer()
        if "predictions" in device:
            assert np.array_equal(device["predictions"], host["predictions"])
        else:
            check(device, host)


def test_a_row_layer_by_layer_has_no_competitor_and_is_computed_so() -> None:
    row = replace(KINDS["mlp"], name="layers", must=None, goal=None, by_layers=True)
    entry = command._row(row, 0.0, command.Options(quick=True))
    assert entry["ours"]["computed"] == "layer by layer, because the optimiser ByLayers has no kernel"
    assert (entry["theirs"], entry["left_out"], entry["best"], entry["ratio"]) == ([], {}, None, None)
    steps = [ours.contender(one, quick=True)[1]["two"]() for one in (row, KINDS["mlp"])]
    check(*steps)


def test_the_set_up_of_a_training_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three seconds of set-up, and half a second a step."""
    now = [0.0]
    monkeypatch.setattr(ours.time, "perf_counter", lambda: now[0])

    def train(net: Any, x: Any, t: Any, *, epochs: int, batch: int, **_: Any) -> None:
        now[0] += 3 + 0.5 * epochs * len(x) / batch

    monkeypatch.setattr(ours.nnpg, "train", train)
    mine, _ = ours.contender(KINDS["mlp"], quick=True)
    assert mine.take(4) == (pytest.approx(0.5), pytest.approx(3.0))


@pytest.mark.oracle
@pytest.mark.parametrize(
    "layer",
    [
        layers.Layer("conv", (2, 2, 9, 8), Window((3, 3), (1, 1), (1, 1, 1, 1)), 3),
        layers.Layer("steps", (1, 3, 11, 11), Window((3, 3), (2, 2)), 2),
        layers.Layer("pool", (2, 3, 9, 8), Window((3, 3), (2, 2))),
    ],
)
def test_a_layer_is_compared_pass_by_pass(layer: layers.Layer) -> None:
    pytest.importorskip("torch", reason="install the bench extra: pip install -e '.[bench]'")
    ceilings = Ceilings(1e12, 1e10, 1e13, 1e13, {1: 1e-6}, {2: 1e-7})
    entries = layers.compare(layer, ceilings, quick=True)
    assert [entry["pass"] for entry in entries] == list(layer.passes)
    for entry in entries:
        assert entry["why_not"] == ""
        assert entry["ratio"] == entry["theirs_us"] / entry["ours_us"]
        assert entry["share"] == entry["floor_us"] / entry["ours_us"] > 0


@pytest.mark.oracle
def test_a_layer_that_differs_is_listed_and_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="install the bench extra: pip install -e '.[bench]'")
    right = convolution.conv_delta

    def wrong(*args: Any) -> Any:
        with np.errstate(all="ignore"):  # the ledger of operations has arrays that nothing has written
            return right(*args) * 1.001

    monkeypatch.setattr(convolution, "conv_delta", wrong)
    one = layers.Layer("conv", (1, 1, 6, 6), Window((3, 3)), 2)
    entries = layers.compare(one, Ceilings(1e12, 1e10, 1e13, 1e13, {1: 1e-6}, {2: 1e-7}), quick=True)
    assert [entry["why_not"].partition(":")[0] for entry in entries] == ["", "disagrees", ""]
    assert "ours_us" not in entries[1]


@pytest.mark.slow
def test_the_attack_on_the_device_is_compared_image_by_image() -> None:
    from attack_nets import digits, sigmoid_net

    x, labels = digits(12)
    data = attack.Images(x, labels, "patterns")
    found = attack.compare(data, sigmoid_net(), 0.0, quick=True, cpu_backend="numpy")
    assert found["images"] == 8
    assert found["success"] == 1
    assert found["cpu"]["success_differs"] == 0
    assert found["cpu"]["relative_difference"]["largest"] < 0.02
    assert len(found["scipy"]) == 3
    assert all(one["ratio"] > 0 and one["not_found"] == 0 for one in found["scipy"])


def test_built_in_images_stand_in_for_missing_ones(tmp_path: Any) -> None:
    found = attack.images(tmp_path, 200)
    assert found.x.shape == (200, 784)
    assert found.x.min() >= 0
    assert found.x.max() <= 1
    assert set(found.labels) == set(range(10))
    assert "MNIST is missing" in found.kind


def test_fewer_images_are_attacked_where_the_time_is_short() -> None:
    assert attack.images_that_fit(60_000, [(512, 0.1)], 30.0) == 60_000
    assert attack.images_that_fit(60_000, [(512, 0.1)], 0.5) == 2560
    assert attack.images_that_fit(60_000, [(512, 0.1)], -1.0) == 512
    assert attack.images_that_fit(60_000, [(512, 2.0), (4096, 4.0)], 4.5) == 4096  # a tenth more is not worth a call
    assert attack.images_that_fit(60_000, [(512, 2.0), (4096, 2.0)], 2.5) == 60_000
    assert attack.images_that_fit(60_000, [(512, 2.0), (4096, 1.9)], 1.0) == 4096


def test_the_attack_goes_on_with_more_images_while_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call takes 1 s and 1 ms an image: by the first two alone, 24 images would take 12 s, and there are 6."""
    now, calls = [0.0], []

    def lasting(net: Any, x: Any, targets: Any) -> Any:
        calls.append(len(x))
        now[0] += 1 + len(x) / 1000
        ones = np.ones(len(x))
        return 1 + len(x) / 1000, SimpleNamespace(success=ones, evaluations=ones, distortion=ones)

    for name, other in (("_attack", lasting), ("FIRST", 2), ("_on_cpu", lambda *_: {}), ("_by_scipy", lambda *_: [])):
        monkeypatch.setattr(attack, name, other)
    net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(4,), rng=0, backend="numpy")
    x = np.random.default_rng(0).random((24, 4), "f4")
    found = attack.compare(attack.Images(x, np.arange(24) % 3, "noise"), net, 16.0, clock=lambda: now[0])
    assert 11 < found["of"] == found["images"] <= 24
    assert calls == [2, 2, 11, found["of"]]
    calls.clear()
    found = attack.compare(attack.Images(x, np.arange(24) % 3, "noise"), net, now[0] + 4, clock=lambda: now[0])
    assert (found["images"], calls) == (2, [2, 2])


class OnDevice:
    def __init__(self, a: Any) -> None:
        self.a = np.array(a, "f4")

    def cpu(self) -> Any:
        return self

    def numpy(self) -> Any:
        return self.a


def test_a_layout_that_differs_is_timed_by_its_deterministic_algorithm() -> None:
    """cuDNN's fastest one may be inexact; a layout that differs in both takes no part."""
    ours = np.array([1.0, 2.0], "f4")
    right, wrong = (lambda: OnDevice(ours)), (lambda: OnDevice(ours + 1))
    found, agreement = agreeing(ours, {"nchw": wrong, "channels_last": right}, lambda work: right)
    assert list(found) == ["nchw, deterministic", "channels_last"]
    assert agreement.startswith("within")
    found, _ = agreeing(ours, {"nchw": wrong, "channels_last": right}, lambda work: wrong)
    assert list(found) == ["channels_last"]
    with pytest.raises(Disagreement):
        agreeing(ours, {"nchw": wrong}, lambda work: wrong)


def test_the_launches_of_a_call_are_counted_and_timed() -> None:
    """Of gradients the weights and one program; of knock-out both for two sweeps together; a training has no calls."""
    of = {kind: ours.parts(KINDS[kind], quick=True) for kind in ("jacobian", "jacobian on the host", "sweep", "mlp")}
    assert of.pop("mlp") is None
    launches = {kind: parts["launches"] for kind, parts in of.items() if parts}
    assert launches["jacobian"] == launches["jacobian on the host"] == {"arrange": 1, "gradients": 1}
    assert launches["sweep"] == {"arrange_in_order": 1, "knock_out": 1}
    assert all(parts["kernels_us"] > 0 and parts["host_us"] > 0 for parts in of.values() if parts)
