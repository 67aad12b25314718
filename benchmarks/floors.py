"""The least time of each CUDA kernel of a workload's layers, from the bytes and operations that it cannot avoid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import nnpg
from benchmarks.measuring.work import Ledger, Work
from benchmarks.workloads import Workload
from nnpg_kernels.cuda import convolution, pooling


class Floor(NamedTuple):
    """A launch of a layer of a workload."""

    workload: str
    layer: str
    work: Work


def floors(workload: Workload) -> Iterator[Floor]:
    """Yield every launch of the forward pass, the delta and the gradients of a workload's layers, in float32.

    Examples
    --------
    >>> from benchmarks.workloads import choose
    >>> [(floor.layer, floor.work.kernel) for floor in floors(choose("W1-b1")[0])][:2]
    [('conv1', 'conv_forward_direct<float,1>'), ('conv1', 'conv_delta_direct<float,1>')]
    """
    net = workload.net.network()
    shape = (workload.N, *workload.net.input_shape)
    for name, layer in net.layers.items():
        ledger = Ledger()
        x, y = np.empty(shape, "f4"), np.empty((workload.N, *net.shapes[name]), "f4")
        if isinstance(layer, nnpg.Conv):
            convolution.conv_forward(ledger, x, layer.W, layer.b, layer.window, layer.groups)
            convolution.conv_delta(ledger, y, layer.W, layer.window, layer.groups, (x.shape[2], x.shape[3]))
            convolution.conv_gradient(ledger, y, x, layer.window, layer.groups)
        elif isinstance(layer, nnpg.MaxPool):
            _, winner = pooling.max_pool_forward(ledger, x, layer.window)
            pooling.max_pool_delta(ledger, y, winner, layer.window, (x.shape[2], x.shape[3]))
        yield from (Floor(workload.name, name, work) for work in ledger.works)
        shape = y.shape


def print_floors(workloads: tuple[Workload, ...], bandwidth: float, rate: float) -> None:
    """Print a line for each launch.

    Parameters
    ----------
    workloads : tuple of Workload
    bandwidth, rate : float
        What the device can do: 10^9 bytes and 10^9 operations a second, measured on it.
    """
    console = Console()
    if not console.is_terminal:
        console.width = 160
    table = Table(title=f"microseconds at {bandwidth:g} GB/s and {rate:g} GFLOP/s: no kernel can be faster")
    for heading in ("workload", "layer", "kernel", "blocks", "threads", "bytes", "operations", "floor", "limit"):
        table.add_column(heading, justify="left" if heading in ("workload", "layer", "kernel", "limit") else "right")
    for workload in workloads:
        for floor in floors(workload):
            work = floor.work
            seconds = work.floor(bandwidth * 1e9, rate * 1e9)
            limit = "memory" if seconds > work.operations / rate / 1e9 else "operations"
            numbers = (f"{n:,}" for n in (work.blocks, work.threads, work.bytes, work.operations))
            table.add_row(floor.workload, floor.layer, work.kernel, *numbers, f"{seconds * 1e6:.3g}", limit)
    console.print(table)
