"""A call on very many numbers: the same answer, errors and settings, and Ctrl-C ends the wait for it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import nnpg
from nnpg.support import waiting
from nnpg.support.waiting import BIG, waited_for
from nnpg_kernels import use_threads
from nnpg_kernels.threads import thread_count

LARGE = np.zeros(BIG // 8)


def test_a_large_call_runs_in_a_thread_of_its_own_and_a_small_one_here() -> None:
    assert waited_for(threading.current_thread, size=LARGE) is not threading.current_thread()
    assert waited_for(threading.current_thread, size=LARGE[1:]) is threading.current_thread()
    assert waited_for(threading.current_thread, size=None) is threading.current_thread()


def test_errors_and_settings_are_those_of_the_caller() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        waited_for(fail, size=LARGE)
    with use_threads(3):
        assert waited_for(thread_count, size=LARGE) == 3
    with np.errstate(divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert waited_for(lambda: np.ones(1) / np.zeros(1), size=LARGE)[0] == np.inf
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        waited_for(lambda: np.ones(1) / np.zeros(1), size=LARGE)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_the_passes_are_the_same_bits(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = nnpg.build(
        [nnpg.conv(2, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
        input_shape=(1, 8, 8),
        rng=0,
        backend=backend,
    )
    x = np.random.default_rng(0).random((5, 1, 8, 8), np.float32)

    def passes():
        trace = net.forward(x)
        deltas = net.backward(trace, np.ones((5, 3), np.float32))
        gradients = net.gradients(trace, deltas)
        return [
            *trace.outputs.values(),
            *deltas.values(),
            *(g for of_layer in gradients.values() for g in of_layer.values()),
        ]

    before = passes()
    monkeypatch.setattr(waiting, "BIG", 0)
    for a, b in zip(passes(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_ctrl_c_ends_a_forward_pass_over_a_hundred_thousand_images() -> None:
    net = nnpg.build(
        [nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(400), nnpg.Sigmoid(), nnpg.Softmax()],
        input_shape=(1, 20, 20),
        rng=0,
        backend="numpy",
    )
    x = np.ones((100_000, 1, 20, 20), np.float32)
    sent: list[float] = []

    def send() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    def passes() -> None:
        for _ in range(100):
            net.forward(x)

    threading.Timer(0.1, send).start()
    with pytest.raises(KeyboardInterrupt):
        passes()
    assert time.monotonic() - sent[0] < 1
