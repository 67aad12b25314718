"""JAX on the device: training as one compiled `lax.scan` over the steps, Jacobians and sweeps as one function each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.contender import Answer
from benchmarks.gpu.contender import STEPS, Absent, Contender, Offer, host_clock
from benchmarks.gpu.rows import Row
from benchmarks.workloads import Workload

SECONDS = 4  # about, to compile
QUICK_STEPS = 2


def jax_on_device(*, quick: bool) -> Any:
    """Import JAX with products in full precision; return the module of its CPU side, whose networks are the same.

    Raises
    ------
    Absent
        If JAX has no device and must not only run.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the others need memory too
    jax: Any = import_module("jax")
    jax.config.update("jax_default_matmul_precision", "highest")  # no TF32
    if jax.default_backend() != "gpu" and not quick:
        raise Absent(f"JAX {jax.__version__} computes on {jax.default_backend()}: install its build for CUDA")
    return import_module("benchmarks.jax_cpu")


def offers(row: Row, *, quick: bool) -> Iterator[Offer]:
    """Offer a row in either layout."""
    for turn, layout in ((1, "nchw"), (4, "nhwc")) if row.workload.net.blocks else ((1, ""),):
        name = f"jax {layout}".strip()
        make = _train if row.workload.kind == "train" else _answer
        yield Offer(name, SECONDS, partial(make, name, row, layout, quick=quick), turn)


def _train(name: str, row: Row, layout: str, *, quick: bool) -> Contender:
    cpu = jax_on_device(quick=quick)
    workload, steps = row.workload, QUICK_STEPS if quick else STEPS
    net = cpu.Layout(workload, layout == "nhwc")
    scan = _scan(cpu, workload, net)
    rest = cpu.at_rest(workload, net)
    rates = np.full(steps, workload.lr, "f4")

    def run(rates: Any = rates) -> Any:
        return cpu.jax.block_until_ready(scan(net.P, rest, net.x, net.t, rates))

    def answer() -> Answer:
        """The first two steps by the function that is timed: steps with a rate of 0 move nothing."""
        begun = before = cpu.in_our_order(net.P, net.last)
        moved: dict[str, Any] = {}
        for taken, word in enumerate(("first", "second"), start=1):
            P, losses = run(np.where(np.arange(steps) < taken, rates, 0).astype("f4"))
            after = cpu.in_our_order(P, net.last)
            moved |= {f"{word} {name}": after[name] - before[name] for name in begun}
            before = after
        return {"loss": np.array(losses[:2], np.float64), **moved}

    return Contender(f"{name} scan", host_clock(run, lambda: None, steps), steps, answer, "two", "host")


def _scan(cpu: Any, workload: Workload, net: Any) -> Any:
    """One compiled function of all steps, each with its own rate."""
    step = cpu.training_step(workload, net)

    def all_steps(P: Any, V: Any, x: Any, t: Any, rates: Any) -> tuple[Any, Any]:
        def one(carried: tuple[Any, Any], rate: Any) -> tuple[tuple[Any, Any], Any]:
            P, V, loss = step(*carried, x, t, rate)
            return (P, V), loss

        (P, V), losses = cpu.lax.scan(one, (P, V), rates)
        return P, losses

    return cpu.jax.jit(all_steps)


def _answer(name: str, row: Row, layout: str, *, quick: bool) -> Contender:
    cpu = jax_on_device(quick=quick)
    (other,) = cpu.contenders(row.workload, name)
    run = partial(_down, other.call) if row.host else other.call
    return Contender(name, host_clock(run, lambda: None, 1), 1, other.answer, "result", "host")


def _down(call: Any) -> Any:
    results = call()
    return [np.asarray(a) for a in results] if isinstance(results, list | tuple) else np.asarray(results)
