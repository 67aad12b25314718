"""CUDA C++ without a GPU: g++ compiles an unchanged .cu source, and a thread of a block becomes a fiber.

    functions = compile_source(source, ["scale<float>"])
    launch(functions["scale<float>"], (2,), (32,), (x, y, np.int32(40)))

A launch runs in at least four orders of threads and blocks, which must give the same bits. Shared memory starts as NaN.
Arrays lie between pages without access. All of it happens in a child process; what goes wrong there is an
`EmulationError` in words here.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from emulator_build import COMPILER, CompilationError, executable, lines_of
from emulator_memory import Array, Parameter, address, memory_of, unwritten
from emulator_process import EmulationError, Program

__all__ = [
    "Array",
    "COMPILER",
    "CompilationError",
    "EmulationError",
    "Function",
    "compile_source",
    "launch",
    "unwritten",
]

ORDERS = (0, 1, 2, 3)  # as numbered, the other way round, and shuffled twice
SHARED_BYTES_AT_MOST = 227 << 10
SANITIZED = bool(os.environ.get("NNPG_SANITIZE"))  # index errors come with file and line (make sanitize)


class Function(NamedTuple):
    """A kernel, ready to be launched."""

    name: str
    parameters: tuple[Parameter, ...]
    program: Program
    index: int
    threads_at_most: int  # of a block, as its launch bounds say
    cluster: int  # blocks, as the source says


@cache
def compile_source(
    source: str,
    names: tuple[str, ...],
    options: tuple[str, ...] = (),
    sanitize: bool = SANITIZED,
    races: bool = False,
) -> dict[str, Function]:
    """Compile a CUDA source and return its kernels.

    Parameters
    ----------
    source : str
    names : tuple of str
        The kernels, each with its template arguments: "conv_forward<float>".
    options : tuple of str
        Of the compiler of the device; those that g++ understands too are -D, -I, -std=.
    sanitize : bool
        With the address and the undefined behaviour sanitizer: slower, but index errors come with their line.

    races : bool
        Note each load and store: two of different threads that no barrier orders, one of them a store, are an error,
        also where every order gives the same bits. Many times slower; not together with `sanitize`.

    Raises
    ------
    CompilationError
        With the words of g++.
    """
    pointers = "".join(f"constexpr auto kernel_{i} = &{name};\n" for i, name in enumerate(names))
    entries = ", ".join(f'cuda_cpu::listed<kernel_{i}>("{name}", kernel_{i})' for i, name in enumerate(names))
    text = (
        f'#include "cuda_cpu.h"\n#line 1 "source.cu"\n{source}\n#line 1 "entries"\n{pointers}'
        f"const cuda_cpu::Kernel cuda_cpu::kernels[] = {{{entries}}};\n"
        f"const size_t cuda_cpu::kernel_count = {len(names)};\n"
    )
    unknown = [o for o in options if not o.lstrip("-").startswith(("D", "I", "std="))]
    if unknown:
        raise CompilationError(f"the emulator does not know the options {unknown}")
    flags = ["-" + option.lstrip("-") for option in options]
    program = Program(executable(text, flags, sanitize, races))
    bounds, clusters = launch_bounds(source), clusters_of(source)
    functions = {}
    for index, (name, types) in enumerate(program.listed):
        kernel = name.split("<")[0]
        limits = bounds.get(kernel, 1024), clusters.get(kernel, 1)
        functions[name] = Function(name, tuple(parameters(types)), program, index, *limits)
    return functions


def launch_bounds(source: str) -> dict[str, int]:
    """Return the threads at most of each kernel that names them, as a number or a constant of the source.

    A constant of a struct counts too: Net::THREADS.

    Examples
    --------
    >>> launch_bounds("constexpr int N = 64; template <class T> __global__ void __launch_bounds__(N, 2) f(T* y) {}")
    {'f': 64}
    """
    constants = dict(re.findall(r"\b([A-Z_]+) = (\d+)[,;]", source))
    found = re.findall(r"__launch_bounds__\((?:\w+::)?(\w+)[^)]*\)\s+(\w+)\(", source)
    return {kernel: int(constants.get(bound, bound)) for bound, kernel in found}


def clusters_of(source: str) -> dict[str, int]:
    """Return the blocks of a cluster of each kernel that names them, as a number or a constant of a struct.

    Examples
    --------
    >>> clusters_of("constexpr int N = 4; __global__ void CLUSTER(Net::N) __launch_bounds__(32) f(float* y) {}")
    {'f': 4}
    """
    constants = dict(re.findall(r"\b([A-Z_]+) = (\d+)[,;]", source))
    found = re.findall(r"CLUSTER\((?:\w+::)?(\w+)\)\s+__launch_bounds__\([^)]*\)\s+(\w+)\(", source)
    named = {kernel: constants.get(blocks, blocks) for blocks, kernel in found}
    return {kernel: int(blocks) for kernel, blocks in named.items() if blocks.isdigit()}


def parameters(types: str) -> list[Parameter]:
    """Read what the program says of a kernel: "const float32*:4 int32:0"."""
    words = types.replace("const ", "const_").split()
    split = (word.replace("const_", "const ").split(":") for word in words)
    return [Parameter(name, int(alignment)) for name, alignment in split]


def launch(
    function: Function,
    grid: Sequence[int],
    block: Sequence[int],
    args: Sequence[Any],
    shared_bytes: int = 0,
    cluster: int = 0,
    *,
    orders: Sequence[int] = ORDERS,
    seconds: int = 60,
) -> None:
    """Run a kernel; its results are in the arrays that it writes to.

    Parameters
    ----------
    function : Function
        Of `compile_source`.
    grid, block : sequence of int
        One to three numbers each.
    args : sequence
        Contiguous NumPy arrays for pointers, NumPy scalars for numbers, and an array of one record for a struct. Each
        must have the type that the signature of the kernel says.
    shared_bytes : int
        Dynamic shared memory of each block.
    cluster : int
        Blocks that run together and read each other's shared memory; 0: as many as the source names.
    orders : sequence of int
        Of threads and blocks.
    seconds : int
        After which a kernel that has not ended is an error.

    Raises
    ------
    TypeError
        If an argument has not the type that the signature says. A device would read it as something else.
    ValueError
        If no device could run this grid.
    EmulationError
        If the kernel reads or writes beside an array, waits for a thread that never comes, or gives other bits in
        another order.
    """
    cluster = cluster or function.cluster
    check_grid(grid, block, shared_bytes, cluster, function.threads_at_most)
    if len(args) != len(function.parameters):
        raise TypeError(f"{function.name} takes {len(function.parameters)} arguments, not {len(args)}")
    values = [checked(function, i, arg) for i, arg in enumerate(args)]
    pieces = memory_of(function.parameters, values)
    places: list[int] = []
    by_value: list[bytes] = []
    for parameter, value in zip(function.parameters, values, strict=True):
        if parameter.is_array:
            index = next(i for i, piece in enumerate(pieces) if piece.holds(value))
            places += [index, address(value) - pieces[index].start]
        else:
            by_value.append(value.tobytes())
            places += [-1, value.nbytes]
    numbers = [function.index, *three(grid), *three(block), shared_bytes, cluster, seconds, len(orders), *orders]
    numbers += [len(pieces), *(n for piece in pieces for n in (piece.size, piece.alignment, int(piece.written)))]
    numbers += [len(values), *places]
    request = [struct.pack(f"{len(numbers)}q", *numbers), *by_value, *(piece.bytes() for piece in pieces)]
    written = [piece for piece in pieces if piece.written]
    try:
        answers = function.program.ask(request, [piece.size for piece in written])
    except EmulationError as error:
        said = lines_of(function.program.executable, str(error))
        raise EmulationError(f"{function.name}: {said}") from None
    for piece, answer in zip(written, answers, strict=True):
        piece.bytes()[:] = answer


def three(numbers: Sequence[int]) -> list[int]:
    return [*map(int, numbers), 1, 1][:3]


def check_grid(grid: Sequence[int], block: Sequence[int], shared_bytes: int, cluster: int, at_most: int) -> None:
    """Refuse what a device refuses, and a grid without blocks, for which it silently does nothing."""
    (x, y, z), threads = three(grid), three(block)
    if min(x, y, z, *threads) < 1:
        raise ValueError(f"a grid of {tuple(grid)} blocks of {tuple(block)} threads computes nothing, without an error")
    if y > 65535 or z > 65535 or x >= 1 << 31:
        raise ValueError(f"a grid of {tuple(grid)} blocks is too large: 2147483647 x 65535 x 65535 at most")
    if threads[0] * threads[1] * threads[2] > 1024 or threads[2] > 64:
        raise ValueError(f"a block of {tuple(block)} threads is too large: 1024 threads at most, 64 along z")
    if threads[0] * threads[1] * threads[2] > at_most:
        raise ValueError(f"a block of {tuple(block)} threads is larger than the kernel's launch bounds, {at_most}")
    if not 0 <= shared_bytes <= SHARED_BYTES_AT_MOST:
        raise ValueError(f"a block has at most {SHARED_BYTES_AT_MOST} bytes of shared memory, not {shared_bytes}")
    if cluster < 1 or cluster > 8 or x % cluster:
        raise ValueError(f"a cluster has 1 to 8 blocks and divides the grid's x, {x}: {cluster} does not")


def checked(function: Function, index: int, arg: Any) -> Array:
    """Return an argument as an array, or refuse what the kernel would read as something else."""
    parameter = function.parameters[index]
    wanted = parameter.type.removeprefix("const ").rstrip("*")
    place = f"{function.name}, argument {index}"
    if parameter.is_array:
        size = wanted.removeprefix("struct") if wanted.startswith("struct") else None
        right = isinstance(arg, np.ndarray) and (arg.dtype.itemsize == int(size) if size else arg.dtype == wanted)
        if size and isinstance(arg, np.ndarray) and arg.dtype.itemsize:  # an array of numbers read several at a time
            right = right or int(size) % arg.dtype.itemsize == 0
        if not right:
            raise TypeError(f"{place} must be an array of {wanted}, not {described(arg)}")
        if not arg.flags.c_contiguous:
            raise TypeError(f"{place} must be contiguous: a kernel reads an array with gaps as if it had none")
        return arg
    if wanted.startswith("struct"):
        record = isinstance(arg, np.ndarray | np.void) and arg.dtype.fields is not None and arg.size == 1
        if not record or arg.nbytes != int(wanted.removeprefix("struct")):
            raise TypeError(f"{place} must be an array of one record of {wanted[6:]} bytes, not {described(arg)}")
        return np.asarray(arg)
    if not isinstance(arg, np.generic) or arg.dtype != wanted:
        raise TypeError(f"{place} must be np.{wanted}(...), not {described(arg)}: its bytes are read as they are")
    return np.asarray(arg)


def described(arg: Any) -> str:
    dtype = getattr(arg, "dtype", None)
    return type(arg).__name__ if dtype is None else f"{type(arg).__name__} of {dtype}"
