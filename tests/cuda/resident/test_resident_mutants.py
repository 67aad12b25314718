"""The resident sources without any one barrier, bounds test or tail test: the emulator or the layers notice.

A survivor is listed with its reason. A barrier that nothing misses is no survivor: it is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any
from unittest import mock

import numpy as np
import pytest
from emulator import COMPILER, EmulationError, compile_source
from kernel_mutants import Mutant, mutants
from stand_in.cuda import RawKernel

import nnpg
from nnpg import conv, dense
from nnpg.programs import find
from nnpg.programs.tasks import Reading
from nnpg_kernels.cuda.resident.numbers import Numbers
from nnpg_kernels.cuda.resident.programs import shared_bytes
from nnpg_kernels.cuda.resident.sources import KERNELS, name_of, resident_source

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.emulated("a device runs no source with a fault"),
    pytest.mark.skipif(COMPILER is None, reason="needs g++"),
]

FILES = ("backward.cuh", "seeds.cuh", *dict.fromkeys(KERNELS.values()))
FASTER = "saves time: the result is the same"
SURVIVORS: dict[str, dict[str, str]] = {
    "arrange.cu": {"c < K::C -> true": "what stands behind the last channel is not used"},
    "backward.cuh": {
        "S * sizeof(T) < 16 -> true": "a load reads 16 bytes at most, whatever the alignment is",
        "K::TAPS < 255 -> true": "no network of the checks has windows of 255 pixels",
        "j % K::DW == 0 -> true": "no network of the checks has a dilation along the columns",
    },
    "gradients.cu": {
        "S < 8 -> true": FASTER,
        "min(count, first + each) -> count": FASTER,
    },
    "knockout.cu": {
        "threadIdx.x < 32 -> true": FASTER,
        "threadIdx.x == 0 -> true": "all threads write the same number",
        "B >= from -> true": FASTER,
        "t < (blockIdx.y + 1) * each -> true": FASTER,
    },
}
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
            *(conv(3, (9, 8), stride=(1, 2), padding=(1, 2, 3, 0)), nnpg.Sigmoid(), conv(5, 2, padding=1)),
            *(nnpg.MaxPool(4, 3, padding=1), nnpg.Flatten(), dense(5), nnpg.Sigmoid()),
        ],
    ),
    "row": ((1, 5, 6), [conv(3, 2), nnpg.Tanh(), nnpg.Flatten(), dense(40)]),
    "ends in maps": ((1, 6, 5), [conv(3, 3), nnpg.Tanh(), conv(5, 2)]),
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
    x[0, 0, :3, :3] = 0.25  # equal pixels: the first one wins
    return x


def close(result: Any, expected: Any) -> None:
    result = result.get() if hasattr(result, "get") else result
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5 * max(1e-3, float(np.nanmax(abs(expected)))))


def check_predictions() -> None:
    for name in RECIPES:
        x = images(name)
        x[1, 0, 2, 3] = np.nan
        close(nnpg.predict(network(name, "cupy"), x), nnpg.predict(network(name), x))


def check_gradients() -> None:
    """Several classes at once and one, of all that a seed may be of; deltas of all blocks and of the last ones."""
    of_tiles, of_maps = ("input", "tanh1", "flatten1", "sigmoid1"), ("input", "sigmoid1", "flatten1")
    runs: tuple[tuple[str, Any, Any, tuple[str, ...]], ...] = (
        *(("tiles", "prob", "all", of_tiles), ("tiles", "logprob", [1, 3, 0], of_tiles)),
        *(("tiles", "logit", "true", of_tiles), ("tiles", "prob", "true", ("sigmoid1", "flatten1"))),
        *(("maps", "logprob", "true", of_maps), ("maps", "prob", [1, 3, 0], of_maps)),
    )
    for name, of, classes, layers in runs:
        settings: Any = {"layers": layers, "of": of, "classes": classes, "labels": [2, 1]}
        with mock.patch("nnpg.programs.cuda.gradients.multiprocessors", return_value=8):
            result = nnpg.prediction_gradient(network(name, "cupy"), images(name), **settings)
        expected = nnpg.prediction_gradient(network(name), images(name), **settings)
        for layer in layers:
            close(result[layer], expected[layer])


def check_sums() -> None:
    settings: Any = {"layers": "input", "classes": "all"}
    labels = np.array([3, 1])
    result = nnpg.class_gradient(network("tiles", "cupy"), images("tiles"), labels, **settings)
    close(result["input"], nnpg.class_gradient(network("tiles"), images("tiles"), labels, **settings)["input"])


def check_knock_outs() -> None:
    for name in ("tiles", "maps", "row"):
        net, x = network(name), images(name)
        filters = [(layer, f) for layer in nnpg.filter_layers(net) for f in range(net.shapes[layer][0])]
        for to, seed in (("zero", 0), ("zero", 1), ("mean", 2)):
            rest: Any = {"to": to} if to == "zero" else {"to": to, "reference": x}
            order = [filters[i] for i in np.random.default_rng(seed).permutation(len(filters))]
            with mock.patch("nnpg.programs.cuda.knockout.multiprocessors", return_value=4):  # parts of several steps
                result = nnpg.knock_out_curve(network(name, "cupy"), x, [0] * N, order, **rest)
            expected = nnpg.knock_out_curve(net, x, [0] * N, order, **rest)
            np.testing.assert_array_equal(result.predictions, expected.predictions)
    for largest in ([1, 2], list(range(40))):  # of equal outputs the first one is predicted
        net = network("row")
        last = {name: np.zeros_like(a) for name, a in net.parameters["dense1"].items()}
        last["b"][largest] = 1
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


CHECKS: dict[str, tuple[Callable[[], None], ...]] = {
    "network.cuh": (check_predictions, check_gradients),
    "forward.cuh": (check_predictions, check_gradients, check_knock_outs),
    "seeds.cuh": (check_gradients,),
    "backward.cuh": (check_gradients,),
    "arrange.cu": (check_predictions, check_knock_outs),
    "predict.cu": (check_predictions,),
    "gradients.cu": (check_gradients,),
    "class_sums.cu": (check_sums,),
    "knockout.cu": (check_knock_outs,),
    "reading.cu": (check_readings,),
}


def text_of(file: str) -> str:
    return (files("nnpg_kernels.cuda") / "resident" / file).read_text()


@contextmanager
def compiled_as(
    change: Callable[[str], str], *, races: bool = False, orders: Sequence[int] = (0, 1, 2, 3)
) -> Iterator[None]:
    """Let the sources of all resident programs be changed, and their processes end afterwards."""
    kept: dict[tuple[str, str], RawKernel] = {}
    faulty: list[Any] = []

    def compiled(xp: Any, made: Numbers, kernel: str) -> RawKernel:
        if (made.text, kernel) not in kept:
            text, name = resident_source(kernel, made.text), name_of(kernel)
            changed = change(text)
            compile_it = compile_source if changed == text else compile_source.__wrapped__
            function = compile_it(changed, (name,), races=races)[name]
            faulty.extend([function.program] if changed != text else [])
            kept[made.text, kernel] = RawKernel(function)
            kept[made.text, kernel].max_dynamic_shared_size_bytes = max(48 << 10, shared_bytes(made, kernel))
        return kept[made.text, kernel]

    with (
        mock.patch("nnpg_kernels.cuda.resident.programs.compiled", compiled),
        mock.patch("stand_in.cuda.ORDERS", orders),
    ):
        try:
            yield
        finally:
            for program in faulty:
                program.discard()


def noticed(file: str, mutant: Mutant) -> bool:
    """Whether the checks of a file notice a mutant of it; one that does not compile is an error here.

    Without a barrier, two threads that read and write the same number are noticed, even if all results are right.
    """
    barrier = mutant.before.endswith("();")
    with compiled_as(lambda text: text.replace(text_of(file), mutant.text), races=barrier):
        try:
            for check in CHECKS[file]:
                check()
        except (EmulationError, AssertionError):
            return True
    return False


@pytest.mark.parametrize("name", ["tiles", "maps"])
def test_the_networks_of_the_checks_have_all_programs(name: str) -> None:
    report = nnpg.compilation_report(network(name, "cupy")).to_dict()
    tasks = ("predict", "prediction_gradient", "class_gradient", "knock_out_curve")
    assert all(report[task] == "compiled" for task in tasks)
    assert name == "maps" or report["minimal_distortion"] == "compiled"


@pytest.mark.parametrize("check", dict.fromkeys(check for checks in CHECKS.values() for check in checks))
def test_no_two_threads_read_and_write_a_number_without_a_barrier_between(check: Callable[[], None]) -> None:
    """In two orders, one the reverse of the other: what no barrier divides is a race whichever thread goes first."""
    with compiled_as(lambda text: text, races=True, orders=(0, 1)):
        check()


@pytest.mark.mutants
@pytest.mark.parametrize("file", FILES)
def test_every_mutant_of_a_resident_source_is_noticed(file: str) -> None:
    survivors = [(mutant.line, str(mutant)) for mutant in mutants(text_of(file)) if not noticed(file, mutant)]
    expected = SURVIVORS.get(file, {})
    assert [survivor for survivor in survivors if survivor[1] not in expected] == [], "nothing notices these"
    assert set(expected) <= {name for _, name in survivors}, "these are noticed: take them out of SURVIVORS"


def test_a_missing_barrier_of_the_way_back_is_noticed() -> None:
    barrier = next(mutant for mutant in mutants(text_of("backward.cuh")) if mutant.before == "__syncthreads();")
    assert noticed("backward.cuh", barrier)
