"""Graphs: launches that are captured once and replayed, on a stream of their own."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from nnpg_kernels.cuda.resident.training.graphs import Replays

pytestmark = pytest.mark.gpu

CUPY = pytest.importorskip("cupy") if os.environ.get("NNPG_CUDA") else None

KERNEL = """
__global__ void add(const float* x, float* y, float factor, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] += factor * x[i];
}
"""


class Adding:
    """y += factor x on the device, as a launch."""

    def __init__(self) -> None:
        kernel = CUPY.RawModule(code=KERNEL, options=("--std=c++17",), name_expressions=["add"]).get_function("add")
        self.kernel, self.x, self.y = kernel, CUPY.arange(50, dtype="f4"), CUPY.zeros(50, "f4")
        self.launch(0.0)  # a capture takes no kernel that has not run

    def launch(self, factor: float) -> None:
        self.kernel((2,), (32,), (self.x, self.y, np.float32(factor), np.int32(50)))


def test_a_graph_runs_as_often_as_it_is_replayed() -> None:
    adding, replays = Adding(), Replays(CUPY)
    replays.begin()
    graph = replays.capture(lambda: [adding.launch(1.0), adding.launch(2.0)])
    replays.replay(graph, 3)
    replays.replay(graph)
    replays.wait()
    np.testing.assert_array_equal(adding.y.get(), 12 * np.arange(50))
    assert (replays.captures, replays.replays) == (1, 4)


@pytest.mark.emulated("a device may be fast enough to be ready before it is waited for")
def test_what_a_stream_does_is_seen_after_waiting_for_it() -> None:
    adding, replays = Adding(), Replays(CUPY)
    graph = replays.capture(lambda: adding.launch(1.0))
    replays.replay(graph)
    assert not adding.y.get().any()
    np.testing.assert_array_equal(adding.y.get(stream=replays.stream), np.arange(50))


def test_an_order_is_set_after_the_replays_before_it() -> None:
    adding, replays = Adding(), Replays(CUPY)
    replays.begin()
    graph = replays.capture(lambda: adding.launch(1.0))
    for factor in (1, 10):
        adding_x = factor * np.arange(50, dtype="f4")
        adding.x.set(adding_x, stream=replays.stream)
        replays.replay(graph, 2)
    replays.wait()
    np.testing.assert_array_equal(adding.y.get(), 22 * np.arange(50))


def test_an_error_in_a_capture_leaves_the_stream_as_it_was() -> None:
    adding, replays = Adding(), Replays(CUPY)

    def wrong() -> None:
        adding.launch(1.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replays.capture(wrong)
    assert replays.captures == 0
    replays.begin()
    replays.replay(replays.capture(lambda: adding.launch(4.0)))
    replays.wait()
    np.testing.assert_array_equal(adding.y.get(), 4 * np.arange(50))


def test_two_threads_capture_at_once() -> None:
    """Each in the mode of its thread: neither sees the other's launches, and both may make arrays meanwhile."""
    both, results = threading.Barrier(2), {}

    def run(factor: float) -> None:
        adding, replays = Adding(), Replays(CUPY)

        def launches() -> None:
            both.wait(timeout=60)
            adding.launch(factor)
            both.wait(timeout=60)

        graph = replays.capture(launches)
        replays.begin()
        replays.replay(graph, 2)
        replays.wait()
        results[factor] = adding.y.get()

    threads = [threading.Thread(target=run, args=(factor,)) for factor in (1.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    for factor in (1.0, 3.0):
        np.testing.assert_array_equal(results[factor], 2 * factor * np.arange(50))


def _on_the_default_stream(adding: Adding) -> None:
    with CUPY.cuda.Stream.null:
        adding.launch(1.0)


@pytest.mark.emulated("a device runs it, beside the graph")
def test_a_launch_on_another_stream_is_no_part_of_a_graph() -> None:
    adding, replays = Adding(), Replays(CUPY)
    with pytest.raises(RuntimeError, match="another stream than the one that captures"):
        replays.capture(lambda: _on_the_default_stream(adding))
