"""Synchronisation of threads: a counter that gives each thread a different number, and a wait for one."""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnpg_kernels.numba.runtime.compilation import jit

SPINS = 100  # reads of a counter before the thread yields its core
yield_core = types.ExternalFunction("sched_yield", types.int32()) if sys.platform != "win32" else None


@intrinsic  # type: ignore[untyped-decorator]
def next_task(typing: Any, counters: Any, i: Any) -> Any:
    """counters[i] += 1, atomically; returns the value before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0])
        place = builder.gep(array.data, [args[1]])
        return builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(counters, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def atomic_load(typing: Any, counters: Any, i: Any) -> Any:
    """counters[i], with the writes of all other threads."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0])
        return builder.load_atomic(builder.gep(array.data, [args[1]]), "seq_cst", 8)

    return types.int64(counters, types.intp), emit


@jit
def wait_for(counters: Any, i: int, number: int, stop: Any) -> None:
    """Wait until counters[i] is `number`, or until stop[0] is set."""
    spins = 0
    while atomic_load(counters, i) < number and atomic_load(stop, 0) == 0:
        spins += 1
        if yield_core is not None and spins > SPINS:
            yield_core()
