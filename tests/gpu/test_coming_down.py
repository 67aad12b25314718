"""Arrays that come down from a device: into memory that the driver knows, beside the work that goes on."""

from __future__ import annotations

import gc
from typing import Any
from unittest import mock

import numpy as np
import pytest
from resident_networks import images, network
from stand_in.counts import counted

import nnpg
from nnpg_kernels.cuda import down

pytestmark = pytest.mark.gpu


@pytest.fixture
def xp() -> Any:
    return nnpg.load_backend("cupy").xp


def test_large_arrays_lie_in_memory_of_the_driver_until_no_view_is_left(xp: Any) -> None:
    gc.collect()
    before = down.held()
    large = down.host_array(xp, (4, down.LARGE), "f4")
    view = large[1:, ::2]
    assert down.held() == before + large.nbytes
    del large
    gc.collect()
    assert down.held() > before
    del view
    gc.collect()
    assert down.held() == before
    assert down.host_array(xp, (3,), "f8").flags.owndata


def test_no_more_of_it_is_held_than_is_allowed(xp: Any) -> None:
    with mock.patch.object(down, "HELD_AT_MOST", 0):
        assert down.host_array(xp, (down.LARGE,), "f4").flags.owndata


def test_memory_that_cannot_be_had_is_not_counted(xp: Any) -> None:
    before = down.held()
    with mock.patch.object(xp.cuda, "alloc_pinned_memory", side_effect=MemoryError), pytest.raises(MemoryError):
        down.host_array(xp, (down.LARGE,), "f4")
    assert down.held() == before


def test_leaving_waits_for_all_copies(xp: Any) -> None:
    a, host = xp.arange(8.0), np.zeros(8)
    with down.Down(xp, a, host) as copies:
        copies.bring(0, 4)
        copies.bring(4, 8)
    np.testing.assert_array_equal(host, np.arange(8.0))


@pytest.mark.emulated("only the stand-in does nothing before it must")
def test_copies_do_not_come_before_they_are_waited_for(xp: Any) -> None:
    a, host = xp.arange(8.0), np.zeros(8)
    with down.Down(xp, a, host) as copies:
        copies.bring(0, 8)
        assert not host.any()
    assert host.any()


def test_a_result_comes_down_in_parts_of_its_classes() -> None:
    net, x = network("faces", "float32"), images("faces", "float32", 2)
    whole = nnpg.prediction_gradient(net, x)
    with mock.patch("nnpg_kernels.cuda.resident.numbers.SEEDS", (8,)):
        parts = nnpg.prediction_gradient(net, x)
    for layer, delta in whole.deltas.items():
        assert type(parts[layer]) is np.ndarray
        np.testing.assert_array_equal(parts[layer], delta)


@pytest.mark.emulated("counts crossings")
def test_gradients_of_images_of_a_device_wait_for_no_program() -> None:
    """Whether the images are finite comes down while the program runs; deltas that stay do not come down."""
    net = network("one of each", "float32")
    x = net.backend.asarray(images("one of each", "float32"))
    with counted() as counts:
        nnpg.prediction_gradient(net, x, layers="input")
    assert counts.down == 2


def test_bits_do_not_depend_on_company_nor_on_how_many_classes_go_back_together() -> None:
    net, x = network("one of each", "float32"), images("one of each", "float32")
    together = nnpg.prediction_gradient(net, x, layers=("input", "relu1"))
    for layer in ("input", "relu1"):
        for c in range(net.K):
            one = nnpg.prediction_gradient(net, x[c : c + 1], layers=("input", "relu1"), classes=c)
            np.testing.assert_array_equal(one[layer][0], together[layer][c, c])
