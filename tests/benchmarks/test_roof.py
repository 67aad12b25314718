"""The operations of a workload, counted one multiply-add at a time."""

from __future__ import annotations

from benchmarks.measuring.roof import operations
from benchmarks.workloads import Architecture, Block, Workload

NET = Architecture((1, 12, 12), (Block(2, 2, size=3), Block(3, 2, size=2)), "tanh", (4, 3))
PLACES = {1: 10 * 10 * 9, 2: 4 * 4 * 4, 3: 2 * 2, 4: 1}  # of a block: pixels of z times those of the window


def multiply_adds(read: int, written: int, block: int) -> int:
    return sum(PLACES[block] for _ in range(read) for _ in range(written))


def test_a_sweep_computes_again_what_comes_after_a_filter_from_the_filters_that_are_left() -> None:
    workload = Workload("sweep", "sweep", NET, 7, identities=3)
    total = 0
    for order in workload.orders():
        assert len(order) == 5
        left = {0: {0, 1}, 1: {0, 1, 2}}
        total += sum(multiply_adds(*sizes) for sizes in ((1, 2, 1), (2, 3, 2), (3, 4, 3), (4, 3, 4)))
        for block, filter_ in order:
            left[block].remove(filter_)
            if block == 0:
                total += multiply_adds(len(left[0]), len(left[1]), 2)
            total += multiply_adds(len(left[1]), 4, 3) + multiply_adds(4, 3, 4)
    assert operations(workload) == 7 * 2 * total


def test_a_step_is_the_forward_pass_its_weight_gradients_and_the_deltas_but_that_of_the_image() -> None:
    forward = [multiply_adds(*sizes) for sizes in ((1, 2, 1), (2, 3, 2), (3, 4, 3), (4, 3, 4))]
    assert operations(Workload("predict", "predict", NET, 2)) == 4 * sum(forward)
    assert operations(Workload("step", "train", NET, 2)) == 4 * (2 * sum(forward) + sum(forward[1:]))
