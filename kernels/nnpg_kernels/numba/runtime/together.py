"""Kernels that a program needs and that are not on disk: this process and others compile them, each kernel once.

Numba compiles in one thread. So where there are several cores, other processes are started, which take kernels from the
other end of the list. The turns of `turns` say who compiles which: nobody waits before all kernels have been begun.

    factory       for the functions that make kernels: it notes how another process can make the same one
    compile_all   before a program runs for the first time
    shared        where two processes make the same programs at the same time, so that no others are needed
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from importlib import import_module
from threading import Thread
from typing import Any, ParamSpec, cast

import numpy as np

from nnpg_kernels.numba.runtime.compilation import Kernel
from nnpg_kernels.numba.runtime.turns import try_turn
from nnpg_kernels.threads import thread_count

LEAST = 4  # kernels to compile: fewer are there before another process has loaded the compiler
MOST = 4  # processes with this one, however many cores there are

_step: ContextVar[int] = ContextVar("step", default=0)  # of `shared`: 1, or -1 backwards

P = ParamSpec("P")
Recipe = list[Any]  # module, function, then its arguments: whole numbers, and types of number as text


def factory(make: Callable[P, Kernel]) -> Callable[P, Kernel]:
    """Keep the kernel that a function makes of types of number and whole numbers, and how to make it again."""

    @cache
    def made(*arguments: Any) -> Kernel:
        kernel = make(*arguments)  # type: ignore[call-arg]
        words = [a if isinstance(a, int) else np.dtype(a).str for a in arguments]
        kernel.recipe = [make.__module__, make.__qualname__, *words]
        return kernel

    kept: Any = wraps(make)(made)
    return cast(Callable[P, Kernel], kept)


@contextmanager
def shared(*, backwards: bool) -> Iterator[None]:
    """Start no process inside: another one compiles the same kernels at the same time, in the other direction."""
    token = _step.set(-1 if backwards else 1)
    try:
        yield
    finally:
        _step.reset(token)


def compile_all(kernels: Iterable[Kernel]) -> None:
    """Load or compile kernels; others of them are compiled by other processes at the same time."""
    every, step = list(dict.fromkeys(kernels)), _step.get()
    missing = [kernel for kernel in every if kernel.recipe and kernel.missing]
    others = min(thread_count(), MOST) - 1 if len(missing) >= LEAST and not step else 0
    with _helpers([kernel.recipe for kernel in missing if kernel.recipe], others):
        compile_free(missing[:: step or 1] if others or step else [])
        for kernel in every:
            kernel.compile()


def compile_free(kernels: Sequence[Kernel]) -> None:
    """Compile those kernels that are not on disk and that no other process compiles."""
    for kernel in kernels:
        if (path := kernel.missing) and try_turn(path):
            kernel.compile()


@contextmanager
def _helpers(recipes: list[Recipe], count: int) -> Iterator[None]:
    """Processes that compile these kernels too; they end with the block, and with this process in any case."""
    processes = [p for n in range(count) if (p := _helper(_order(recipes, n, count))) is not None]
    try:
        yield
    finally:
        for process in processes:
            process.kill()  # where the block has ended well, all kernels are there
            process.communicate()


def _order(recipes: list[Recipe], n: int, count: int) -> list[Recipe]:
    """The order of helper n of `count`: backwards from its own place, the first from the end."""
    end = len(recipes) * (count - n + 1) // (count + 1) if n else len(recipes)
    return recipes[:end][::-1] + recipes[end:][::-1]


def _helper(recipes: list[Recipe]) -> subprocess.Popen[bytes] | None:
    """Start a process that compiles kernels, or return None where there is none to be had.

    Its own session receives no Ctrl-C of a terminal: this process does, and with it the helper ends.
    """
    if os.name != "posix" or not sys.executable:
        return None
    command = [sys.executable, "-c", f"import {__name__} as together; together.help_parent()"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = None
    with contextlib.suppress(OSError):
        process = subprocess.Popen(command, env=environment, start_new_session=True, **pipes)
        assert process.stdin is not None
        process.stdin.write(json.dumps(recipes).encode() + b"\n")
        process.stdin.flush()
    return process


def help_parent() -> None:
    """Compile the kernels whose recipes come from the standard input, as long as the process that writes them lives."""
    recipes = json.loads(sys.stdin.buffer.readline())
    Thread(target=_end_with_parent, daemon=True).start()
    compile_free([getattr(import_module(module), name)(*words) for module, name, *words in recipes])
    os._exit(0)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()  # until the other end is closed
    os._exit(0)
