"""The floors of the CUDA kernels: what they count, and the command that prints them."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.commands import app
from benchmarks.floors import floors
from benchmarks.measuring.work import Ledger, Work
from benchmarks.workloads import choose
from nnpg_kernels import Window
from nnpg_kernels.cuda import convolution, pooling
from nnpg_kernels.definition import window_positions

WINDOW = Window((2, 3), (2, 1), (1, 0, 2, 1), (1, 2))


def test_the_operations_are_those_of_the_definition() -> None:
    """Two for each step of its loops, and the bytes are those of the arrays."""
    N, groups, C, F, shape = 3, 2, 3, 4, (6, 7)
    pairs = len(list(window_positions(WINDOW, shape)))
    x, W = np.empty((N, groups * C, *shape), "f4"), np.empty((groups * F, C, 2, 3), "f4")
    b, y = np.empty(groups * F, "f4"), np.empty((N, groups * F, *WINDOW.output_shape(*shape)), "f4")
    delta = np.empty((5, *y.shape), "f4")
    ledger = Ledger()
    convolution.conv_forward(ledger, x, W, b, WINDOW, groups)
    convolution.conv_delta(ledger, delta, W, WINDOW, groups, shape)
    convolution.conv_gradient(ledger, delta, x, WINDOW, groups)
    steps = 2 * N * groups * F * C * pairs
    assert [work.operations for work in ledger.works] == [steps, 5 * steps, 5 * steps]
    moved = [x.nbytes + W.nbytes + b.nbytes + y.nbytes]
    moved += [delta.nbytes + W.nbytes + 5 * x.nbytes, delta.nbytes + x.nbytes + 5 * W.nbytes]
    assert [work.bytes for work in ledger.works] == moved


def test_pooling_reads_each_pixel_of_a_window_once() -> None:
    ledger, x = Ledger(), np.empty((2, 3, 6, 7))
    y, winner = pooling.max_pool_forward(ledger, x, WINDOW)
    pooling.max_pool_delta(ledger, y, winner, WINDOW, (6, 7))
    assert [work.operations for work in ledger.works] == 2 * [6 * len(list(window_positions(WINDOW, (6, 7))))]
    assert [work.bytes for work in ledger.works] == 2 * [x.nbytes + y.nbytes + winner.nbytes]


def test_a_gradient_in_parts_adds_them_up() -> None:
    ledger = Ledger()
    delta, x = np.empty((64, 5, 56, 56), "f4"), np.empty((64, 1, 60, 60), "f4")
    convolution.conv_gradient(ledger, delta, x, Window((5, 5)))
    parts, total = ledger.works
    assert total.kernel == "sum_of_parts<float>"
    assert total.operations == total.bytes // 4 - 125 == parts.blocks // 2 * 125


def test_the_slower_of_memory_and_arithmetic_is_the_floor() -> None:
    work = Work("conv_forward_tiled<float>", 1, 128, 1000, 5000)
    assert work.floor(1e3, 1e6) == 1
    assert work.floor(1e6, 1e3) == 5


def test_a_workload_has_the_launches_of_its_layers() -> None:
    (faces,) = choose("W1-b32")
    found = list(floors(faces))
    assert {floor.layer for floor in found} == {"conv1", "pool1", "conv2", "pool2", "conv3", "pool3"}
    first = next(floor.work for floor in found if floor.layer == "conv1")
    assert first.operations == 2 * 32 * 5 * 25 * 56 * 56


def test_the_command_prints_them() -> None:
    answer = CliRunner().invoke(app, ["floors", "--bandwidth", "1000", "--rate", "20000", "--only", "W1-b1"])
    assert answer.exit_code == 0
    assert "at 1000 GB/s and 20000 GFLOP/s" in answer.output
    assert answer.output.count("max_pool_forward<float,signed char>") == 3


@pytest.mark.parametrize("words", [["--bandwidth", "0", "--rate", "1"], ["--rate", "1"]])
def test_a_device_without_a_rate_is_an_error(words: list[str]) -> None:
    assert CliRunner().invoke(app, ["floors", *words]).exit_code == 2
