"""No public function crosses or waits more often than docs/gpu-costs.md and the rules of docs/gpu.md say."""

from __future__ import annotations

from typing import Any
from unittest import mock

import costs
import numpy as np
import pytest
from costs import Cost, cost, counts_of
from repeats import of_each, repeated
from stand_in.counts import counted

import nnpg
from nnpg import SGD

pytestmark = [pytest.mark.gpu, pytest.mark.emulated("a device does not count")]

LISTED, TABLE, REPEATED = costs.listed(), costs.read(), costs.read_repeated()


@pytest.mark.parametrize("data", [False, True], ids=["host", "device"])
@pytest.mark.parametrize("name", LISTED)
def test_a_function_costs_what_the_table_says(name: str, data: bool) -> None:
    counts, row = counts_of(LISTED[name], data=data), TABLE[name]
    allowed = row.device if data else row.host
    if allowed is None:
        return
    if costs.SEARCHES.match(name):
        most = [2 * number + 2 for number in allowed]
        assert all(a <= b for a, b in zip(cost(counts), most, strict=True)), f"the table says {allowed}, not\n{counts}"
        assert data or counts.operations <= 2 * row.operations
    else:
        assert cost(counts) == allowed, f"the table says {allowed}, not\n{counts}\nif that is right: make gpu-costs"
        assert data or counts.operations == row.operations, "if that is right: make gpu-costs"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if "boundary" in name else name for name in REPEATED]
)
def test_what_is_repeated_costs_what_the_table_says(name: str) -> None:
    allowed, found = REPEATED[name], of_each(*repeated()[name])
    assert found[1:] == allowed[1:]
    assert found.down + found.waits <= 2
    assert found.operations <= 1.1 * allowed.operations, "if that is right: make gpu-costs"


def test_the_table_has_no_other_rows() -> None:
    assert set(TABLE) == set(LISTED)
    assert set(REPEATED) == set(repeated())


def test_the_three_passes_of_device_arrays_do_not_wait(net: Any, x: Any) -> None:
    k = net.backend
    x, seed = k.asarray(x), k.xp.ones((12, 3), np.float32)
    with counted() as counts:
        trace = net.forward(x)
        deltas = net.backward(trace, seed)
        SGD(lr=0.1, momentum=0.5).step(net, net.gradients(trace, deltas), SGD(lr=0.1).start(net))
    assert counts.lines == {}, str(counts)


def test_one_step_of_device_arrays_does_not_wait(net: Any, x: Any, labels: Any) -> None:
    k, loss = net.backend, nnpg.losses.softmax_cross_entropy(net)
    x, labels = k.asarray(x), k.asarray(labels)
    with counted() as counts:
        nnpg.training.step(net, x, labels, loss, SGD(lr=0.1), SGD(lr=0.1).start(net))
    assert counts.lines == {}, str(counts)


@pytest.mark.parametrize("batch", [2, 5, 12])
def test_images_go_up_once_a_call(net: Any, x: Any, batch: int, labels: Any) -> None:
    with counted() as counts:
        nnpg.predict(net, x, batch=batch)
    assert cost(counts) == Cost(1, 1, 0), str(counts)
    batches = -(-12 // batch)
    with counted() as counts:
        nnpg.class_gradient(net, x, labels, batch=batch)
    # the images and their labels go up; the sums come down together
    assert cost(counts) == Cost(2, 1, 0), str(counts)
    filters = [("pool1", 0), ("pool1", 1)]
    with counted() as counts:
        nnpg.knock_out_curve(net, x, labels, filters, batch=batch)
    assert cost(counts) == Cost(1 + batches, batches, 0), str(counts)


@pytest.mark.parametrize("epochs", [1, 4])
@pytest.mark.parametrize("batch", [2, 12])
def test_a_training_sends_one_order_up_an_epoch_and_its_results_down_at_once(
    net: Any, x: Any, epochs: int, batch: int, labels: Any
) -> None:
    """Up besides: the images, the labels, and which parameters each block of threads updates."""
    with counted() as counts:
        nnpg.train(net, x, labels, epochs=epochs, batch=batch, rng=0, optimiser=SGD(lr=0.1, momentum=0.9))
    assert cost(counts) == Cost(3 + epochs, epochs, 0), str(counts)


@pytest.mark.parametrize("epochs", [1, 4])
@pytest.mark.parametrize("batch", [2, 12])
def test_a_training_by_layers_sends_one_order_up_an_epoch_and_two_results_down(
    net: Any, x: Any, epochs: int, batch: int, labels: Any
) -> None:
    layered = net.replace("pool1", nnpg.AvgPool(2))
    with mock.patch("nnpg.training.LOOK", costs.FOREVER), counted() as counts:
        nnpg.train(layered, x, labels, epochs=epochs, batch=batch, rng=0, optimiser=SGD(lr=0.1, momentum=0.9))
    assert cost(counts) == Cost(2 + epochs, 2 * epochs, 0), str(counts)


def test_losses_come_down_as_often_as_is_said(net: Any, x: Any, labels: Any) -> None:
    """Each step takes a second of this clock, and the losses come down every three."""
    clock, layered = iter(range(10_000)), net.replace("pool1", nnpg.AvgPool(2))
    timed = mock.patch("nnpg.divergence.time.perf_counter", side_effect=clock)
    with timed, mock.patch("nnpg.training.LOOK", 3), counted() as counts:
        nnpg.train(layered, x, labels, epochs=1, batch=1, rng=0)
    assert 3 <= counts.down <= 6, str(counts)
