"""PyTorch on the CPU at its best: both layouts, one and more threads, fused SGD, weights without autograd where it can.

`torch.compile` is tried on wide nets only: on the other workloads it was slower than eager mode. It needs a C++
compiler; without one it is left out.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.contender import Answer, Contender, cores
from benchmarks.own_training import training_answer
from benchmarks.torch_networks import F, Parameters, block, head, layouts, prepared, probabilities, torch
from benchmarks.workloads import Workload
from nnpg_kernels import Array

Compiled = Callable[[Callable[..., Any]], Callable[..., Any]]  # torch.compile, or the function as it is
Timed = tuple[Callable[[], Any], Callable[[], Answer]]


def contenders(workload: Workload, only: str | None = None) -> list[Contender]:
    """Prepare a workload in every layout and number of threads, or the one contender of that name."""
    make = MAKE[workload.kind]
    result = []
    for layout in layouts(workload):
        for threads in sorted({1, min(2, cores()), cores()}):
            for way in ("", "compile") if _compiles(workload) and threads == cores() else ("",):
                name = " ".join(filter(None, ("torch", layout, way, f"{threads}t")))
                if only in (None, name):
                    call, answer = make(workload, layout, torch.compile if way else lambda f: f)
                    result.append(Contender(name, call, answer, partial(torch_threads, threads)))
    return result


def _compiles(workload: Workload) -> bool:
    return workload.wide and shutil.which(os.environ.get("CXX", "g++")) is not None


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """Let PyTorch use n threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train(workload: Workload, layout: str, compiled: Compiled) -> Timed:
    net = workload.net
    P, x, t = prepared(workload, layout)
    flat = [p.requires_grad_() for layer in P for p in layer]
    optimiser = torch.optim.SGD(flat, lr=workload.lr, momentum=workload.momentum, fused=True)

    @compiled
    def loss_of(P: Parameters, y: Any, t: Any) -> Any:
        for i in range(len(net.blocks)):
            y = block(net, P, i, y)
        return F.cross_entropy(head(net, P, y), t)

    def call() -> float:
        optimiser.zero_grad(set_to_none=True)
        loss = loss_of(P, x, t)
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return call, partial(training_answer, call, partial(_parameters, flat))


def _parameters(flat: list[Any]) -> Answer:
    """Return copies of the weights and biases of all layers, by name."""
    names = [f"{p}{i}" for i in range(1, len(flat) // 2 + 1) for p in ("W", "b")]
    return {name: a.detach().numpy().copy() for name, a in zip(names, flat, strict=True)}


def _selected(workload: Workload, layout: str, compiled: Compiled) -> Timed:
    """A pair of steps of selective dropout on one layer with convolutions: gradients of other units are set to 0."""
    net, n = workload.net, workload.N // 2
    P, x, t = prepared(workload, layout)
    flat = [p.requires_grad_() for layer in P for p in layer]
    optimiser = torch.optim.SGD(flat, lr=workload.lr, fused=True)
    i = int(workload.layer.removeprefix("conv")) - 1
    retained = math.ceil(workload.keep * len(P[i][0]))

    def outputs(x: Any) -> Any:
        for b in range(i + 1):
            x = block(net, P, b, x)
        return x

    def call() -> float:
        with torch.no_grad():
            size = outputs(x).flatten(2).norm(dim=2)
            off = torch.ones(size.shape[1], dtype=torch.bool)
            off[(size[n:] - size[:n]).abs().mean(0).topk(retained).indices] = False
        losses = []
        for images in (x[n:], x[:n]):
            optimiser.zero_grad(set_to_none=True)
            y = outputs(images)
            for b in range(i + 1, len(net.blocks)):
                y = block(net, P, b, y)
            loss = F.cross_entropy(head(net, P, y), t[:n])
            loss.backward()
            for p in P[i]:
                p.grad[off] = 0
            optimiser.step()
            losses.append(float(loss.detach()))
        return losses[0]

    return call, partial(training_answer, call, partial(_parameters, flat))


def _lbfgs(workload: Workload, layout: str, compiled: Compiled) -> Timed:
    """SciPy's L-BFGS with the settings of ours, the mean loss and its gradient by PyTorch, all images at once."""
    net = workload.net
    P, x, t = prepared(workload, layout)
    flat = [p.requires_grad_() for layer in P for p in layer]
    begin = torch.cat([p.detach().reshape(-1) for p in flat]).double().numpy()

    def value_and_gradient(w: Array) -> tuple[float, Array]:
        with torch.no_grad():
            for p, part in zip(flat, torch.tensor(w).split([p.numel() for p in flat]), strict=True):
                p.copy_(part.view_as(p))
        loss = F.cross_entropy(head(net, P, x), t)
        row = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, flat)])
        return float(loss.detach()), row.double().numpy()

    def call() -> list[float]:
        losses: list[float] = []
        options = {"maxiter": workload.steps, "maxcor": 10, "gtol": 1e-6, "ftol": 0.0, "maxfun": 20 * workload.steps}

        def keep(intermediate_result: Any) -> None:
            losses.append(float(intermediate_result.fun))

        minimize(value_and_gradient, begin, jac=True, method="L-BFGS-B", callback=keep, options=options)
        return losses

    return call, lambda: {"loss": np.array(call())}


def _jacobian(workload: Workload, layout: str, compiled: Compiled) -> Timed:
    """The classes in a loop over one graph: faster than `is_grads_batched`; the first block needs no graph at all."""
    net = workload.net
    P, x, _ = prepared(workload, layout)

    def call() -> list[Any]:
        outputs = [block(net, P, 0, x).requires_grad_()]
        for i in range(1, len(net.blocks)):
            outputs.append(block(net, P, i, outputs[-1]))
        y = torch.softmax(head(net, P, outputs[-1]), 1)
        return [torch.autograd.grad(y[:, c].sum(), outputs, retain_graph=c < net.K - 1) for c in range(net.K)]

    def answer() -> Answer:
        by_block = zip(*call(), strict=True)
        return {f"block {i}": torch.stack(rows).numpy() for i, rows in enumerate(by_block, 1)}  # (S, N, F, H, W)

    return call, answer


def _sweep(workload: Workload, layout: str, compiled: Compiled) -> Timed:
    """Knock-outs that run again only what comes after them; the intact blocks are computed once for all identities."""
    net, orders = workload.net, workload.orders()
    P, x, _ = prepared(workload, layout)
    B = len(net.blocks)

    def logits() -> Any:
        intact = [block(net, P, 0, x)]
        for i in range(1, B):
            intact.append(block(net, P, i, intact[-1]))
        first = head(net, P, intact[-1])
        curves = []
        for order in orders:
            masks = [torch.ones(1, one.filters, 1, 1) for one in net.blocks]
            outputs, curve = list(intact), [first]  # outputs[i]: of block i, before its own mask
            for b, f in order:
                masks[b][0, f] = 0
                for i in range(b + 1, B):
                    outputs[i] = block(net, P, i, outputs[i - 1] * masks[i - 1])
                curve.append(head(net, P, outputs[-1] * masks[-1]))
            curves.append(torch.stack(curve))
        return torch.stack(curves)  # (identities, T + 1, N, K)

    def call() -> Any:
        with torch.inference_mode():
            return logits().argmax(-1)

    def answer() -> Answer:
        with torch.inference_mode():
            return {"logits": logits().numpy()}

    return call, answer


def _predict(workload: Workload, layout: str, compiled: Compiled) -> Timed:
    P, x, _ = prepared(workload, layout)
    forward = compiled(partial(probabilities, workload.net))

    def call() -> Any:
        with torch.inference_mode():
            return forward(P, x)

    return call, lambda: {"probabilities": call().numpy()}


def _saliency(workload: Workload, layout: str, compiled: Compiled) -> Timed:
    P, x, t = prepared(workload, layout)
    x.requires_grad_()
    forward = compiled(partial(probabilities, workload.net))

    def call() -> Any:
        y = forward(P, x)
        return torch.autograd.grad(y.gather(1, t[:, None]).sum(), x)[0]

    return call, lambda: {"dy/dx": call().numpy()}


def _class_gradients(workload: Workload, layout: str, compiled: Compiled) -> Timed:
    """One backward pass for all images, then a row for each class that occurs; the first block needs no graph."""
    net = workload.net
    P, x, t = prepared(workload, layout)

    def call() -> list[Any]:
        outputs = [block(net, P, 0, x).requires_grad_()]
        for i in range(1, len(net.blocks)):
            outputs.append(block(net, P, i, outputs[-1]))
        y = torch.softmax(head(net, P, outputs[-1]), 1)
        present, row, count = t.unique(return_inverse=True, return_counts=True)
        deltas = torch.autograd.grad((y.gather(1, t[:, None])[:, 0] / count[row]).sum(), outputs)
        return [torch.zeros(len(present), *d.shape[1:]).index_add_(0, row, d) for d in deltas]

    return call, lambda: {f"block {i}": rows.numpy() for i, rows in enumerate(call(), 1)}  # (P, F, H, W)


MAKE = {
    "train": _train,
    "lbfgs": _lbfgs,
    "selected": _selected,
    "jacobian": _jacobian,
    "sweep": _sweep,
    "gradients": _class_gradients,
    "predict": _predict,
    "saliency": _saliency,
}
