"""Layers of PyTorch one at a time: what cuDNN computes, without autograd."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.gpu.contender import Taken, event_clock, host_clock
from benchmarks.gpu.rivals import torch_device
from benchmarks.torch_networks import F, memory_format, torch
from nnpg_kernels import Array, Window


def passes(window: Window, arrays: tuple[Array, ...], layout: str, on: str) -> dict[str, Callable[[], Any]]:
    """Return the passes of a layer: a convolution, or pooling where the weights are empty.

    Parameters
    ----------
    window : Window
    arrays : x, W, b and a delta of the output
    layout : "nchw" or "channels_last"
    on : "cuda" or "cpu"
    """
    aten = torch.ops.aten
    stride, padding = list(window.stride), [window.padding[0], window.padding[2]]
    tensors = [torch.tensor(a, device=on) for a in arrays]
    x, W, b, delta = (a.contiguous(memory_format=memory_format(layout)) if a.ndim == 4 else a for a in tensors)
    if len(W):

        def backward(wanted: list[bool]) -> Any:
            rest = (None, stride, padding, [1, 1], False, [0, 0], 1, wanted)
            return aten.convolution_backward(delta, x, W, *rest)[wanted.index(True)]

        return {
            "forward": lambda: F.conv2d(x, W, b, stride, padding),
            "delta": partial(backward, [True, False, False]),
            "gradient": partial(backward, [False, True, False]),
        }
    size = list(window.size)
    _, winner = aten.max_pool2d_with_indices(x, size, stride)
    rest = (size, stride, [0, 0], [1, 1], False, winner)
    return {
        "forward": lambda: aten.max_pool2d_with_indices(x, size, stride)[0],
        "delta": lambda: aten.max_pool2d_with_indices_backward(delta, x, *rest),
    }


def exact(work: Callable[[], Any]) -> Callable[[], Any]:
    """Return the same pass by an algorithm that cuDNN promises to be deterministic, and does not search for."""

    def run() -> Any:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            return work()

    return run


def taker(work: Callable[[], Any], calls: int, on: str) -> Callable[[int], Taken]:
    """Capture so many calls in one graph; return what times one of them."""

    def several() -> Any:
        for _ in range(calls):
            result = work()
        return result

    run = torch_device.captured(several, on)
    if on == "cuda":
        return event_clock(run, torch_device.event, calls)
    return host_clock(run, lambda: None, calls)
