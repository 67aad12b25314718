"""Jacobians and knock-out sweeps in PyTorch, each way as it is and captured in a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.contender import Answer
from benchmarks.gpu.contender import Contender, Offer
from benchmarks.gpu.rivals import torch_device
from benchmarks.gpu.rows import Row
from benchmarks.torch_networks import Parameters, block, head, layouts, prepared, torch
from benchmarks.workloads import Workload

Way = Callable[[Workload, Parameters, Any], Callable[[], Any]]  # workload, weights, images -> what is timed


def offers(row: Row, on: str) -> Iterator[Offer]:
    """Offer every way of PyTorch to compute the answer of a row."""
    ways = JACOBIANS if row.workload.kind == "jacobian" else SWEEPS
    for graph in (True, False):
        for way in ways:
            for layout in layouts(row.workload):
                name = f"torch {layout} {way}, {'graph' if graph else 'eager'}"
                yield Offer(name, 1, partial(_contender, name, row, layout, on, ways[way], graph), 0 if graph else 3)


def _contender(name: str, row: Row, layout: str, on: str, way: Way, graph: bool) -> Contender:
    workload = row.workload
    P, x, _ = prepared(workload, layout, on)
    work = way(workload, P, x)
    run = torch_device.captured(work, on) if graph else work
    if workload.kind == "jacobian":
        timed = to_host(run) if row.host else run
        return torch_device.contender(name, timed, partial(_deltas, workload, run), "result", on)
    return torch_device.contender(name, _winners(run, on), partial(_logits, workload, run), "result", on)


def to_host(run: Callable[[], Any]) -> Callable[[], Any]:
    """Return a work whose results come down into memory of the host that the driver knows."""
    there = [torch.empty(a.shape, dtype=a.dtype, pin_memory=a.is_cuda) for a in _flat(run())]

    def down() -> Any:
        for to, a in zip(there, _flat(run()), strict=True):
            to.copy_(a, non_blocking=True)
        return there

    return down


def _flat(results: Any) -> Iterator[Any]:
    if isinstance(results, list | tuple):
        for one in results:
            yield from _flat(one)
    else:
        yield results


# All derivatives dy_c/do: by class and block, (N, F, H, W) each, or by block alone, (S, N, F, H, W) or (S N, F, H, W).


def class_loop(workload: Workload, P: Parameters, x: Any) -> Callable[[], list[Any]]:
    """One backward pass for each class over one graph; the first block needs none."""
    K = workload.net.K

    def work() -> list[Any]:
        outputs, y = _forward(workload, P, x)
        return [torch.autograd.grad(y[:, c].sum(), outputs, retain_graph=c < K - 1) for c in range(K)]

    return work


def batched(workload: Workload, P: Parameters, x: Any) -> Callable[[], Any]:
    """All classes in one backward pass, by `is_grads_batched`."""
    K, N = workload.net.K, len(x)
    seeds = torch.eye(K, device=x.device)[:, None, :].expand(K, N, K).contiguous()

    def work() -> Any:
        outputs, y = _forward(workload, P, x)
        return torch.autograd.grad(y, outputs, seeds, is_grads_batched=True)

    return work


def repeated(workload: Workload, P: Parameters, x: Any) -> Callable[[], Any]:
    """The first block's outputs repeated once for each class, and one backward pass."""
    K, N = workload.net.K, len(x)
    images = torch.arange(K * N, device=x.device)
    classes = torch.arange(K, device=x.device).repeat_interleave(N)

    def work() -> Any:
        outputs, y = _forward(workload, P, x, K)
        return torch.autograd.grad(y[images, classes].sum(), outputs)

    return work


def _forward(workload: Workload, P: Parameters, x: Any, times: int = 1) -> tuple[list[Any], Any]:
    """Every block's output, and the probabilities; the derivatives begin at the first block's output."""
    net = workload.net
    first = block(net, P, 0, x)
    outputs = [(first.repeat(times, 1, 1, 1) if times > 1 else first).requires_grad_()]
    for i in range(1, len(net.blocks)):
        outputs.append(block(net, P, i, outputs[-1]))
    return outputs, torch.softmax(head(net, P, outputs[-1]), 1)


def _deltas(workload: Workload, run: Callable[[], Any]) -> Answer:
    results, K = run(), workload.net.K
    if isinstance(results, list):  # of classes
        results = [torch.stack(rows) for rows in zip(*results, strict=True)]
    return {f"block {i}": d.reshape(K, workload.N, *d.shape[-3:]).cpu().numpy() for i, d in enumerate(results, start=1)}


# Logits (identities, T + 1, N, K) of all sweeps.


def cached(workload: Workload, P: Parameters, x: Any) -> Callable[[], Any]:
    """One step after another: only what comes after the dead filter runs again, and the intact blocks run once."""
    net, orders = workload.net, workload.orders()
    B = len(net.blocks)
    masks = [_alive(workload, b, x.device).reshape(len(orders), -1, 1, net.blocks[b].filters, 1, 1) for b in range(B)]

    def work() -> Any:
        with torch.no_grad():
            intact = [block(net, P, 0, x)]
            for i in range(1, B):
                intact.append(block(net, P, i, intact[-1]))
            first, curves = head(net, P, intact[-1]), []
            for identity, order in enumerate(orders):
                outputs, curve = list(intact), [first]  # outputs[i]: of block i, before its own mask
                for after, (b, _) in enumerate(order, start=1):
                    alive = [mask[identity, after] for mask in masks]
                    for i in range(b + 1, B):
                        outputs[i] = block(net, P, i, outputs[i - 1] * alive[i - 1])
                    curve.append(head(net, P, outputs[-1] * alive[-1]))
                curves.append(torch.stack(curve))
            return torch.stack(curves)

    return work


def one_batch(workload: Workload, P: Parameters, x: Any) -> Callable[[], Any]:
    """All steps of all sweeps as one batch of images, each with its filters alive; the first block runs once."""
    net, N = workload.net, len(x)
    B, sets = len(net.blocks), len(workload.orders()) * (len(workload.orders()[0]) + 1)
    masks = [_alive(workload, b, x.device) for b in range(B)]  # (sets, F)

    def work() -> Any:
        with torch.no_grad():
            first = block(net, P, 0, x)
            y = (first[None] * masks[0][:, None, :, None, None]).reshape(sets * N, *first.shape[1:])
            y = y.contiguous(memory_format=_format_of(first))
            for i in range(1, B):
                y = block(net, P, i, y) * masks[i].repeat_interleave(N, 0)[:, :, None, None]
            return head(net, P, y).reshape(len(workload.orders()), -1, N, net.K)

    return work


def _format_of(a: Any) -> Any:
    return torch.channels_last if a.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format


def _alive(workload: Workload, b: int, on: Any) -> Any:
    """Which filters of a block are alive, (identities x (T + 1), F), as 1 and 0."""
    orders, F = workload.orders(), workload.net.blocks[b].filters
    alive = torch.ones(len(orders), len(orders[0]) + 1, F)
    for identity, order in enumerate(orders):
        for after, (dead_block, f) in enumerate(order, start=1):
            if dead_block == b:
                alive[identity, after:, f] = 0
    return alive.reshape(-1, F).to(on)


def _winners(run: Callable[[], Any], on: str) -> Callable[[], Any]:
    """The work whose predictions come down, as those of a knock-out curve do; a few bytes."""

    def winners() -> Any:
        return run().argmax(-1).to("cpu")

    return winners


def _logits(workload: Workload, run: Callable[[], Any]) -> Answer:
    return {"logits": run().cpu().numpy()}


JACOBIANS: dict[str, Way] = {
    "images repeated": repeated,
    "class loop": class_loop,
    "is_grads_batched": batched,
}
SWEEPS: dict[str, Way] = {"one batch": one_batch, "cached loop": cached}
