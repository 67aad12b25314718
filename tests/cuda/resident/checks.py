"""What the mutants of the resident sources are held to: small networks, and checks that meet every test in a source."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
from resident_networks import readings, same

import nnpg
from nnpg import conv, dense
from nnpg.attacks.objective import objective_of
from nnpg.programs import find
from nnpg.programs.plan import plan_of
from nnpg.programs.tasks import Reading
from nnpg_kernels.cuda.resident.numbers import numbers_of

RECIPES: dict[str, tuple[tuple[int, ...], list[Any]]] = {
    "tiles": (
        (3, 7, 9),
        [
            *(nnpg.Center(0.2), conv(5, 3, padding=(1, 0, 2, 1)), nnpg.MaxPool(2, padding=(0, 1, 1, 0)), nnpg.Tanh()),
            *(conv(6, 2, dilation=(2, 1)), nnpg.ReLU(), nnpg.Flatten(), dense(7), nnpg.Sigmoid(), dense(4)),
            nnpg.Softmax(),
        ],
    ),
    "maps": (
        (2, 12, 15),
        [
            *(conv(3, (9, 8), stride=(1, 2), padding=(1, 2, 3, 0)), nnpg.Sigmoid(), conv(5, (2, 3), padding=1)),
            *(nnpg.Tanh(), nnpg.MaxPool(4, 3, padding=1), nnpg.Flatten(), dense(5), nnpg.Sigmoid()),
        ],
    ),
    "row": ((1, 5, 6), [conv(3, 2), nnpg.Tanh(), nnpg.Flatten(), dense(40)]),
    "dense": ((6,), [dense(5), nnpg.Sigmoid(), dense(4)]),
    "ends in maps": ((1, 6, 5), [conv(3, 3, padding=(0, 0, 0, 1)), nnpg.Tanh(), conv(5, 2)]),
    "padded on one side": (
        (1, 13, 14),
        [
            *(conv(5, 3, padding=(1, 0, 0, 0)), nnpg.MaxPool(2, padding=(1, 0, 0, 0)), nnpg.ReLU()),
            *(conv(5, (3, 2), padding=(0, 1, 0, 0)), nnpg.MaxPool(2, padding=(0, 1, 0, 0)), nnpg.ReLU()),
            *(conv(5, (2, 1), padding=(0, 0, 1, 0)), nnpg.MaxPool(2, padding=(0, 0, 0, 1)), nnpg.Flatten()),
            *(dense(34), nnpg.Softmax()),
        ],
    ),
    "long windows": (
        (1, 36, 36),
        [
            *(conv(2, (33, 1), padding=(1, 0, 0, 0)), nnpg.MaxPool((2, 1)), nnpg.Tanh()),
            *(conv(2, (1, 33), padding=(0, 0, 1, 0)), nnpg.MaxPool((1, 2)), nnpg.Tanh()),
        ],
    ),
}
N = 2


@cache
def network(name: str, backend: str = "numpy") -> nnpg.Network:
    """Return a network whose last biases let its images, with and without filters, have different classes."""
    shape, recipe = RECIPES[name]
    net, rng = nnpg.build(recipe, input_shape=shape, rng=0, backend="numpy"), np.random.default_rng(1)
    net = net.with_parameters(
        {layer: {"b": rng.standard_normal(arrays["b"].shape).astype("f4")} for layer, arrays in net.parameters.items()}
    )
    last = list(net.parameters)[-1]
    z = net.forward(images(name), stop=last).y
    mean = z.mean(axis=tuple(axis for axis in range(z.ndim) if axis != 1))
    return net.with_parameters({last: {"b": net.parameters[last]["b"] - mean}}).to(backend)


def images(name: str) -> Any:
    x = np.random.default_rng(2).standard_normal((N, *RECIPES[name][0])).astype("f4")
    x[(0, 0, slice(3), slice(3)) if x.ndim == 4 else (0, slice(3))] = 0.25  # equal pixels: the first one wins
    return x


def close(result: Any, expected: Any) -> None:
    result = result.get() if hasattr(result, "get") else result
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5 * max(1e-3, float(np.nanmax(abs(expected)))))


def check_predictions() -> None:
    """Of every network, with large numbers and NaN; and with so little shared memory that no weights lie there."""
    for name in RECIPES:
        x = images(name)
        x[0] *= 1000 if name == "padded on one side" else 1
        x[(1, 0, 2, 3) if x.ndim == 4 else (1, 3)] = np.nan
        close(nnpg.predict(network(name, "cupy"), x), nnpg.predict(network(name), x))
    plan = plan_of(network("tiles", "cupy"))
    settings: Any = {"centred": True, "head": plan.head, "bytes_at_most": 0}
    least = numbers_of(plan.blocks, plan.dtype, **settings).backward_bytes
    with mock.patch("nnpg_kernels.cupy_backend.xp.cuda.runtime.deviceGetAttribute", return_value=least):
        close(nnpg.predict(network("tiles", "cupy"), images("tiles")), nnpg.predict(network("tiles"), images("tiles")))


def check_gradients() -> None:
    """Several classes at once and one, of all that a seed may be of; deltas of all blocks and of the last ones."""
    of_tiles, of_maps = ("input", "tanh1", "flatten1", "sigmoid1"), ("input", "sigmoid1", "flatten1")
    runs: tuple[tuple[str, Any, Any, tuple[str, ...]], ...] = (
        *(("tiles", "prob", "all", of_tiles), ("tiles", "logprob", [1, 3, 0], of_tiles)),
        *(("tiles", "logit", "true", of_tiles), ("tiles", "prob", "true", ("sigmoid1", "flatten1"))),
        *(("maps", "logprob", "true", of_maps), ("maps", "prob", [1, 3, 0], of_maps)),
        ("dense", "logit", "all", ("input", "sigmoid1")),  # whose deltas take all of the shared memory
        ("padded on one side", "logit", "true", ("input",)),
    )
    for name, of, classes, layers in runs:
        settings: Any = {"layers": layers, "of": of, "classes": classes, "labels": [2, 1]}
        with mock.patch("nnpg.programs.cuda.gradients.multiprocessors", return_value=8):
            result = nnpg.prediction_gradient(network(name, "cupy"), images(name), **settings)
        expected = nnpg.prediction_gradient(network(name), images(name), **settings)
        for layer in layers:
            close(result[layer], expected[layer])


def check_sums() -> None:
    """Of images, and of outputs for so many classes that a block of threads writes seeds after seeds."""
    labels = np.array([3, 1])
    for name, layer, of in (("tiles", "input", "prob"), ("row", "dense1", "logit")):
        settings: Any = {"layers": layer, "classes": "all", "of": of}
        with mock.patch("nnpg.programs.cuda.gradients.multiprocessors", return_value=1):
            result = nnpg.class_gradient(network(name, "cupy"), images(name), labels, **settings)
        close(result[layer], nnpg.class_gradient(network(name), images(name), labels, **settings)[layer])


def check_knock_outs() -> None:
    for name in ("tiles", "maps", "row"):
        net, x = network(name), images(name)
        filters = [(layer, f) for layer in nnpg.filter_layers(net) for f in range(net.shapes[layer][0])]
        for to, seed in (("zero", 0), ("zero", 1), ("mean", 2)):
            # of one image: the mean of both gives outputs that are 0, of which rounding decides
            rest: Any = {"to": to} if to == "zero" else {"to": to, "reference": x[:1]}
            order = [filters[i] for i in np.random.default_rng(seed).permutation(len(filters))]
            sweeps = [order, order[2:0:-1]]  # in one launch
            with mock.patch("nnpg.programs.cuda.knockout.multiprocessors", return_value=4):  # parts of several steps
                results = nnpg.knock_out_curves(network(name, "cupy"), x, [0] * N, sweeps, **rest)
            for result, expected in zip(results, nnpg.knock_out_curves(net, x, [0] * N, sweeps, **rest), strict=True):
                np.testing.assert_array_equal(result.predictions, expected.predictions)
    for largest, number in (([1, 2], 1), (list(range(40)), 1), ([3, 7, 35], np.nan)):  # the first of equal ones wins
        net = network("row")
        last = {name: np.zeros_like(a) for name, a in net.parameters["dense1"].items()}
        last["b"][largest] = number
        net = net.with_parameters({"dense1": last}).to("cupy")
        result = nnpg.knock_out_curve(net, images("row"), [0] * N, [("tanh1", 0)])
        np.testing.assert_array_equal(result.predictions, largest[0])


def check_readings() -> None:
    net, there, x = network("tiles"), network("tiles", "cupy"), images("tiles")
    seeds = np.random.default_rng(0).standard_normal((2, N, 4)).astype("f4")
    session: Any = find(there, Reading("dense2")).run()  # type: ignore[misc]
    z, delta = session(there.backend.asarray(x), lambda z, rows: there.backend.asarray(seeds))
    trace = net.forward(x, stop="dense2")
    close(z, trace.y)
    close(delta, net.backward(trace, seeds, start="dense2", stop="input", keep=("input",))["input"])


def check_victims() -> None:
    """Every reading of an attack in one launch, with scores that are equal or not finite; rivals in several parts."""
    in_parts = mock.patch("nnpg.programs.cuda.victim.multiprocessors", return_value=1)
    cases = (
        *(
            ("tiles", "softmax_cross_entropy", 3, None),
            ("tiles", "softmax_cross_entropy", 2, [1.0, np.nan, 3.0, np.nan]),
            ("tiles", "softmax_cross_entropy", 2, [np.nan, 1.0, 3.0, np.nan]),
        ),
        *(("row", "squared_error", 39, None), ("row", "binary_cross_entropy", 3, [2.0] * 40)),
    )
    for name, loss, rivals, scores in cases:
        here, x = network(name), images(name).reshape(N, -1)
        if scores is not None:
            W = here.parameters[list(here.parameters)[-1]]["W"]
            last = {"W": np.zeros_like(W), "b": np.array(scores, "f4")}
            here = here.with_parameters({list(here.parameters)[-1]: last})
        with in_parts, np.errstate(all="ignore"):
            there = readings(objective_of(here.to("cupy"), loss, 0.5), x, np.array([3, 1]), (rivals,))
            expected = readings(objective_of(here, loss, 0.5), x, np.array([3, 1]), (rivals,))
        for answer, right in zip(there, expected, strict=True):
            same(answer, right, 1e-5)


CHECKS: dict[str, tuple[Callable[[], None], ...]] = {
    "network.cuh": (check_predictions, check_gradients),
    "forward.cuh": (check_predictions, check_gradients, check_knock_outs),
    "seeds.cuh": (check_gradients,),
    "backward.cuh": (check_gradients,),
    "arrange.cu": (check_predictions, check_knock_outs),
    "predict.cu": (check_predictions,),
    "gradients.cu": (check_gradients, check_sums),
    "class_sums.cu": (check_sums,),
    "knockout.cu": (check_knock_outs,),
    "reading.cu": (check_readings,),
    "several.cuh": (check_gradients,),
    "victim.cu": (check_victims,),
    "loss.cuh": (check_victims,),
}
