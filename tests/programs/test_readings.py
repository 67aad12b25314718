"""An attack's reading by a plan against the layers: every geometry; no bit depends on the other images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from geometries import NETS, K, examples, network

import nnpg
from nnpg import conv, dense
from nnpg.attacks.objective import objective_of
from nnpg.programs import find
from nnpg.programs.tasks import Reading


def session(net: nnpg.Network) -> Any:
    with nnpg.require_compiled():
        return find(net, Reading(net.names[-2])).run()


def by_layers(net: nnpg.Network, x: np.ndarray, seed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    net = net.to("numpy")
    trace = net.forward(x, stop=net.names[-2])
    return trace.y, net.backward(trace, seed, start=net.names[-2], stop="input", keep=("input",))["input"]


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-9), ("float32", 1e-4)])
def test_every_geometry(name: str, dtype: str, rtol: float) -> None:
    """Scores, and what is sent back for three seeds at once; more images than fit into one pass."""
    net = network(name, dtype)
    read = session(net)
    for N in (1, 21, len(read.x) + 3):
        x, _ = examples(net, N)
        seed = np.random.default_rng(0).standard_normal((3, N, K)).astype(dtype)
        z, delta = read(x, lambda z, rows, seed=seed: seed[:, rows])
        expected = by_layers(net, x, seed)
        for a, b in ((z, expected[0]), (delta, expected[1])):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * abs(b).max())
        assert z.dtype == np.float64
        assert delta.dtype == dtype


@pytest.mark.parametrize("name", ["faces", "stride, twice", "dense only", "overlapping, padded pooling"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_bits_alone_and_in_any_company(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(name, dtype)
    x, t = examples(net, 37)
    eye = np.eye(K, dtype=dtype)

    def answers(rows: np.ndarray, read: Any) -> tuple[np.ndarray, np.ndarray]:
        return read(x[rows], lambda z, places: eye[z.argmax(axis=1)] - eye[t[rows][places]])

    read, rng = session(net), np.random.default_rng(1)
    whole = answers(np.arange(37), read)
    for threads in ("1", "3"):
        monkeypatch.setenv("NNPG_NUM_THREADS", threads)
        read = session(net)
        for N in (1, 2, 7, 16, 37):
            rows = rng.integers(37, size=N)
            for one, all_of_them in zip(answers(rows, read), whole, strict=True):
                np.testing.assert_array_equal(one, all_of_them[rows])


def test_the_seed_is_asked_once_for_each_image_and_must_fit() -> None:
    net = network("faces", "float32")
    read, (x, _) = session(net), examples(net, 300)
    indices: list[int] = []

    def seed(z: np.ndarray, rows: slice) -> np.ndarray:
        indices.extend(range(300)[rows])
        return z.astype("f4")

    read(x, seed)
    assert indices == list(range(300))
    with pytest.raises(ValueError, match=r"a seed of 5 images must be \(S, 5, 11\), not float32 \(5, 10\)"):
        read(x[:5], lambda z, rows: z[:, 1:].astype("f4"))
    with pytest.raises(ValueError, match="images must be real numbers"):
        read(x[:5, :, 1:], seed)
    z, delta = read(x[:0], lambda z, rows: z)
    assert (z.shape, delta.shape) == ((0, K), (0, *net.input_shape))


@pytest.mark.parametrize("name", NETS)
def test_an_attack_reads_the_same_compiled_and_layer_by_layer(name: str) -> None:
    net = network(name)
    x, t = examples(net, 9)
    x = x.reshape(9, -1)
    with nnpg.require_compiled():
        fast = objective_of(net, "softmax_cross_entropy")
    slow = objective_of(net.to("numpy"), "softmax_cross_entropy")
    groups = [v.group_of(x, t) for v in (fast, slow)]
    readings = [v.evaluate(x, t, group) for v, group in zip((fast, slow), groups, strict=True)]
    rivals = [v.evaluate_rivals(x, t, group)[1] for v, group in zip((fast, slow), groups, strict=True)]
    margins = [v.margin(x, t, group, away=True) for v, group in zip((fast, slow), groups, strict=True)]
    for pair in (readings, rivals, margins):
        for field, value in vars(pair[1]).items():
            np.testing.assert_allclose(getattr(pair[0], field), value, rtol=1e-9, atol=1e-12, err_msg=field)


def test_the_margin_is_that_of_the_class_over_the_others() -> None:
    net = network("faces")
    x, t = examples(net, 9)
    objective = objective_of(net, "softmax_cross_entropy")
    z = net.forward(x, stop="dense2").y
    others = np.where(np.eye(K, dtype=bool)[t], -np.inf, z)
    margin = objective.margin(x.reshape(9, -1), t, objective.group_of(x, t))
    np.testing.assert_allclose(margin.value, z[np.arange(9), t] - others.max(axis=1), rtol=1e-9)
    np.testing.assert_array_equal(margin.rival, others.argmax(axis=1))
    away = objective.margin(x.reshape(9, -1), t, objective.group_of(x, t), away=True)
    np.testing.assert_allclose(away.value, -margin.value)
    np.testing.assert_array_equal(away.gradient, -margin.gradient)
    step = 1e-6 * np.random.default_rng(0).standard_normal(x.shape)
    moved = objective.margin((x + step).reshape(9, -1), t, objective.group_of(x, t)).value
    np.testing.assert_allclose(moved - margin.value, (margin.gradient * step.reshape(9, -1)).sum(axis=1), rtol=1e-3)


def test_what_is_not_compiled_says_why_and_is_read_layer_by_layer() -> None:
    """A loss of probabilities, a layer of the user's, a backend without programs."""
    net = network("faces", "float32")
    x = np.clip(examples(net, 2)[0], 0, 1)
    step = net.replace("tanh1", nnpg.Step())
    for one, loss, reason in (
        (net, "squared_error", "the loss reads softmax1, which is not the output of the last block"),
        (step, "softmax_cross_entropy", r"tanh1 \(Step\)"),
        (net.to("numpy"), "softmax_cross_entropy", "has no compiled programs"),
    ):
        settings = {"loss": loss, "polish": False, "evaluations": 5, "progress": False}
        with nnpg.require_compiled(), pytest.raises(nnpg.NotCompiled, match=f"^minimal_distortion, .*{reason}"):
            nnpg.attacks.minimal_distortion(one, x, 1, **settings)
        assert nnpg.attacks.minimal_distortion(one, x, 1, **settings).computed.startswith("layer by layer, because")


def test_the_report_names_the_attack() -> None:
    net = nnpg.build([conv(2, 3), nnpg.ReLU(), nnpg.Flatten(), dense(3), nnpg.Softmax()], input_shape=(1, 5, 5), rng=0)
    assert nnpg.compilation_report(net)["minimal_distortion"].computed == "compiled"
    with nnpg.require_compiled():
        x = np.random.default_rng(0).random((3, 1, 5, 5), np.float32)
        assert nnpg.attacks.minimal_distortion(net, x, "all", polish=False).computed == "compiled"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_and_class_masks_are_read_compiled_and_are_the_same_layer_by_layer(dtype: str) -> None:
    net = network("faces", dtype)
    rng = np.random.default_rng(0)
    x, t = rng.random((6, *net.input_shape)).astype(dtype), np.arange(6)
    rtol = 1e-3 if dtype == "float32" else 1e-7
    with nnpg.require_compiled():
        stepped = nnpg.attacks.projected_gradient(net, x, t, "all", 0.02, steps=3, progress=False)
        mask = nnpg.attacks.learn_class_mask(net, x, 3, epochs=2, batch=4, rng=0, progress=False)
    slow = net.to("numpy")
    other = nnpg.attacks.projected_gradient(slow, x, t, "all", 0.02, steps=3, progress=False)
    np.testing.assert_allclose(stepped.adversarial, other.adversarial, rtol=0, atol=rtol * 0.02)
    again = nnpg.attacks.learn_class_mask(slow, x, 3, epochs=2, batch=4, rng=0, progress=False)
    np.testing.assert_allclose(mask.W, again.W, rtol=0, atol=rtol * abs(again.W).max())
    np.testing.assert_allclose(mask.losses, again.losses, rtol=rtol)
