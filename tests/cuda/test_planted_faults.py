"""The emulator is proved first: it finds each planted fault, for its own reason, and nothing in its twin without it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from emulator import COMPILER, SANITIZED, Array, EmulationError, Function, compile_source, launch, unwritten

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs g++")

SOURCE = Path(__file__).with_name("planted.cu")
BITS = "another order of threads and blocks gives other bits"
NUMBERS = "other numbers"  # the launch passes: what is wrong is what it computed


class Fault(NamedTuple):
    """What a kernel computes of x, and what is said of it where it is wrong."""

    says: str
    of_x: Callable[[Array], Array] = lambda x: x
    n: int = 128
    grid: int = 2
    block: int = 64
    cluster: int = 1
    sanitized: str = ""  # where the sanitizers say it in other words
    races: bool = False  # whether only the order of loads and stores shows it


def after_one(size: int) -> Callable[[Array], Array]:
    return lambda x: np.roll(x.reshape(-1, size), -1, axis=1).ravel()


def other_block(x: Array) -> Array:
    return x.reshape(2, -1)[::-1].ravel()


def three_rounds(x: Array) -> Array:
    total = np.zeros_like(x)
    for step in range(3):
        total += after_one(64)(x + np.float32(step))
    return total


def sums(x: Array) -> Array:
    total = np.zeros(2, np.float32)
    for column in x.reshape(2, 64).T:
        total += column
    return np.repeat(total, 64)


def lane_3(x: Array) -> Array:
    lanes = x.reshape(-1, 32).copy()
    lanes[:, :16] = lanes[:, 3:4]
    return lanes.ravel()


RACE = "a race: in different threads, with no barrier between"
OVERFLOW = "AddressSanitizer: heap-buffer-overflow"
FAULTS = {
    "block_barrier": Fault(BITS, after_one(64)),
    "block_barrier_of_a_loop": Fault(BITS, three_rounds),
    "warp_barrier": Fault(BITS, after_one(32)),
    "cluster_barrier": Fault(BITS, other_block, cluster=2),
    "cluster_barrier_at_the_end": Fault(
        "read of dynamic shared memory .* where it may not be", other_block, cluster=2, sanitized="use-after-poison"
    ),
    "cluster_barrier_at_the_start": Fault(
        "write of dynamic shared memory .* where it may not be", other_block, cluster=2, sanitized="use-after-poison"
    ),
    "barrier_in_a_branch": Fault("threads of a block wait at different barriers"),
    "early_return": Fault("1 of 64 threads have returned and never reach this barrier of a block", after_one(64)),
    "two_writers": Fault(BITS),
    "two_blocks_write": Fault(BITS),
    "unwritten_output": Fault(NUMBERS),
    "unwritten_shared_memory": Fault(NUMBERS),
    "read_after_the_end": Fault("a read 1 bytes after the end of the array of argument 0", sanitized=OVERFLOW),
    "read_before_the_start": Fault("a read 4 bytes before the start of the array of argument 0", sanitized=OVERFLOW),
    "write_after_the_end": Fault("a write 1 bytes after the end of the array of argument 1", sanitized=OVERFLOW),
    "write_before_the_start": Fault("a write before the start of the array of argument 1", sanitized=OVERFLOW),
    "write_to_what_is_read_only": Fault("a write of the array of argument 0 where it may not be"),
    "shared_read_after_the_end": Fault("a read 1 bytes after the end of dynamic shared memory", sanitized=OVERFLOW),
    "shared_read_before_the_start": Fault("a read 4 bytes before the start of dynamic shared", sanitized=OVERFLOW),
    "shared_write_after_the_end": Fault("a write 1 bytes after the end of dynamic shared memory", sanitized=OVERFLOW),
    "shared_write_before_the_start": Fault("a write before the start of dynamic shared memory", sanitized=OVERFLOW),
    "fixed_array_written_after_its_end": Fault(
        "a write 1 bytes after the end of an array in shared memory", sanitized="index 2 out of bounds for type"
    ),
    "fixed_array_written_beside": Fault(
        "a write after the end of an array in shared memory", sanitized="index 62 out of bounds for type"
    ),
    "swapped_indices": Fault(NUMBERS, lambda x: x.reshape(2, 8, 8).swapaxes(1, 2).ravel()),
    "unguarded_last_tile": Fault("a read 1 bytes after the end of the array of argument 0", n=100, sanitized=OVERFLOW),
    "padding_filters": Fault(
        "a read 1 bytes after the end of the array of argument 0", lambda x: 2 * x, 7, 2, 4, sanitized=OVERFLOW
    ),
    "order_of_a_sum": Fault(BITS, sums),
    "lane_outside_its_mask": Fault("a shuffle reads lane 20, which is not in its mask", lane_3),
    "shuffle_without_a_lane": Fault(
        "1 of 32 threads have returned and never reach this barrier of a warp",
        lambda x: x.reshape(-1, 2)[:, ::-1].ravel(),
    ),
    "no_end": Fault("it did not end in time"),
    "division_by_zero": Fault(r"signal 8", sanitized="division by zero"),
    "block_of_no_cluster": Fault("there is no block 2 in a cluster of 2", cluster=2),
    "two_writers_of_one_value": Fault(f"{RACE}, .* writes and .* writes byte 396 of", n=100, races=True),
    "value_that_is_written_again": Fault(f"{RACE}, .* writes and .* writes byte 4 of dynamic", races=True),
    "read_by_another_block": Fault(f"{RACE}, .* writes and .* reads byte 0 of the array of argument 1", races=True),
}
NOT_SANITIZED = {"write_to_what_is_read_only"}  # its pages are those of the sanitizer


@pytest.fixture(scope="module")
def kernels() -> dict[str, Function]:
    found = {}
    for races in (False, True):
        names = tuple(f"{n}<{wrong}>" for n, f in FAULTS.items() if f.races == races for wrong in ("false", "true"))
        found |= compile_source(SOURCE.read_text(), names, sanitize=SANITIZED and not races, races=races)
    return found


def run(kernel: Function, fault: Fault) -> None:
    x = np.random.default_rng(0).normal(size=fault.n).astype(np.float32)
    y = unwritten(fault.n, np.float32)
    shared = fault.block * x.itemsize
    launch(kernel, (fault.grid,), (fault.block,), (x, y, np.int32(fault.n)), shared, fault.cluster, seconds=2)
    if not np.array_equal(y, fault.of_x(x)):
        raise EmulationError(NUMBERS)


def lines_of(kernel: str) -> range:
    """Return the numbers of the lines of a kernel."""
    lines = SOURCE.read_text().splitlines()
    first = next(number for number, line in enumerate(lines, 1) if f"void {kernel}(" in line)
    return range(first, next(n for n, line in enumerate(lines[first:], first + 1) if line == "}") + 1)


def test_there_are_as_many_faults_as_kernels() -> None:
    assert re.findall(r"__global__ void (\w+)", SOURCE.read_text()) == list(FAULTS)
    assert all(sum("// FAULT" in SOURCE.read_text().splitlines()[n - 1] for n in lines_of(f)) == 1 for f in FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_without_its_fault_a_kernel_passes(name: str, kernels: dict[str, Function]) -> None:
    run(kernels[f"{name}<false>"], FAULTS[name])


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_for_its_own_reason(name: str, kernels: dict[str, Function]) -> None:
    fault = FAULTS[name]
    if SANITIZED and name in NOT_SANITIZED:
        pytest.skip("the sanitizer has pages of its own")
    with pytest.raises(EmulationError) as error:
        run(kernels[f"{name}<true>"], fault)
    says = (SANITIZED and fault.sanitized) or fault.says
    assert re.search(says, str(error.value)), error.value
    places = re.findall(r"source\.cu(?:, line |:)(\d+)", str(error.value))
    assert all(int(place) in lines_of(name) for place in places[:1]), error.value


def test_what_a_race_alone_shows_gives_the_same_bits_in_every_order() -> None:
    """So that these faults are found for no other reason."""
    names = tuple(f"{name}<true>" for name, fault in FAULTS.items() if fault.races)
    kernels = compile_source(SOURCE.read_text(), names)
    for name in names:
        run(kernels[name], FAULTS[name.removesuffix("<true>")])


RACES = (
    "block_barrier",
    "block_barrier_of_a_loop",
    "warp_barrier",
    "cluster_barrier",
    "two_writers",
    "two_blocks_write",
)


def test_a_missing_barrier_is_a_race_between_two_lines() -> None:
    names = tuple(f"{name}<{wrong}>" for name in RACES for wrong in ("false", "true"))
    kernels = compile_source(SOURCE.read_text(), names, sanitize=False, races=True)
    for name in RACES:
        run(kernels[f"{name}<false>"], FAULTS[name])
        with pytest.raises(EmulationError, match=RACE) as error:
            run(kernels[f"{name}<true>"], FAULTS[name])
        places = re.findall(r"source\.cu, line (\d+)", str(error.value))
        assert len(places) == 2
        assert all(int(place) in lines_of(name) for place in places)


@pytest.mark.slow
def test_sanitizers_say_the_line_of_an_index_error_in_shared_memory() -> None:
    for name in ("fixed_array_written_after_its_end", "shared_write_after_the_end", "shared_read_before_the_start"):
        kernel = compile_source(SOURCE.read_text(), (f"{name}<true>",), sanitize=True)[f"{name}<true>"]
        with pytest.raises(EmulationError) as error:
            run(kernel, FAULTS[name])
        line = next(n for n in lines_of(name) if "// FAULT" in SOURCE.read_text().splitlines()[n - 1])
        assert f"source.cu:{line}" in str(error.value)
        assert FAULTS[name].sanitized in str(error.value)
