"""Masks on net A of Lo & Ding beside PyTorch: the all-class Jacobian by the pixels, and the line search of LD-11.

Both sides have the same weights and images, agree before any time is measured, and alternate. PyTorch does
each workload in both layouts, on one core and on all: the classes in a loop over one graph for the Jacobian, which is
faster than `is_grads_batched`; `inference_mode` for the line search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import nnpg
from benchmarks.contender import Answer, Contender, cores
from benchmarks.kinks import NEAR
from benchmarks.measuring.agreement import check
from benchmarks.measuring.probe import measure
from benchmarks.measuring.timing import Times, interleaved
from nnpg.attacks import mask_sweep
from nnpg.prediction import prediction_gradient
from nnpg.recipes.models import cifar_net
from nnpg_kernels import Array

JACOBIAN, SWEPT = 256, 16  # images
STEPS = 52  # step sizes, as at the scale of the paper
SHAPE = (3, 32, 32)


def prepare(images: int, backend: str) -> tuple[nnpg.Network, Array, Array]:
    """Net A with its initial weights (time does not depend on what they are), images away from kinks, and labels."""
    rng = np.random.default_rng(0)
    x = rng.random((images + images // 4 + 8, *SHAPE), np.float32)
    net = cifar_net(x, rng=0, backend=backend)
    exact = net.to("numpy").astype("f8")
    clear = np.concatenate([away_from_kinks(exact, x[n : n + 32]) for n in range(0, len(x), 32)])
    return net, x[clear][:images], rng.integers(10, size=images)


def away_from_kinks(net: nnpg.Network, x: Array) -> Array:
    """Return for which images (N,) rounding cannot decide a window's maximum: it is not near 0 or the next value.

    As `benchmarks.kinks`, for windows of 3 x 3 that overlap.
    """
    trace, clear = net.forward(x.astype("f8")), np.ones(len(x), bool)
    for name in ("conv1", "conv2", "conv3"):
        z = np.pad(trace[name], ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(z, (3, 3), axis=(2, 3))[:, :, ::2, ::2]
        two = np.partition(windows.reshape(len(x), -1, 9), (-2, -1))[..., -2:]
        gap = np.where(two[..., 1] > 0, two[..., 1] - two[..., 0], np.inf)
        clear &= np.minimum(abs(two[..., 1]), gap).min(axis=1) > NEAR * trace[name].std()
    return clear


def ours(net: nnpg.Network, x: Array, labels: Array, steps: int) -> dict[str, Contender]:
    """Our side of both workloads."""
    etas = np.linspace(0, 50, steps)

    def jacobian() -> Array:
        return prediction_gradient(net, x, layers="input", classes="all")["input"]

    def sweep() -> Any:
        return mask_sweep(net, x[:SWEPT], labels[:SWEPT], "all", etas, progress=False)

    def swept() -> Answer:
        result = sweep()
        return {"target": result.target_confidence, "label": result.label_confidence}

    return {
        "Jacobian": Contender("nnpg", jacobian, lambda: {"input": jacobian()}, nullcontext),
        "line search": Contender("nnpg", sweep, swept, nullcontext),
    }


def theirs(net: nnpg.Network, x: Array, labels: Array, steps: int) -> dict[str, list[Contender]]:
    """Each of PyTorch's ways of doing both workloads."""
    contenders: dict[str, list[Contender]] = {"Jacobian": [], "line search": []}
    for layout in ("nchw", "channels_last"):
        calls = _torch(net, x, labels, steps, layout)
        for threads in sorted({1, cores()}):
            for workload, (call, answer) in calls.items():
                name = f"torch {layout} {threads}t"
                contenders[workload].append(Contender(name, call, answer, partial(_threads, threads)))
    return contenders


def _torch(
    net: nnpg.Network, x: Array, labels: Array, steps: int, layout: str
) -> dict[str, tuple[Callable[[], Any], Callable[[], Answer]]]:
    torch: Any = import_module("torch")  # optional, so the type checker does not read it
    F: Any = torch.nn.functional
    order = torch.channels_last if layout == "channels_last" else torch.contiguous_format

    def tensor(a: Array) -> Any:
        b = torch.tensor(net.backend.to_numpy(a))
        return b.contiguous(memory_format=order) if b.ndim == 4 else b

    P = [(tensor(layer["W"]), tensor(layer["b"])) for layer in net.parameters.values()]
    mean = torch.tensor(net.backend.to_numpy(net.layers["center1"].mean))  # type: ignore[attr-defined]
    images, etas = tensor(x), np.linspace(0, 50, steps)
    every = np.arange(9) + (np.arange(9) >= labels[:SWEPT, None])  # (N, T)
    targets, shown = torch.tensor(every), torch.tensor(labels[:SWEPT])

    def forward(x: Any) -> Any:
        y = x - mean
        for W, b in P[:-1]:
            y = F.max_pool2d(torch.relu(F.conv2d(y, W, b, padding=2)), 3, 2, 1)
        return torch.softmax(F.linear(y.flatten(1), *P[-1]), 1)

    def jacobian(x: Any = images) -> Any:
        at = x.detach().requires_grad_()
        y = forward(at)
        K = y.shape[1]
        return [torch.autograd.grad(y[:, c].sum(), at, retain_graph=c < K - 1)[0] for c in range(K)]

    def sweep() -> Any:
        shown_images = images[:SWEPT]
        masks = torch.stack(jacobian(shown_images))[targets.T, torch.arange(len(shown_images))]  # (T, N, *shape)
        outputs = []
        with torch.inference_mode():
            for eta in etas:
                changed = (shown_images + float(eta) * masks).reshape(-1, *SHAPE).contiguous(memory_format=order)
                outputs.append(forward(changed).reshape(9, len(shown_images), -1))
            return torch.stack(outputs).transpose(1, 2)  # (E, N, T, K)

    def swept() -> Answer:
        y = sweep()
        take = torch.gather
        T = targets.expand(len(etas), -1, -1)[..., None]
        mine = shown[None, :, None, None].expand(len(etas), -1, 9, 1)
        return {"target": take(y, 3, T)[..., 0].numpy(), "label": take(y, 3, mine)[..., 0].numpy()}

    return {
        "Jacobian": (jacobian, lambda: {"input": torch.stack(jacobian()).numpy()}),
        "line search": (sweep, swept),
    }


@contextmanager
def _threads(n: int) -> Iterator[None]:
    from benchmarks.torch_cpu import torch_threads

    with torch_threads(n):
        yield


def benchmark(backend: str, rounds: int, images: int = JACOBIAN, steps: int = STEPS) -> dict[str, dict[str, Times]]:
    """Compare, time, and print both workloads; return the times.

    Raises
    ------
    Disagreement
        If a result of PyTorch's differs from ours by more than 1e-4 of the largest value.
    """
    net, x, labels = prepare(images, backend)
    mine, others = ours(net, x, labels, steps), theirs(net, x, labels, steps)
    console = Console()
    if not console.is_terminal:
        console.width = 120
    timings, table = {}, Table(title=f"net A: milliseconds per call, median (minimum) of {rounds} rounds")
    for heading in ("workload", "", "ms", "ours faster by"):
        table.add_column(heading, justify="left" if heading in ("workload", "") else "right")
    for name, our_side in mine.items():
        answer = our_side.answer()
        for contender in others[name]:
            console.print(f"{name}, {contender.name}: {check(answer, contender.answer())}", highlight=False)
        timings[name] = times = interleaved([our_side, *others[name]], rounds)
        for who, t in times.items():
            ratio = "" if who == our_side.name else f"{t.median / times[our_side.name].median:.2f}"
            table.add_row(name, who, f"{t.median:.0f} ({t.minimum:.0f})", ratio)
    console.print(table)
    console.print(
        f"Jacobian: {images} images x 10 classes. Line search: {min(SWEPT, images)} images x 9 targets x {steps} step "
        f"sizes. {cores()} cores, backend {backend}; sgemm probe now: {measure()}",
        highlight=False,
    )
    return timings
