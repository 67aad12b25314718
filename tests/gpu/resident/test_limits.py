"""Where there is no resident program, and what is said of it; what a user subclasses or replaces is what runs."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any
from unittest import mock

import numpy as np
import pytest
from resident_networks import images, network

import nnpg
from nnpg import conv, dense
from nnpg.programs import NotCompiled, look
from nnpg.programs.tasks import Gradients, KnockOut, Outputs, Predict, Reading

pytestmark = pytest.mark.gpu


def built(*recipe: Any, shape: tuple[int, ...] = (2, 8, 8), dtype: str = "float32") -> nnpg.Network:
    return nnpg.build(list(recipe), input_shape=shape, rng=0, backend="cupy", dtype=dtype)


class OwnTanh(nnpg.Tanh):
    """Its passes may be others."""


TAIL = (nnpg.Flatten(), dense(3), nnpg.Softmax())
REASONS: dict[str, tuple[tuple[Any, ...], str]] = {
    "groups": ((conv(4, 3, groups=2), *TAIL), "conv1 has groups"),
    "average pooling": ((conv(2, 3), nnpg.AvgPool(2), *TAIL), "pool1 (AvgPool) begins no block"),
    "normalisation": ((conv(2, 3), nnpg.LocalResponseNorm(), *TAIL), "lrn1 (LocalResponseNorm) begins no block"),
    "a layer of one's own": ((conv(2, 3), OwnTanh(), *TAIL), "begins no block"),
    "a threshold": ((conv(2, 3), nnpg.Step(), *TAIL), "step1 (Step) begins no block"),
    "a mask": ((conv(2, 3), nnpg.Dropout(0.5, key=1), *TAIL), "dropout1 (Dropout) begins no block"),
    "a mean of outputs": ((conv(2, 3), nnpg.Center(0.1), *TAIL), "center1 (Center) begins no block"),
    "two activations": ((conv(2, 3), nnpg.Tanh(), nnpg.ReLU(), *TAIL), "relu1 (ReLU) begins no block"),
    "pooling twice": ((conv(2, 3), nnpg.MaxPool(2), nnpg.MaxPool(2), *TAIL), "pool2 (MaxPool) begins no block"),
    "softmax inside": (
        (nnpg.Flatten(), dense(8), nnpg.Softmax(), dense(3)),
        "softmax1 (Softmax) begins no block",
    ),
    "an activation first": ((nnpg.Tanh(), conv(2, 3), *TAIL), "tanh1 (Tanh) begins no block"),
    "softmax of maps": ((conv(2, 3), nnpg.Softmax()), "conv1 is not one row per image"),
    "large windows": ((conv(2, 3, padding=9), nnpg.MaxPool(17), *TAIL), "windows of 289 pixels, and 256 fit"),
}


@pytest.mark.parametrize("kind", REASONS)
def test_a_layer_that_no_program_has_is_named(kind: str) -> None:
    recipe, reason = REASONS[kind]
    net = built(*recipe)
    for task in (Predict(), Gradients(("input",), "logit"), KnockOut((("conv1", 0),)), Reading(net.names[-2])):
        found = look(net, task)
        assert not found
        assert reason in found.why_not
    with pytest.raises(NotCompiled, match=r"predict, Network .*: layer by layer, because"), nnpg.require_compiled():
        nnpg.predict(net, np.zeros((1, 2, 8, 8)))


def test_every_kind_of_layer_has_a_program_or_a_reason() -> None:
    nets = [network(name) for name in ("one of each", "dense")]
    assert all(look(net, Predict()) for net in nets)
    planned = {type(layer) for net in nets for layer in net.layers.values()}
    for name, kind in nnpg.layers.LAYERS.items():
        refused = [reason for _, reason in REASONS.values() if f"({name}) begins no block" in reason]
        assert kind in planned or refused, f"{name}: put it into one of these networks, or into REASONS"


def test_a_network_that_is_too_big_is_told_so_in_bytes() -> None:
    net = built(conv(64, 3), nnpg.Tanh(), conv(64, 3), *TAIL, shape=(3, 40, 40))
    says = r"an image needs \d+ bytes of shared memory, and a block of this device has \d+"
    for task in (Predict(), Gradients(("input",)), KnockOut((("tanh1", 0),)), Reading("dense1")):
        assert re.fullmatch(says, look(net, task).why_not)


def test_a_program_that_goes_back_needs_more_bytes() -> None:
    net, attribute = network("faces"), "nnpg_kernels.cupy_backend.xp.cuda.runtime.deviceGetAttribute"
    with mock.patch(attribute, return_value=0):
        needs = [int(re.findall(r"\d+", look(net, task).why_not)[0]) for task in (Predict(), Gradients(("input",)))]
    assert needs[0] < needs[1]
    with mock.patch(attribute, return_value=needs[0]):
        assert look(net, Predict())
        assert look(net, KnockOut((("pool1", 0),)))
        for task in (Gradients(("input",)), Reading("dense2")):
            assert look(net, task).why_not == (
                f"an image needs {needs[1]} bytes of shared memory, and a block of this device has {needs[0]}"
            )


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (Gradients(("tanh1",)), "tanh1 is not the output of a block"),
        (Gradients(("softmax1",)), "softmax1 comes after the last block"),
        (KnockOut((("dense2", 0),)), "no block reads dense2"),
        (KnockOut((("pool1", 9),)), "pool1 has no filter 9"),
        (KnockOut((("pool1", 0),), "resample"), "filters are set to 'resample', which differs from image to image"),
        (Reading("softmax1"), "the loss reads softmax1, which is not the output of the last block"),
        (Outputs(("pool1",)), "there is no program of unit_changes for a device"),
    ],
)
def test_a_task_that_has_no_program_says_why(task: Any, reason: str) -> None:
    assert look(network("faces"), task).why_not == reason


def test_a_network_without_a_head_has_gradients_of_logits_alone() -> None:
    net = built(conv(2, 3), nnpg.Flatten(), dense(3))
    assert look(net, Gradients(("input",), "logit"))
    assert "ends neither in Softmax nor in Sigmoid" in look(net, Gradients(("input",), "prob")).why_not


def test_interventions_are_not_ignored() -> None:
    net = nnpg.knock_out(network("faces"), [("pool1", 0)])
    assert look(net, Predict()).why_not == "the network has interventions on pool1"
    y = nnpg.predict(net, images("faces"))
    np.testing.assert_allclose(y, nnpg.predict(net.to("numpy"), images("faces")), atol=1e-10)


@pytest.mark.parametrize("name", list(network.__wrapped__("one of each", "float32", "numpy").layers))
def test_a_subclass_of_any_layer_runs_its_own_passes(name: str) -> None:
    net = network("one of each", "float32")
    layer = net.layers[name]
    kind = type(layer)

    class Doubled(kind):  # type: ignore[misc, valid-type]
        def forward(self, k: Any, x: Any) -> Any:
            y, saved = super().forward(k, x)
            return 2 * y, saved

    changed = net.replace(name, Doubled(**{f.name: getattr(layer, f.name) for f in fields(layer)}))
    assert not look(changed, Predict())
    y = nnpg.predict(changed, images("one of each", "float32"))
    assert not np.allclose(y, nnpg.predict(net, images("one of each", "float32")))


def test_a_lost_program_is_an_error_where_one_is_demanded() -> None:
    net = network("faces")
    with nnpg.require_compiled():
        nnpg.predict(net, images("faces"))
        with (
            mock.patch("nnpg.programs.cuda.predict.why_not", return_value="it is lost"),
            pytest.raises(NotCompiled, match="it is lost"),
        ):
            nnpg.predict(net, images("faces"))


def test_the_report_says_what_is_compiled() -> None:
    report = nnpg.compilation_report(network("faces")).to_dict()
    compiled = ("predict", "prediction_gradient", "class_gradient", "knock_out_curve", "minimal_distortion")
    assert all(report[name] == "compiled" for name in compiled)


def test_a_compilation_is_announced_at_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    net = built(dense(3), nnpg.Softmax(), shape=(7,))
    with mock.patch("sys.stderr.isatty", return_value=True, create=True):
        for _ in range(2):  # the second time nothing is compiled
            nnpg.predict(net, np.zeros((1, 7)))
            nnpg.train(net, np.zeros((2, 7)), [0, 1], epochs=1, batch=2, rng=0, progress=False)
    said = capsys.readouterr().err.splitlines()
    began = [line.removeprefix("compiling ") for line in said if line.startswith("compiling ")]
    assert began == [f"{what} of a network for this device" for what in ("arrange", "predict", "the training")]
    ended = re.compile(r"compiled in \d+\.\d s; CuPy keeps it on disk for the next process")
    assert sum(bool(ended.fullmatch(line)) for line in said) == 3
