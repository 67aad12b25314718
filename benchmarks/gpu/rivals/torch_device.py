"""PyTorch on a device: its settings, its events, and its CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.contender import Answer
from benchmarks.gpu.contender import Absent, Contender, event_clock, host_clock
from benchmarks.torch_networks import torch

WARM = 3  # runs before a capture: libraries choose their kernels, and their memory is there


def device(*, quick: bool) -> str:
    """Return "cuda", with TF32 off; or "cpu" if it need only run.

    Raises
    ------
    Absent
        If PyTorch finds no device.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    if torch.cuda.is_available():
        return "cuda"
    if quick:
        return "cpu"
    raise Absent(f"PyTorch {torch.__version__} finds no CUDA device: install its build for CUDA")


def contender(
    name: str,
    run: Callable[[], Any],
    answer: Callable[[], Answer],
    asks: str,
    on: str,
    *,
    steps: int = 1,
    search: bool = True,
) -> Contender:
    """Return a contender whose time is taken by events on the current stream.

    Parameters
    ----------
    name : str
    run, answer : function
    asks : str
        See `Contender`.
    on : "cuda" or "cpu"
    steps : int
        Of one run.
    search : bool
        Whether cuDNN tries its algorithms at the first use of a shape, and keeps the fastest.
    """
    take = event_clock(run, event, steps) if on == "cuda" else host_clock(run, lambda: None, steps)

    def searching(work: Callable[..., Any], *args: Any) -> Any:
        torch.backends.cudnn.benchmark = search
        return work(*args)

    clock = "device events" if on == "cuda" else "host"
    return Contender(name, partial(searching, take), steps, partial(searching, answer), asks, clock)


def event() -> Any:
    """Record an event on the current stream now."""
    one = torch.cuda.Event(enable_timing=True)
    one.record()
    return one


def captured(work: Callable[[], Any], on: str) -> Callable[[], Any]:
    """Return what replays a work as one CUDA graph and returns its results, which the next replay overwrites.

    On the CPU there are no graphs: the work itself.
    """
    torch.backends.cudnn.benchmark = True
    if on != "cuda":
        return work
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = work()

    def replay(*, kept: Callable[[], Any] = work) -> Any:  # the graph reads tensors that only the work holds
        graph.replay()
        return result

    return replay
