"""The compiled programs of one network on a device: which kernel gets how many threads and bytes."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from types import ModuleType
from typing import Any

from nnpg_kernels.backend import Array
from nnpg_kernels.cuda.resident.numbers import Numbers
from nnpg_kernels.cuda.resident.sources import name_of, resident_source, seeds_and_lowest

FORWARD, BACKWARD = ("predict", "knock_out", "scores"), ("deltas",)  # passes of these programs
OTHERS = 256  # threads of a block of the other kernels
MOST_SHARED = 97  # cudaDevAttrMaxSharedMemoryPerBlockOptin
CLUSTERS = 120  # cudaDevAttrClusterLaunch
MULTIPROCESSORS = 16  # cudaDevAttrMultiProcessorCount
WITHOUT_ASKING = 48 << 10  # bytes of shared memory that every kernel may have
COMPILING = Lock()  # one program after the other


@dataclass(frozen=True, eq=False)
class Programs:
    """The kernels of one network; each is compiled at its first use.

    Parameters
    ----------
    made : Numbers
    xp : module
        CuPy.
    """

    made: Numbers
    xp: ModuleType

    def launch(self, kernel: str, blocks: int, args: Sequence[Any], parts: int = 1) -> None:
        """Run a kernel on this many blocks, or on `parts` times as many; without a block there is nothing to do."""
        if not blocks:
            return
        size = shared_bytes(self.made, kernel)
        threads = threads_of(self.made, kernel)
        compiled(self.xp, self.made, kernel)((blocks, parts), (threads,), tuple(args), shared_mem=size)

    def arranged(self, parameters: Sequence[Array], orders: Array | None = None, count: int = 1) -> Array:
        """Return the weights as the kernels read them, from all parameters in their order.

        With `count` orders, there are as many copies: in each, the filters of each block, and the channels of the next
        one, are in its order.
        """
        weights = self.xp.empty(count * self.made.weights_size, parameters[0].dtype)
        flat = self.xp.concatenate([a.ravel() for a in parameters])
        blocks = -(-self.made.weights_size // (4 * OTHERS))
        if orders is None:
            self.launch("arrange", blocks, (flat, weights))
        else:
            self.launch("arrange_in_order", blocks, (flat, orders, weights), count)
        return weights


def threads_of(made: Numbers, kernel: str) -> int:
    """Return the threads of a block of a kernel."""
    if kernel == "knock_out" or seeds_and_lowest(kernel) is not None:
        return made.threads_back
    return made.threads if shared_bytes(made, kernel) else OTHERS


def shared_bytes(made: Numbers, kernel: str) -> int:
    """Return the bytes of shared memory that a kernel needs."""
    of_gradients = seeds_and_lowest(kernel)
    if of_gradients is not None:
        return made.seeds_bytes(*of_gradients)
    return made.forward_bytes if kernel in FORWARD else made.backward_bytes if kernel in BACKWARD else 0


def shared_bytes_at_most(xp: ModuleType) -> int:
    """Return the bytes of shared memory that a block of the device may have."""
    runtime = xp.cuda.runtime
    return int(runtime.deviceGetAttribute(MOST_SHARED, runtime.getDevice()))


def has_clusters(xp: ModuleType) -> bool:
    """Return whether blocks of the device can read and write each other's shared memory."""
    runtime = xp.cuda.runtime
    return bool(runtime.deviceGetAttribute(CLUSTERS, runtime.getDevice()))


def multiprocessors(xp: ModuleType) -> int:
    """Return how many blocks of threads with most of the shared memory run at once."""
    runtime = xp.cuda.runtime
    return int(runtime.deviceGetAttribute(MULTIPROCESSORS, runtime.getDevice()))


def compiled(xp: ModuleType, made: Numbers, kernel: str) -> Any:
    """Return a kernel; the first call compiles it."""
    with COMPILING:
        return _compiled(xp, made, kernel)


@cache
def _compiled(xp: ModuleType, made: Numbers, kernel: str) -> Any:
    name = name_of(kernel)
    (function,) = functions_of(xp, kernel.split("<")[0], resident_source(kernel, made.text), (name,))
    if shared_bytes(made, kernel) > WITHOUT_ASKING:
        function.max_dynamic_shared_size_bytes = shared_bytes(made, kernel)
    return function


def functions_of(xp: ModuleType, program: str, code: str, names: tuple[str, ...]) -> list[Any]:
    """Compile kernels, and say at a terminal how long that took.

    Parameters
    ----------
    xp : module
        CuPy.
    program : str
        What they are.
    code : str
        Their source.
    names : tuple of str
        Their instances.
    """
    start = time.perf_counter()
    _say(f"compiling {program} of a network for this device")
    module = xp.RawModule(code=code, options=("--std=c++17",), name_expressions=names)
    functions = [module.get_function(name) for name in names]
    _say(f"compiled in {time.perf_counter() - start:.1f} s; CuPy keeps it on disk for the next process")
    return functions


def _say(line: str) -> None:
    if sys.stderr.isatty():
        print(line, file=sys.stderr)
