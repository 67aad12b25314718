"""What threads need to agree: a counter that no two can read alike, and a barrier."""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnpg_kernels.numba.runtime.jit import jit

SPINS = 1000  # looks at the barrier before the processor is offered to somebody else
give_way = types.ExternalFunction("sched_yield", types.int32()) if sys.platform != "win32" else None


@intrinsic  # type: ignore[untyped-decorator]
def next_task(typing: Any, counters: Any, i: Any) -> Any:
    """counters[i]++ in one step that no other thread can divide; returns the value before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0])
        place = builder.gep(array.data, [args[1]])
        return builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(counters, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def look(typing: Any, counters: Any, i: Any) -> Any:
    """counters[i], as the other threads left it."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0])
        return builder.load_atomic(builder.gep(array.data, [args[1]]), "seq_cst", 8)

    return types.int64(counters, types.intp), emit


@jit
def wait_for_all(counters: Any, i: int, threads: int, stop: Any) -> None:
    """Come to barrier i, and stay until all threads have come, or until stop[0] is set."""
    next_task(counters, i)
    spins = 0
    while look(counters, i) < threads and look(stop, 0) == 0:
        spins += 1
        if give_way is not None and spins > SPINS:
            give_way()
