"""How a kernel is compiled: once, kept on disk, without the GIL."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function at its first call and keep the result on disk; where nothing can be written, say so once.

    Numba keys what it keeps by processor, version and the function's own file; see `fingerprint` for the rest.
    """
    how = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **how)(function)
    except RuntimeError:  # Numba found no folder to write to
        _no_cache()
        return numba.njit(**how)(function)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a kernel of a program now, to a function that is called by its address: see `program`."""
    whole = numba.types.int64
    signature = whole(whole, whole, whole, whole, whole)
    try:
        return numba.cfunc(signature, cache=True, error_model="numpy")(function)
    except RuntimeError:
        _no_cache()
        return numba.cfunc(signature, error_model="numpy")(function)


@cache
def fingerprint() -> int:
    """Return a number that changes with the source of the kernels and with Numba.

    Numba looks only at the file of the kernel itself, so a change in what it is made of would not reach a kept kernel.
    But it does key a closure by its constants: each kernel is a closure over this one.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return zlib.crc32(b"".join(path.read_bytes() for path in sources) + numba.__version__.encode())


@cache
def _no_cache() -> None:
    warnings.warn(
        "nnpg's compiled kernels cannot be kept: neither the package's folder nor the user's cache folder can be "
        "written to. Every new process compiles them again; set NUMBA_CACHE_DIR to a folder that can be written to",
        stacklevel=4,
    )
