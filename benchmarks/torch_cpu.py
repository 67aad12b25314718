"""PyTorch on the CPU at its best: both layouts, one and more threads, fused SGD, weights without autograd where it can.

`torch.compile` is left out: it was slower than eager mode on every one of these workloads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.contender import Answer, Contender, cores
from benchmarks.ours import training_answer
from benchmarks.workloads import Architecture, Workload

torch: Any = import_module("torch")  # optional, so the type checker does not read it
F: Any = torch.nn.functional

Parameters = list[tuple[Any, Any]]  # (W, b) of each layer


def contenders(workload: Workload, only: str | None = None) -> list[Contender]:
    """Prepare a workload in every layout and number of threads, or the one contender of that name."""
    make = MAKE[workload.kind]
    layouts = ("nchw", "channels_last") if workload.net.blocks else ("",)
    result = []
    for layout in layouts:
        for threads in sorted({1, min(2, cores()), cores()}):
            name = " ".join(filter(None, ("torch", layout, f"{threads}t")))
            if only in (None, name):
                call, answer = make(workload, layout)
                result.append(Contender(name, call, answer, partial(torch_threads, threads)))
    return result


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """Let PyTorch use n threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _prepared(workload: Workload, layout: str) -> tuple[Parameters, Any, Any]:
    """Weights, images and labels; images and filters in their layout before any time is taken."""
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format

    def tensor(a: Any) -> Any:
        return torch.tensor(a).contiguous(memory_format=memory_format) if a.ndim == 4 else torch.tensor(a)

    x, t = workload.inputs()
    return [(tensor(W), tensor(b)) for W, b in workload.weights()], tensor(x), torch.tensor(t)


def _block(net: Architecture, P: Parameters, i: int, x: Any) -> Any:
    block, act = net.blocks[i], getattr(torch, net.activation)
    y = act(F.conv2d(x, *P[i], padding=block.padding, stride=block.stride))
    return F.max_pool2d(y, block.pool, block.pool_stride) if block.pool > 1 else y


def _probabilities(net: Architecture, P: Parameters, x: Any) -> Any:
    for i in range(len(net.blocks)):
        x = _block(net, P, i, x)
    return torch.softmax(_head(net, P, x), 1)


def _head(net: Architecture, P: Parameters, x: Any) -> Any:
    """From the last block's output, or the input, to the logits."""
    act, x = getattr(torch, net.activation), x.flatten(1)
    for W, b in P[len(net.blocks) : -1]:
        x = act(F.linear(x, W, b))
    return F.linear(x, *P[-1])


def _train(workload: Workload, layout: str) -> tuple[Callable[[], float], Callable[[], Answer]]:
    net = workload.net
    P, x, t = _prepared(workload, layout)
    flat = [p.requires_grad_() for layer in P for p in layer]
    optimiser = torch.optim.SGD(flat, lr=workload.lr, momentum=workload.momentum, fused=True)

    def call() -> float:
        optimiser.zero_grad(set_to_none=True)
        y = x
        for i in range(len(net.blocks)):
            y = _block(net, P, i, y)
        loss = F.cross_entropy(_head(net, P, y), t)
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    def parameters() -> Answer:
        names = [f"{p}{i}" for i in range(1, len(P) + 1) for p in ("W", "b")]
        return {name: a.detach().numpy().copy() for name, a in zip(names, flat, strict=True)}

    return call, partial(training_answer, call, parameters)


def _jacobian(workload: Workload, layout: str) -> tuple[Callable[[], list[Any]], Callable[[], Answer]]:
    """The classes in a loop over one graph: faster than `is_grads_batched`; the first block needs no graph at all."""
    net = workload.net
    P, x, _ = _prepared(workload, layout)

    def call() -> list[Any]:
        outputs = [_block(net, P, 0, x).requires_grad_()]
        for i in range(1, len(net.blocks)):
            outputs.append(_block(net, P, i, outputs[-1]))
        y = torch.softmax(_head(net, P, outputs[-1]), 1)
        return [torch.autograd.grad(y[:, c].sum(), outputs, retain_graph=c < net.K - 1) for c in range(net.K)]

    def answer() -> Answer:
        by_block = zip(*call(), strict=True)
        return {f"block {i}": torch.stack(rows).numpy() for i, rows in enumerate(by_block, 1)}  # (S, N, F, H, W)

    return call, answer


def _sweep(workload: Workload, layout: str) -> tuple[Callable[[], Any], Callable[[], Answer]]:
    """Knock-outs that run again only what comes after them; the intact blocks are computed once for all identities."""
    net, orders = workload.net, workload.orders()
    P, x, _ = _prepared(workload, layout)
    B = len(net.blocks)

    def logits() -> Any:
        intact = [_block(net, P, 0, x)]
        for i in range(1, B):
            intact.append(_block(net, P, i, intact[-1]))
        first = _head(net, P, intact[-1])
        curves = []
        for order in orders:
            masks = [torch.ones(1, block.filters, 1, 1) for block in net.blocks]
            outputs, curve = list(intact), [first]  # outputs[i]: of block i, before its own mask
            for b, f in order:
                masks[b][0, f] = 0
                for i in range(b + 1, B):
                    outputs[i] = _block(net, P, i, outputs[i - 1] * masks[i - 1])
                curve.append(_head(net, P, outputs[-1] * masks[-1]))
            curves.append(torch.stack(curve))
        return torch.stack(curves)  # (identities, T + 1, N, K)

    def call() -> Any:
        with torch.inference_mode():
            return logits().argmax(-1)

    def answer() -> Answer:
        with torch.inference_mode():
            return {"logits": logits().numpy()}

    return call, answer


def _predict(workload: Workload, layout: str) -> tuple[Callable[[], Any], Callable[[], Answer]]:
    P, x, _ = _prepared(workload, layout)

    def call() -> Any:
        with torch.inference_mode():
            return _probabilities(workload.net, P, x)

    return call, lambda: {"probabilities": call().numpy()}


def _saliency(workload: Workload, layout: str) -> tuple[Callable[[], Any], Callable[[], Answer]]:
    P, x, t = _prepared(workload, layout)
    x.requires_grad_()

    def call() -> Any:
        y = _probabilities(workload.net, P, x)
        return torch.autograd.grad(y.gather(1, t[:, None]).sum(), x)[0]

    return call, lambda: {"dy/dx": call().numpy()}


MAKE = {"train": _train, "jacobian": _jacobian, "sweep": _sweep, "predict": _predict, "saliency": _saliency}
