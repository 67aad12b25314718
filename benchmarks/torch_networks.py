"""The networks of the workloads in PyTorch, on the CPU or on a GPU, in either layout."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benchmarks.workloads import Architecture, Workload

torch: Any = import_module("torch")  # optional, so the type checker does not read it
F: Any = torch.nn.functional

Parameters = list[tuple[Any, Any]]  # (W, b) of each layer


def layouts(workload: Workload) -> tuple[str, ...]:
    """Return the orders of pixels and channels in which a network can be."""
    return ("nchw", "channels_last") if workload.net.blocks else ("",)


def memory_format(layout: str) -> Any:
    """Return PyTorch's name of a layout."""
    return torch.channels_last if layout == "channels_last" else torch.contiguous_format


def prepared(workload: Workload, layout: str, device: str = "cpu") -> tuple[Parameters, Any, Any]:
    """Return weights, images and labels; images and filters in their layout before any time is taken."""

    def tensor(a: Any) -> Any:
        moved = torch.tensor(a, device=device)
        return moved.contiguous(memory_format=memory_format(layout)) if a.ndim == 4 else moved

    x, t = workload.inputs()
    weights = [(tensor(W), tensor(b)) for W, b in workload.weights()]
    return weights, tensor(x), torch.tensor(t, device=device)


def block(net: Architecture, P: Parameters, i: int, x: Any) -> Any:
    """Compute one block."""
    one, act = net.blocks[i], getattr(torch, net.activation)
    y = act(F.conv2d(x, *P[i], padding=one.padding, stride=one.stride))
    return F.max_pool2d(y, one.pool, one.pool_stride) if one.pool > 1 else y


def probabilities(net: Architecture, P: Parameters, x: Any) -> Any:
    """Go from the images to the probabilities."""
    for i in range(len(net.blocks)):
        x = block(net, P, i, x)
    return torch.softmax(head(net, P, x), 1)


def head(net: Architecture, P: Parameters, x: Any) -> Any:
    """Go from the last block's output, or the input, to the logits."""
    act, x = getattr(torch, net.activation), x.flatten(1)
    for W, b in P[len(net.blocks) : -1]:
        x = act(F.linear(x, W, b))
    return F.linear(x, *P[-1])
