"""Delete any one barrier, bounds test or tail test of a CUDA source: the emulator or the definition notices.

A survivor is listed with its reason. A barrier that nothing misses is no survivor: it is deleted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files

import numpy as np
import pytest
from emulator import COMPILER, Array, EmulationError
from kernel_mutants import CHOSEN, mutants, with_every_mutant
from layer_cases import assert_equal, numbers
from layer_devices import EmulatedDevice
from test_convolution_kernels import way

from nnpg_kernels import Window, definition, numpy_backend
from nnpg_kernels.cuda import convolution, pooling
from nnpg_kernels.cuda.sources import HEADERS, LAYERS, kernels, source

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs g++")

SHARE = 4  # slow tests try every fourth mutant, `make mutants` all
SURVIVORS = {
    "device.cuh": {"__syncthreads(); -> nothing": "is compiled for devices without clusters alone"},
    "conv_delta.cu": {"!any -> false": "saves time: a pixel that no window sees adds zeros"},
}
DIRECT = (
    Window((3, 2), (2, 2), (1, 2, 0, 1), (1, 2)),
    (7, 17),
    3,
    2,
    3,
    5,
)  # with N, groups, channels and filters of a group
TILED = Window((2, 2), (1, 1), (1, 0, 0, 1)), (6, 8), 3, 2, 18, 18


@cache
def example(tiled: bool) -> tuple[Array, Array, Array, Array]:
    """Images, weights, biases and the deltas of two seeds, in float64."""
    window, shape, N, groups, C, F = TILED if tiled else DIRECT
    x, W = numbers(N, groups * C, *shape, dtype="float64"), numbers(groups * F, C, *window.size, dtype="float64")
    delta = numbers(2, N, groups * F, *window.output_shape(*shape), dtype="float64", seed=1)
    return x, W, numbers(groups * F, dtype="float64"), delta


@cache
def right(name: str, tiled: bool) -> Array:
    (window, shape, _, groups, _, _), (x, W, b, delta) = TILED if tiled else DIRECT, example(tiled)
    if name == "forward":
        return numpy_backend.conv_forward(x, W, b, window, groups)
    if name == "delta":
        return numpy_backend.conv_delta(delta, W, window, groups, shape)
    return numpy_backend.conv_gradient(delta, x, window, groups)


def check_convolution(device: EmulatedDevice, name: str) -> None:
    """The forward pass, the delta or the gradient, computed in each way."""
    ways = [(False, False, 3, 4), (False, True, 1, 4), (True, False, 5, 4)]
    ways += [(False, four, 1, 0) for four in (False, True)] if name == "delta" else []
    for tiled, four, parts, few in ways:
        window, shape, _, groups, _, _ = TILED if tiled else DIRECT
        x, W, b, delta = (a.astype("f4") for a in example(tiled))
        with way(tiled, four, parts, few):
            if name == "forward":
                result = convolution.conv_forward(device, x, W, b, window, groups)
            elif name == "delta":
                result = convolution.conv_delta(device, delta, W, window, groups, shape)
            else:
                result = convolution.conv_gradient(device, delta, x, window, groups)
        assert_equal(result, right(name, tiled), "float32")


def check_max_pool_forward(device: EmulatedDevice) -> None:
    x = np.round(numbers(2, 3, 6, 7, dtype="float32"))  # with equal pixels
    x[0, 0, :2, :2] = -np.inf
    x[1, 1, 2, 3:5] = np.nan
    window = Window((2, 3), (1, 2), (1, 1, 0, 2), (2, 1))
    for result, expected in zip(
        pooling.max_pool_forward(device, x, window), definition.max_pool_forward(x, window), strict=True
    ):
        np.testing.assert_array_equal(result, expected)


def check_max_pool_delta(device: EmulatedDevice) -> None:
    window, x = Window((2, 3), (1, 2), (1, 1, 0, 2), (2, 1)), numbers(2, 3, 6, 7, dtype="float32")
    y, winner = definition.max_pool_forward(x, window)
    delta = numbers(2, *y.shape, dtype="float32", seed=1)
    dx = definition.max_pool_delta(delta.astype("f8"), winner, window, (6, 7))
    assert_equal(pooling.max_pool_delta(device, delta, winner, window, (6, 7)), dx, "float32")


def check_avg_pool_forward(device: EmulatedDevice) -> None:
    window, x = Window((2, 3), (1, 2), (1, 1, 0, 2), (2, 1)), numbers(2, 3, 6, 7, dtype="float32")
    expected = definition.avg_pool_forward(x.astype("f8"), window)
    assert_equal(pooling.avg_pool_forward(device, x, window), expected, "float32")


def check_avg_pool_delta(device: EmulatedDevice) -> None:
    window = Window((2, 3), (1, 2), (1, 1, 0, 2), (2, 1))
    delta = numbers(2, 2, 3, *window.output_shape(6, 7), dtype="float32")
    dx = definition.avg_pool_delta(delta.astype("f8"), window, (6, 7))
    assert_equal(pooling.avg_pool_delta(device, delta, window, (6, 7)), dx, "float32")


CHECKS: dict[str, Callable[[EmulatedDevice], None]] = {
    "conv_forward.cu": lambda device: check_convolution(device, "forward"),
    "conv_delta.cu": lambda device: check_convolution(device, "delta"),
    "conv_gradient.cu": lambda device: check_convolution(device, "gradient"),
    "max_pool_forward.cu": check_max_pool_forward,
    "max_pool_delta.cu": check_max_pool_delta,
    "avg_pool_forward.cu": check_avg_pool_forward,
    "avg_pool_delta.cu": check_avg_pool_delta,
}


def text_of(file: str) -> str:
    return (files("nnpg_kernels.cuda") / file).read_text()


def instances(file: str) -> tuple[str, ...]:
    """Return the kernels of a file, or of all files for a header, that compute in float with the smallest winners."""
    named = [name for name in kernels() if "<float" in name and not name.endswith((",short>", ",int>"))]
    defined = set(re.findall(r"(\w+)\(\s*const T\*", text_of(file)))
    return tuple(name for name in named if file in HEADERS or name.split("<")[0] in defined)


def noticed(file: str, device: EmulatedDevice) -> bool:
    """Whether the checks of a file fail on a device that has a mutant of it; one that does not compile is an error."""
    try:
        for checked in [file] if file in LAYERS else LAYERS:
            CHECKS[checked](device)
    except (EmulationError, AssertionError):
        return True
    return False


def device_of(file: str, text: str) -> EmulatedDevice:
    """Return a device that has another text in place of a file."""
    changed = source().replace(text_of(file), text)
    assert changed != source()
    return EmulatedDevice(changed, instances(file), seconds=10)


@pytest.mark.parametrize("file", LAYERS)
def test_a_source_without_a_change_passes_its_checks(file: str) -> None:
    CHECKS[file](EmulatedDevice())


@pytest.mark.parametrize("file", LAYERS)
def test_no_two_threads_read_and_write_a_number_without_a_barrier_between(file: str) -> None:
    CHECKS[file](EmulatedDevice(races=True))


def survivors_of(file: str, share: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Return the mutants of a file that nothing notices, each with its line; of every `share`-th one."""
    monkeypatch.setenv("NNPG_MUTANT", "-1")
    device = device_of(file, CHOSEN + with_every_mutant(text_of(file)))
    assert not noticed(file, device), "without a mutant, the checks pass"
    survivors = []
    for n, mutant in list(enumerate(mutants(text_of(file))))[::share]:
        monkeypatch.setenv("NNPG_MUTANT", str(n))
        device.restart()
        if not noticed(file, device):
            survivors.append((mutant.line, str(mutant)))
    device.discard()
    return survivors


with_mutants = pytest.mark.parametrize("file", [file for file in (*HEADERS, *LAYERS) if any(mutants(text_of(file)))])


@pytest.mark.slow
@with_mutants
def test_a_share_of_the_mutants_of_a_source_is_noticed(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    survivors = survivors_of(file, SHARE, monkeypatch)
    assert [survivor for survivor in survivors if survivor[1] not in SURVIVORS.get(file, {})] == []


@pytest.mark.mutants
@with_mutants
def test_every_mutant_of_a_source_is_noticed(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    survivors, expected = survivors_of(file, 1, monkeypatch), SURVIVORS.get(file, {})
    assert [survivor for survivor in survivors if survivor[1] not in expected] == [], "nothing notices these"
    assert set(expected) <= {name for _, name in survivors}, "these are noticed: take them out of SURVIVORS"


def test_a_missing_barrier_of_a_tile_is_noticed() -> None:
    barrier = next(mutant for mutant in mutants(text_of("conv_forward.cu")) if mutant.before == "__syncthreads();")
    device = device_of("conv_forward.cu", barrier.text)
    assert noticed("conv_forward.cu", device)
    device.discard()


def test_there_are_mutants_of_every_kind() -> None:
    """Each barrier, each part of a test, each limit: as many as a reader counts."""
    text = """
    int n = min(a, f(b, c)), rows = seen ? s.rows : 0;
    bool real = a < b && (c < d || e < f);
    for (int k = 0; k < n && real; ++k) x[k] = y[p] < 3 ? z[p] : T(0);
    __syncthreads();
    if (n < 0 || n > 5) return;
    if (n < 3) y[n] = f(n ? 1 : 2);
    """
    assert [str(mutant) for mutant in mutants(text)] == [
        "__syncthreads(); -> nothing",
        *("n < 0 -> false", "n > 5 -> false", "n < 3 -> true"),
        *("seen -> true", "y[p] < 3 -> true", "n -> true"),
        *("a < b -> true", "c < d -> false", "e < f -> false"),
        *("k < n -> true", "real -> true"),
        "min(a, f(b, c)) -> a",
    ]
