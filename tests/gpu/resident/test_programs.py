"""Resident programs against the layers, on the emulator or on a device: the papers' networks, every task."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import numpy as np
import pytest
from resident_networks import LAYERS, NETWORKS, PAPERS, SLOW, WITH_FILTERS, N, close, images, network, orders

import nnpg
from nnpg.programs import find
from nnpg.programs.tasks import Reading
from nnpg_kernels.cuda.resident.programs import Programs

pytestmark = pytest.mark.gpu

over_networks = pytest.mark.parametrize("name", NETWORKS)
over_numbers = pytest.mark.parametrize("dtype", ["float64", "float32"])


@over_networks
@over_numbers
def test_predictions(name: str, dtype: str) -> None:
    x = images(name, dtype)
    with nnpg.require_compiled(), orders(0, 1, 2, 3):
        y = nnpg.predict(network(name, dtype), x)
    close(y, nnpg.predict(network(name, dtype, "numpy"), x), dtype)


FAST = ("faces", *LAYERS)
OF_GRADIENTS = [
    *((name, dtype) for name in FAST for dtype in ("float64", "float32")),
    *(pytest.param(name, "float32", marks=pytest.mark.slow) for name in PAPERS if name not in FAST),
]


@pytest.mark.parametrize(("name", "dtype"), OF_GRADIENTS)
def test_gradients_of_all_classes_and_all_blocks(name: str, dtype: str) -> None:
    """Of probabilities in four orders; of logits and of logarithms, for the class of each image, one and some."""
    here, there, x = network(name, dtype, "numpy"), network(name, dtype), images(name, dtype)
    layers = ("input", *nnpg.filter_layers(here)) if nnpg.filter_layers(here) else ("input", "sigmoid1")
    labels = np.arange(N) * 3 % here.K
    for of, classes in (("prob", "all"), ("logit", "true"), ("logprob", 1), ("logprob", [2, 0])):
        arguments: Any = {"layers": layers, "classes": classes, "of": of, "labels": labels}
        with nnpg.require_compiled(), orders(*((0, 1, 2, 3) if of == "prob" and dtype == "float64" else (0,))):
            result = nnpg.prediction_gradient(there, x, **arguments)
        assert result.computed == "compiled"
        expected = nnpg.prediction_gradient(here, x, **arguments)
        for layer in layers:
            close(result[layer], expected[layer], dtype, f"{of}, {layer}")


@pytest.mark.tiny
@over_networks
@pytest.mark.parametrize("classes", ["true", "all"])
@pytest.mark.parametrize("method", ["average_of_gradients", "gradient_of_average"])
def test_sums_by_class(name: str, classes: Any, method: Any) -> None:
    here, there, x = network(name, "float64", "numpy"), network(name), images(name)
    layers = nnpg.filter_layers(here) or ("sigmoid1",)
    arguments: Any = {"layers": layers, "classes": classes, "method": method}
    labels = np.array([2, 0, 2, 1, 2])
    with nnpg.require_compiled():
        result = nnpg.class_gradient(there, x, labels, **arguments, batch=3)
    expected = nnpg.class_gradient(here, x, labels, **arguments)
    for layer in layers:
        close(result[layer], expected[layer])


@pytest.mark.parametrize("name", ["faces", "one of each"])
@pytest.mark.parametrize("to", ["zero", "mean"])
def test_knock_outs_of_all_filters_in_five_orders(name: str, to: Any) -> None:
    here, there, x = network(name, "float64", "numpy"), network(name), images(name)
    filters = [(layer, f) for layer in nnpg.filter_layers(here) for f in range(here.shapes[layer][0])]
    rest: Any = {"to": to} if to == "zero" else {"to": to, "reference": x}
    for seed in range(5):
        order = [filters[i] for i in np.random.default_rng(seed).permutation(len(filters))]
        with nnpg.require_compiled(), orders(*((0, 1, 2, 3) if not seed else (0,))):
            result = nnpg.knock_out_curve(there, x, np.zeros(N, int), order, **rest)
        expected = nnpg.knock_out_curve(here, x, np.zeros(N, int), order, **rest)
        np.testing.assert_array_equal(result.predictions, expected.predictions)
        assert len(np.unique(expected.predictions)) > 1


@pytest.mark.tiny
@pytest.mark.parametrize("to", ["zero", "mean"])
def test_several_orders_in_one_launch_are_each_order_alone_to_the_bit(to: Any) -> None:
    """Orders of different lengths and filters, in one part for each image and in several."""
    here, there, x = network("one of each", "float64", "numpy"), network("one of each"), images("one of each")
    rest: Any = {"to": to} if to == "zero" else {"to": to, "reference": x}
    first, second = nnpg.filter_layers(here)
    sweeps = [[(first, 2), (second, 0), (first, 0)], [(second, 4)], [], [(second, f) for f in (1, 5, 3, 0)]]
    labels, launches = np.zeros(N, int), Counter[str]()
    launch = Programs.launch

    def noted(self: Any, kernel: str, *args: Any) -> None:
        launches[kernel] += 1
        launch(self, kernel, *args)

    for at_once in (1, 132):
        many = mock.patch("nnpg.programs.cuda.knockout.multiprocessors", return_value=at_once)
        with many, mock.patch.object(Programs, "launch", noted), nnpg.require_compiled(), orders(0, 3):
            together = nnpg.knock_out_curves(there, x, labels, sweeps, **rest)
        assert launches.pop("knock_out") == 1
        for one, order in zip(together, sweeps, strict=True):
            alone = nnpg.knock_out_curve(there, x, labels, order, **rest)
            np.testing.assert_array_equal(one.predictions, alone.predictions)
            expected = nnpg.knock_out_curve(here, x, labels, order, **rest)
            np.testing.assert_array_equal(one.predictions, expected.predictions)
            assert (one.filters, one.computed) == (alone.filters, "compiled")
    with mock.patch("nnpg.programs.cuda.knockouts.BYTES", 1), mock.patch.object(Programs, "launch", noted):
        apart = nnpg.knock_out_curves(there, x, labels, sweeps, **rest)
    assert launches["knock_out"] == len(sweeps)  # where there is no memory for the weights of several
    for one, other in zip(apart, together, strict=True):
        np.testing.assert_array_equal(one.predictions, other.predictions)


@pytest.mark.tiny
def test_a_filter_that_is_knocked_out_twice_is_gone_once() -> None:
    here, there, x = network("faces", "float64", "numpy"), network("faces"), images("faces")
    order = [("pool2", 3), ("pool1", 1), ("pool2", 3), ("pool3", 0)]
    with nnpg.require_compiled():
        result = nnpg.knock_out_curve(there, x, np.zeros(N, int), order)
    expected = nnpg.knock_out_curve(here, x, np.zeros(N, int), order)
    np.testing.assert_array_equal(result.predictions, expected.predictions)


def scores(net: nnpg.Network) -> str:
    return net.names[-2]


@pytest.mark.parametrize("name", ["faces", *SLOW, "dense"])
@over_numbers
def test_the_step_of_an_attack(name: str, dtype: str) -> None:
    """Scores, and what is sent back for two seeds at once."""
    here, there, x = network(name, dtype, "numpy"), network(name, dtype), images(name, dtype)
    seeds = np.random.default_rng(0).standard_normal((2, N, here.K)).astype(dtype)
    k = there.backend
    with nnpg.require_compiled(), orders(*((0, 1, 2, 3) if dtype == "float64" else (0,))):
        session = find(there, Reading(scores(there))).run()  # type: ignore[misc]
        z, delta = session(k.asarray(x), lambda z, rows: k.asarray(seeds)[:, rows])
    trace = here.forward(x, stop=scores(here))
    close(z.astype(dtype), trace.y, dtype)
    close(delta, here.backward(trace, seeds, start=scores(here), stop="input", keep=("input",))["input"], dtype)
    assert z.dtype == np.float64


@pytest.mark.tiny
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_image_has_the_same_bits_alone_and_in_any_company(dtype: str) -> None:
    there, x = network("faces", dtype), images("faces", dtype, 7)
    k = there.backend
    session: Any = find(there, Reading(scores(there))).run()  # type: ignore[misc]

    def read(rows: Any) -> list[Any]:
        eye = k.xp.eye(there.K, dtype=dtype)
        return [a.get() for a in session(k.asarray(x[rows]), lambda z, part: eye[z.argmax(axis=1)])]

    together, y = read(slice(None)), nnpg.predict(there, x)
    for n in range(len(x)):
        for one, all_of_them in zip(read([n]), together, strict=True):
            np.testing.assert_array_equal(one[0], all_of_them[n])
        np.testing.assert_array_equal(nnpg.predict(there, x[n : n + 1])[0], y[n])


def test_attacks_find_what_they_find_layer_by_layer() -> None:
    here, there, x = network("dense", "float64", "numpy"), network("dense"), images("dense", "float64", 4)
    targets = (nnpg.predict(here, x).argmax(axis=1) + 1) % here.K
    settings: Any = {"box": (-5.0, 5.0), "evaluations": 100, "progress": False}
    with nnpg.require_compiled():
        result = nnpg.minimal_distortion(there, x, targets, **settings)
    expected = nnpg.minimal_distortion(here, x, targets, **settings)
    assert result.computed == "compiled"
    np.testing.assert_array_equal(result.success, expected.success)
    np.testing.assert_allclose(result.adversarial, expected.adversarial, atol=1e-4)


def test_images_of_any_kind_and_place() -> None:
    """Of the host and of the device, of other types, with gaps, and where no 16 bytes begin."""
    there, x = network("faces", "float32"), images("faces", "float32")
    k = there.backend
    expected = nnpg.predict(there, x)
    flat = k.xp.zeros(x.size + 1, np.float32)
    flat[1:] = k.asarray(x.ravel())
    with nnpg.require_compiled():
        for one in (k.asarray(x), x.astype("f8"), k.asarray(np.repeat(x, 2, axis=3))[..., ::2]):
            np.testing.assert_array_equal(nnpg.predict(there, one), expected)
        np.testing.assert_array_equal(nnpg.predict(there, flat[1:].reshape(x.shape)), expected)
        assert nnpg.predict(there, x[:0]).shape == (0, 15)


def test_weights_are_read_when_a_program_runs() -> None:
    there, x = network("dense"), images("dense")
    before = nnpg.predict(there, x)
    copy = there.with_parameters({"dense3": {"b": there.layers["dense3"].b + 1}})  # type: ignore[attr-defined]
    copy.layers["dense2"].W[...] *= 2  # type: ignore[attr-defined]
    changed = nnpg.predict(copy, x)
    copy.layers["dense2"].W[...] /= 2  # type: ignore[attr-defined]
    assert abs(changed - before).max() > 1e-3
    np.testing.assert_array_equal(nnpg.predict(there, x), before)


def test_two_networks_in_two_threads_share_no_memory() -> None:
    names = ["faces", "dense"] * 6
    expected = {name: nnpg.predict(network(name), images(name)) for name in names}

    def both(name: str) -> tuple[Any, Any]:
        net, x = network(name), images(name)
        return nnpg.predict(net, x), nnpg.prediction_gradient(net, x, layers="input")["input"]

    once = {name: both(name)[1] for name in expected}
    with ThreadPoolExecutor(4) as pool:
        for name, (y, delta) in zip(names, pool.map(both, names), strict=True):
            np.testing.assert_array_equal(y, expected[name])
            np.testing.assert_array_equal(delta, once[name])


@pytest.mark.parametrize("name", WITH_FILTERS)
def test_an_image_that_is_not_finite_is_what_it_is_layer_by_layer(name: str) -> None:
    here, there, x = network(name, "float64", "numpy"), network(name), np.array(images(name))
    x[1, 0, 3, 4], x[3, 0, 5, 2] = np.nan, np.inf
    with nnpg.require_compiled():
        y, delta = nnpg.predict(there, x), nnpg.prediction_gradient(there, x, layers="input")["input"]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(y, nnpg.predict(here, x), atol=1e-10)
        expected = nnpg.prediction_gradient(here, x, layers="input")["input"]
    np.testing.assert_allclose(delta, expected, atol=1e-10)
