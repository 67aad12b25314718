"""What is timed: public functions at growing numbers of images, classes, filters and threads.

images      a small network for digits, 10 to 60,000 random images of 28 x 28
classes     the face network with 2 to 1,000 outputs: dy/do of all classes, and of each image's own class
width       the CIFAR-10 network with a quarter to four times its filters; the work grows with the square of the width
threads     the small network, one thread to as many as there are cores
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

import nnpg
from benchmarks.contender import cores
from benchmarks.measuring.roof import operations
from benchmarks.own_training import all_cores
from benchmarks.workloads import COLOURS, FACES, Architecture, Block, Workload
from nnpg_kernels import use_threads
from nnpg_kernels.threads import thread_count

SMALL = Architecture((1, 28, 28), (Block(8, 2), Block(16, 2)), "relu", (64, 10))
IMAGES = (10, 100, 1_000, 10_000, 60_000)
CLASSES = (2, 10, 30, 100, 300, 1_000)
WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
AXES = {  # in the order of the figure: what grows, and its unit
    "images": "images",
    "classes": "classes",
    "width": "10^6 operations per image, forward",
    "threads": "threads",
}


@dataclass(frozen=True)
class Point:
    """One call that is timed.

    Parameters
    ----------
    axis : name in `AXES`
    value : float
        Of what grows.
    task : str
    operations : float
        Multiply-adds of the call, times 2.
    threads : int
    call : function
    """

    axis: str
    value: float
    task: str
    operations: float
    threads: int
    call: Callable[[], Any]

    def context(self) -> AbstractContextManager[Any]:
        """Return what the call runs in."""
        return use_threads(self.threads) if self.axis == "threads" else all_cores()


def points(backend: str, *, quick: bool = False) -> Iterator[Point]:
    """Yield every point, each with its network and images when it is asked for."""
    for N in IMAGES[:1] if quick else IMAGES:
        yield from _of_images("images", N, N, thread_count(), backend)
    for K in CLASSES[:2] if quick else CLASSES:
        yield from _of_classes(K, 1 if quick else 8, backend)
    for width in WIDTHS[:1] if quick else WIDTHS:
        yield from _of_width(width, 1 if quick else 32, backend)
    for threads in (1,) if quick else range(1, cores() + 1):
        yield from _of_images("threads", threads, 10 if quick else 1_000, threads, backend)


def number(*, quick: bool = False) -> int:
    """Return how many points there are."""
    lengths = (1, 2, 1, 1) if quick else (len(IMAGES), len(CLASSES), len(WIDTHS), cores())
    return sum(n * tasks for n, tasks in zip(lengths, (3, 2, 2, 3), strict=True))


def _of_images(axis: str, value: int, N: int, threads: int, backend: str) -> Iterator[Point]:
    net, x, t = _made(SMALL, N, backend)
    tasks: dict[str, Callable[[], Any]] = {
        "predict": partial(nnpg.predict, net, x),
        "class gradient": _class_gradient(net, x, t),
    }
    tasks["training epoch"] = _epoch(net, x, t, min(N, 100))
    for task, call in tasks.items():
        yield Point(axis, value, task, _operations(task, SMALL, N), threads, call)


def _of_classes(K: int, N: int, backend: str) -> Iterator[Point]:
    faces = replace(FACES, dense=(*FACES.dense[:-1], K))
    net, x, t = _made(faces, N, backend)
    tasks: dict[str, Callable[[], Any]] = {"class gradient": _class_gradient(net, x, t)}
    tasks["dy/do, all classes"] = partial(nnpg.prediction_gradient, net, x, classes="all")
    for task, call in tasks.items():
        yield Point("classes", K, task, _operations(task, faces, N), thread_count(), call)


def _of_width(width: float, N: int, backend: str) -> Iterator[Point]:
    blocks = tuple(block._replace(filters=int(width * block.filters)) for block in COLOURS.blocks)
    net, x, t = _made(wider := replace(COLOURS, blocks=blocks), N, backend)
    value = _operations("predict", wider, 1) / 1e6
    tasks: dict[str, Callable[[], Any]] = {
        "predict": partial(nnpg.predict, net, x),
        "training epoch": _epoch(net, x, t, N),
    }
    for task, call in tasks.items():
        yield Point("width", value, task, _operations(task, wider, N), thread_count(), call)


def _made(architecture: Architecture, N: int, backend: str) -> tuple[nnpg.Network, Any, Any]:
    """Return the network, random images and labels; the times depend on neither."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, *architecture.input_shape), dtype=np.float32)
    return architecture.network().to(nnpg.load_backend(backend)), x, np.arange(N) % architecture.K


def _class_gradient(net: nnpg.Network, x: Any, t: Any) -> Callable[[], Any]:
    return partial(nnpg.class_gradient, net, x, t, for_classes="present", progress=False)


def _epoch(net: nnpg.Network, x: Any, t: Any, batch: int) -> Callable[[], Any]:
    return partial(nnpg.train, net, x, t, epochs=1, batch=batch, rng=0, optimiser=nnpg.SGD(lr=1e-3), progress=False)


def _operations(task: str, architecture: Architecture, N: int) -> float:
    kinds: dict[str, Workload] = {
        "predict": Workload("", "predict", architecture, N),
        "class gradient": Workload("", "gradients", architecture, N, classes="true"),
        "training epoch": Workload("", "train", architecture, N),
        "dy/do, all classes": Workload("", "jacobian", architecture, N),
    }
    counted = operations(kinds[task])
    assert counted is not None
    return counted
