"""A step of training in PyTorch at its best: as it is, compiled, and the whole step in a CUDA graph. Fused SGD."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from benchmarks.contender import Answer
from benchmarks.gpu.contender import LATER, Contender, Offer
from benchmarks.gpu.ours import moves
from benchmarks.gpu.rivals import torch_device
from benchmarks.own_training import training_answer
from benchmarks.torch_networks import F, layouts, memory_format, prepared, torch
from benchmarks.workloads import Workload

ACTIVATIONS = {"tanh": "Tanh", "relu": "ReLU", "sigmoid": "Sigmoid"}
COMPILED = {  # mode of torch.compile: about how many seconds it takes
    "reduce-overhead": 15,
    "max-autotune": 60,
}
INSIDE_A_GRAPH = "max-autotune-no-cudagraphs"  # the same kernels, for a graph of ours around the whole step


class Step(NamedTuple):
    """A step, and what is done with the parameters that it changes."""

    take: Callable[[], Any]
    parameters: Callable[[], Answer]
    reset: Callable[[], None]  # to the first weights, at rest


def offers(workload: Workload, on: str, *, quick: bool) -> Iterator[Offer]:
    """Offer every way of PyTorch to take a step."""
    for turn, steps in ((0, LATER), (2, 1)):
        for layout in layouts(workload):
            name = " ".join(filter(None, ("torch", layout, f"graph of {steps}")))
            yield Offer(name, 1, partial(_in_graph, name, workload, layout, on, steps), turn)
    for search in (True, False):
        for layout in layouts(workload):
            name = " ".join(filter(None, ("torch", layout, "eager", "cudnn.benchmark" if search else "")))
            yield Offer(name, 1, partial(_eager, name, workload, layout, on, search), 3)
    if quick:
        return
    for mode, seconds in COMPILED.items():
        name = f"torch compile {mode}"
        yield Offer(name, seconds, partial(_compiled, name, workload, on, mode), 5)
    name = f"torch compile {INSIDE_A_GRAPH}, graph of {LATER}"
    yield Offer(name, COMPILED["max-autotune"], partial(_in_graph, name, workload, "", on, LATER, INSIDE_A_GRAPH), 5)


def network(workload: Workload) -> Any:
    """Return the network of a workload as a module, without its softmax."""
    nn, net = torch.nn, workload.net
    act = getattr(nn, ACTIVATIONS[net.activation])
    layers: list[Any] = []
    channels = net.input_shape[0]
    for block in net.blocks:
        layers += [nn.Conv2d(channels, block.filters, block.size, block.stride, block.padding), act()]
        layers += [nn.MaxPool2d(block.pool, block.pool_stride)] if block.pool > 1 else []
        channels = block.filters
    layers += [nn.Flatten()]
    for W, _ in workload.weights()[len(net.blocks) :]:
        layers += [nn.Linear(W.shape[1], W.shape[0]), act()]
    return nn.Sequential(*layers[:-1])


def step(workload: Workload, layout: str, on: str, mode: str = "") -> Step:
    """Prepare a step of training, its forward and backward pass compiled in a mode of torch.compile if one is named."""
    P, x, t = prepared(workload, layout, on)
    module = network(workload).to(device=on, memory_format=memory_format(layout))
    parameters = list(module.parameters())
    first = [a for layer in P for a in layer]
    optimiser = torch.optim.SGD(parameters, lr=workload.lr, momentum=workload.momentum, fused=True)
    forward = torch.compile(module, mode=mode) if mode else module

    def take() -> Any:
        if mode:
            torch.compiler.cudagraph_mark_step_begin()
        optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(forward(x), t)
        loss.backward()
        optimiser.step()
        return loss.detach()

    def reset() -> None:
        with torch.no_grad():
            for a, value in zip(parameters, first, strict=True):
                a.copy_(value)
            for state in optimiser.state.values():
                if state.get("momentum_buffer") is not None:
                    state["momentum_buffer"].zero_()

    def read() -> Answer:
        names = [f"{p}{i}" for i in range(1, len(P) + 1) for p in ("W", "b")]
        return {name: a.detach().cpu().numpy().copy() for name, a in zip(names, parameters, strict=True)}

    reset()
    return Step(take, read, reset)


def _eager(name: str, workload: Workload, layout: str, on: str, search: bool) -> Contender:
    one = step(workload, layout, on)
    return torch_device.contender(name, one.take, partial(_two, one, one.take), "two", on, search=search)


def _compiled(name: str, workload: Workload, on: str, mode: str) -> Contender:
    one = step(workload, "", on, mode)
    for _ in range(torch_device.WARM):
        one.take()
    return torch_device.contender(name, one.take, partial(_two, one, one.take), "two", on)


def _in_graph(name: str, workload: Workload, layout: str, on: str, steps: int, mode: str = "") -> Contender:
    one = step(workload, layout, on, mode)

    def several() -> Any:
        for _ in range(steps):
            loss = one.take()
        return loss

    replay = torch_device.captured(several, on)
    if steps == 1:
        return torch_device.contender(name, replay, partial(_two, one, replay), "two", on)
    return torch_device.contender(name, replay, partial(_later, one, replay), "later", on, steps=steps)


def _two(one: Step, take: Callable[[], Any]) -> Answer:
    """Two losses, and how far two steps from the first weights moved each parameter."""
    one.reset()
    return training_answer(lambda: float(take()), one.parameters)


def _later(one: Step, replay: Callable[[], Any]) -> Answer:
    one.reset()
    before = one.parameters()
    replay()
    return moves(before, one.parameters())
