"""`batch=` means what it says on both paths; no images give no answers; what ends in maps has no classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from geometries import NETS, K, examples, network
from of_device import host
from selection import WITH_DEVICE

import nnpg
from nnpg import conv, dense
from nnpg.programs.numba import gradients, predict
from nnpg.programs.numba.knockouts import one
from nnpg.programs.plan import plan_of

BACKENDS = ["numpy", "numba"]
UNITS = [("pool1", 1), ("pool2", 0)]


def tasks(net: nnpg.Network, x: Any, t: Any, **settings: Any) -> dict[str, Any]:
    return {
        "predict": lambda: nnpg.predict(net, x, **settings),
        "error_rate": lambda: nnpg.error_rate(net, x, t, **settings),
        "prediction_gradient": lambda: nnpg.prediction_gradient(net, x, **settings)["pool1"],
        "true": lambda: nnpg.prediction_gradient(net, x, classes="true", labels=t, **settings)["pool1"],
        "class_gradient": lambda: nnpg.class_gradient(net, x, t, progress=False, **settings)["pool1"],
        "knock_out_curve": lambda: nnpg.knock_out_curve(net, x, t, UNITS, progress=False, **settings).predictions,
        "filter_scores": lambda: nnpg.filter_scores(net, x, t, progress=False, **settings).scores["pool1"],
        "norms": lambda: nnpg.filter_scores(net, x, t, average="mean_of_norms", **settings).scores["pool1"],
    }


ALL = list(tasks(network("faces"), None, None))


@pytest.mark.parametrize("backend", WITH_DEVICE)
@pytest.mark.parametrize("batch", [0, -1, 2.5, "3", True, np.nan], ids=repr)
@pytest.mark.parametrize("task", ALL)
def test_what_is_no_number_of_images_is_refused(task: str, batch: Any, backend: str) -> None:
    net = network("faces", backend=backend)
    with pytest.raises((TypeError, ValueError), match="batch must be a whole number of at least 1, not"):
        tasks(net, *examples(net, 5), batch=batch)[task]()


@pytest.mark.parametrize("backend", WITH_DEVICE)
@pytest.mark.parametrize("task", ALL)
def test_the_answer_does_not_depend_on_it(task: str, backend: str) -> None:
    net = network("faces", backend=backend)
    data = examples(net, 23)
    expected = tasks(net, *data)[task]()
    for batch in (1, 7, np.int64(23), 1000):
        np.testing.assert_allclose(tasks(net, *data, batch=batch)[task](), expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("task", "program"),
    [
        ("predict", predict),
        ("prediction_gradient", gradients),
        ("class_gradient", gradients),
        ("knock_out_curve", one),
    ],
)
def test_programs_and_layers_take_that_many_images(task: str, program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    run, forward = program.run, nnpg.Network.forward

    def counted(net: Any, plan: Any, asked: Any, x: Any, *arguments: Any) -> Any:
        counts.append(len(x))
        return run(net, plan, asked, x, *arguments)

    def counted_forward(self: Any, x: Any, **arguments: Any) -> Any:
        if not arguments:
            counts.append(len(x))
        return forward(self, x, **arguments)

    monkeypatch.setattr(program, "run", counted)
    monkeypatch.setattr(nnpg.Network, "forward", counted_forward)
    for backend in BACKENDS:
        net = network("faces", backend=backend)
        counts.clear()
        tasks(net, *examples(net, 10), batch=4)[task]()
        assert counts == [4, 4, 2]


@pytest.mark.parametrize("backend", WITH_DEVICE)
@pytest.mark.parametrize("name", NETS)
def test_no_images_give_no_answers_of_the_right_shape(name: str, backend: str) -> None:
    net = network(name, backend=backend)
    x, t = examples(net, 0)
    assert nnpg.predict(net, x).shape == (0, K)
    assert nnpg.predict(net, x).dtype == net.dtype
    names = ["input", *(block.name for block in plan_of(net).blocks)]
    for classes, lead in (("all", (K, 0)), ([1, 2, 3, 4, 5], (5, 0)), ("true", (0,)), (3, (0,))):
        answer = nnpg.prediction_gradient(net, x, layers=names, classes=classes, labels=t)
        assert {n: answer[n].shape for n in names} == {n: (*lead, *net.shapes[n]) for n in names}
    means = nnpg.class_gradient(net, x, t, layers=names, progress=False)
    assert all(means[n].shape == (K, *net.shapes[n]) and np.isnan(means[n]).all() for n in names)
    units = [(n, 0) for n in names[1:-1]]
    assert nnpg.knock_out_curve(net, x, t, units, progress=False).predictions.shape == (len(units) + 1, 0)


@pytest.mark.parametrize("backend", WITH_DEVICE)
def test_a_network_that_ends_in_maps_predicts_them_and_has_no_classes(backend: str) -> None:
    net = nnpg.build([conv(3, 3), nnpg.Tanh(), conv(2, 3)], input_shape=(1, 9, 8), rng=0, backend=backend)
    x, t = np.random.default_rng(0).standard_normal((20, 1, 9, 8)).astype("f4"), np.zeros(20, int)
    np.testing.assert_allclose(nnpg.predict(net, x), host(net.forward(x).y), rtol=1e-5, atol=1e-6)
    for task in (
        lambda: net.K,
        lambda: nnpg.prediction_gradient(net, x, of="logit"),
        lambda: nnpg.class_gradient(net, x, t, of="logit", progress=False),
        lambda: nnpg.knock_out_curve(net, x, t, [("tanh1", 0)], progress=False),
        lambda: nnpg.filter_scores(net, x, t, of="logit", progress=False),
        lambda: nnpg.train(net, x, t, epochs=1, batch=2, rng=0, progress=False),
    ):
        with pytest.raises(ValueError, match=r"this network has no classes: its last output 'conv2' is \(2, 5, 4\)"):
            task()


def test_knock_out_of_the_last_block_but_one_after_a_dense_end() -> None:
    net = nnpg.build([conv(3, 3), nnpg.Tanh(), nnpg.Flatten(), dense(1), nnpg.Softmax()], input_shape=(1, 5, 5), rng=0)
    x = np.ones((3, 1, 5, 5))
    with nnpg.require_compiled():
        assert (nnpg.knock_out_curve(net, x, [0, 0, 0], [("tanh1", 2)], progress=False).predictions == 0).all()
