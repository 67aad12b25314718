"""How a kernel is compiled: once for a processor, kept on disk, and run without the GIL.

Numba keeps what it compiled too, but it knows a kernel by its own file and by its closure as pickled: a change in what
the kernel is made of would not reach it, a closure over another compiled function is never found again, and two
processes that write one index at once can leave each other's machine code behind. So here each kernel has a file of
its own, named after all that it is made of, and written whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.core.serialize import dumps

VOID_OF_FIVE = numba.types.void(*[numba.types.int64] * 5)


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function at its first call and keep the result on disk."""
    compiled = numba.njit(nogil=True, error_model="numpy")(function)
    compiled._cache = _kept(function) or compiled._cache
    return compiled


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a kernel of a program now, to a function that is called by its address: see `program`."""
    compiled: Any = CFunc(function, (VOID_OF_FIVE.args, VOID_OF_FIVE.return_type), {}, {"error_model": "numpy"})
    compiled._cache = _kept(function) or compiled._cache
    compiled.compile()
    return compiled


class _Kept(FunctionCache):  # type: ignore[misc]
    """Numba's cache with another key and other files."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _Files(Path(self._cache_path), f"{self._impl.filename_base}.{fingerprint():08x}")

    def _index_key(self, signature: Any, codegen: Any) -> str:
        return repr((str(signature), codegen.magic_tuple(), made_of(self._py_func)))


class _Files:
    """One file for each key."""

    def __init__(self, folder: Path, base: str) -> None:
        self.folder, self.base = folder, base

    def load(self, key: str) -> Any:
        """Return what is kept under this key, or None."""
        try:
            found, data = pickle.loads(self._path(key).read_bytes())
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            found = None
        if found != key:
            _compiling()
            return None
        return data

    def save(self, key: str, data: Any) -> None:
        """Keep it: the file appears whole, whoever else is writing. Where it cannot, say so once and go on."""
        part = ""
        try:
            handle, part = tempfile.mkstemp(dir=self.folder, prefix=self.base, suffix=".part")
            with os.fdopen(handle, "wb") as file:
                file.write(dumps((key, data)))
            Path(part).replace(self._path(key))
        except BaseException as error:
            if part:
                Path(part).unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise
            _no_cache()

    def flush(self) -> None:
        """Numba's word for forgetting all."""
        for path in self.folder.glob(f"{self.base}.*"):
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{self.base}.{hashlib.sha256(key.encode()).hexdigest()[:20]}.nbc"


def made_of(function: Callable[..., Any]) -> tuple[Any, ...]:
    """Describe a function and what it closes over, the same in every process.

    Examples
    --------
    >>> def times(n):
    ...     def product(x):
    ...         return n * x
    ...     return product
    >>> made_of(times(3))
    ('times.<locals>.product', '3')
    """
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return (function.__qualname__, *(made_of(c.py_func) if hasattr(c, "py_func") else repr(c) for c in cells))


@cache
def fingerprint() -> int:
    """Return a number that changes with the source of the kernels and with Numba."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return zlib.crc32(b"".join(path.read_bytes() for path in sources) + numba.__version__.encode())


def _kept(function: Callable[..., Any]) -> _Kept | None:
    try:
        return _Kept(function)
    except RuntimeError:  # Numba found no folder to write to
        _no_cache()
        return None


@cache
def _compiling() -> None:
    if sys.stderr.isatty():
        print("compiling kernels for this processor; they are kept, so only the first run waits", file=sys.stderr)


@cache
def _no_cache() -> None:
    warnings.warn(
        "nnpg's compiled kernels cannot be kept: neither the package's folder nor the user's cache folder can be "
        "written to. Every new process compiles them again; set NUMBA_CACHE_DIR to a folder that can be written to",
        stacklevel=5,
    )
