"""Compilation of kernels: once for a processor, stored on disk (see `disk_cache`), and run without the GIL.

Numba has a disk cache too, but it is made of pickles, and a manipulated pickle runs any code. Numba also
identifies a kernel by its source file and its closure: it would miss a change in a function that the kernel calls, and
it never finds a closure over another compiled function again. So here each kernel has one file, named by a hash of all
that it is made of.

    jit       for functions that other compiled functions call; they become part of these and are not stored
    entry     for functions that Python calls and that return nothing
    kernel    for the kernels of a program, which are called by their address; `together` compiles many of them at once
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import llvmlite.binding
import numba
from numba.core import sigutils
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import CompileResultCacheImpl, NullCache
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.environment import Environment
from numba.core.funcdesc import PythonFunctionDescriptor
from numba.core.runtime import rtsys

from nnpg_kernels.numba.runtime import disk_cache
from nnpg_kernels.numba.runtime.turns import end_turn, take_turn

VOID_OF_FIVE = numba.types.void(*[numba.types.int64] * 5)
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def number_functions_apart() -> None:
    """Let Numba number this process's functions from a random number of 48 bits on, and not from 1.

    The number is in the names of machine code. A kernel's file also holds the functions that it calls, and where two
    files have functions of one name, the process that loads both keeps the first one for both.
    """
    FunctionIdentity._unique_ids = count(int.from_bytes(os.urandom(6), "little"))


number_functions_apart()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=number_functions_apart)


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function as part of the compiled functions that call it; Python cannot call it."""
    return numba.njit(**OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def entry(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls, at its first call, and keep the result on disk. It returns nothing."""
    cache = _DiskCache(function)
    compiled = numba.njit(**OPTIONS)(function)
    compiled._cache = cache
    return compiled


def kernel(function: Callable[..., Any]) -> Kernel:
    """Return a kernel of a program, a function that is called by its address: see `program`."""
    return Kernel(function)


class Kernel(CFunc):
    """A kernel of a program. It is loaded or compiled when its address is needed, or by `compile`.

    `recipe` says how another process can make the same kernel: see `together`.
    """

    recipe: list[Any] | None = None
    _sig: Any
    _targetdescr: Any
    _wrapper_address: int | None

    def __init__(self, function: Callable[..., Any]) -> None:
        disk = _DiskCache(function, by_address=True)
        super().__init__(function, (VOID_OF_FIVE.args, VOID_OF_FIVE.return_type), {}, {"error_model": "numpy"})
        self._cache = disk

    @global_compiler_lock  # type: ignore[untyped-decorator]
    def compile(self) -> None:
        """Load the kernel, or compile it."""
        if self._wrapper_address is None:
            super().compile()

    @property
    def address(self) -> int:
        """Where the machine code begins."""
        self.compile()
        place: Any = self._wrapper_address
        return int(place)

    @property
    def missing(self) -> Path | None:
        """The file that is to hold this kernel, where it is neither loaded nor there; otherwise None."""
        if self._wrapper_address is not None:
            return None
        path: Path | None = self._cache.path_of(self._sig, self._targetdescr.target_context.codegen())
        return path if path is not None and not path.exists() else None

    def inspect_llvm(self) -> str:
        """Return the LLVM instructions of a kernel that was compiled, not loaded."""
        self.compile()
        return str(super().inspect_llvm())


class _DiskCache(NullCache):  # type: ignore[misc]
    """Numba asks this object for a function's compiled code, and gives it newly compiled code.

    A symbol in machine code is global in a process, so the function's name gets a hash of all that it is made of. The
    functions that it calls are told apart by their numbers: see `number_functions_apart`.
    """

    def __init__(self, function: Callable[..., Any], *, by_address: bool = False) -> None:
        self.function, self.by_address = function, by_address
        self.made_of = repr((made_of(function), function.__module__, fingerprint()))
        self.base = function.__qualname__.replace(".<locals>.", ".")
        function.__qualname__ += f"_{hashlib.sha256(self.made_of.encode()).hexdigest()[:16]}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the stored code for these types, ready to run, or None: then this process has the turn to compile."""
        codegen = target_context.codegen()
        key = self._key(sig, codegen)
        path = self._path(key)
        code = None if path is None else disk_cache.load(path, key)
        if code is None and path is not None:
            take_turn(path)
            code = disk_cache.load(path, key)  # by now another process may have stored it
        if code is None:
            announce_compilation()
            return None
        end_turn()
        rtsys.initialize(target_context)  # what stored code calls; all else of Numba is loaded only to compile
        library = _library(codegen, code)
        if self.by_address:
            return SimpleNamespace(library=library, fndesc=SimpleNamespace(llvm_cfunc_wrapper_name=code.words["name"]))
        return self._overload(sigutils.normalize_signature(sig)[0], code.words, library, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store compiled code. If it cannot be stored, warn once and continue."""
        if not _stands_alone(data, self.by_address):
            raise TypeError(
                f"{self.function.__qualname__} needs Python objects when it runs: it cannot be kept on disk"
            )
        key, words = self._key(sig, data.codegen), {"library": data.library.name}
        if self.by_address:
            words["name"] = data.fndesc.llvm_cfunc_wrapper_name
        else:
            words |= {"name": data.fndesc.llvm_cpython_wrapper_name}
            words |= {"mangled": data.fndesc.mangled_name, "environment": data.fndesc.env_name}
        _, _, (code, _) = data.library.serialize_using_object_code()
        path = self._path(key)
        if path is None:
            return
        try:
            disk_cache.save(path, key, disk_cache.Kernel(words, code))
        except OSError as error:
            warn_not_kept(str(error))
        finally:
            end_turn()

    def path_of(self, sig: Any, codegen: Any) -> Path | None:
        """Return the file of the code for these types, or None where there is no folder for it."""
        return self._path(self._key(sig, codegen))

    def _key(self, sig: Any, codegen: Any) -> str:
        return repr((str(sig), codegen.magic_tuple(), self.made_of))

    def _path(self, key: str) -> Path | None:
        folder = folder_of(self.function)
        return folder and folder / f"{self.base}.{hashlib.sha256(key.encode()).hexdigest()[:20]}.kernel"

    def _overload(self, args: Any, words: dict[str, str], library: Any, target_context: Any) -> Any:
        """Return what Numba's dispatcher has for one signature after compiling."""
        code, none = self.function.__code__, numba.types.none
        descriptor = PythonFunctionDescriptor(
            native=True,
            modname=self.function.__module__,
            qualname=self.function.__qualname__,
            unique_name=self.function.__qualname__,
            doc="",
            typemap=None,
            restype=none,
            calltypes=None,
            args=code.co_varnames[: code.co_argcount],
            kws=(),
            mangler=lambda *_, **__: words["mangled"],
            argtypes=args,
            env_name=words["environment"],
        )
        environment, signature = Environment.from_fndesc(descriptor), none(*args)
        entry_point = target_context.get_executable(library, descriptor, environment)
        nothing = dict.fromkeys(CompileResult._fields)
        fields = {"typing_context": target_context.typing_context, "target_context": target_context, "lifted": ()}
        fields |= {"entry_point": entry_point, "fndesc": descriptor, "library": library, "signature": signature}
        return CompileResult(**{**nothing, **fields, "environment": environment, "objectmode": False})


def _library(codegen: Any, kernel: disk_cache.Kernel) -> Any:
    """Return machine code as Numba's library, of which only the named function is visible outside."""
    names = llvmlite.binding.parse_assembly(f'define void @"{kernel.words["name"]}"() {{ ret void }}')
    return codegen.unserialize_library((kernel.words["library"], "object", (kernel.code, names.as_bitcode())))


def _stands_alone(data: Any, by_address: bool) -> bool:
    """Whether a compiled function needs nothing but its machine code: no Python constants, no initialisation."""
    if data.objectmode or data.lifted or data.reload_init or data.library.has_dynamic_globals:
        return False
    return by_address or (data.signature.return_type == numba.types.none and not data.environment.consts)


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
def fingerprint() -> str:
    """Return a hash that changes with the source of the kernels, with Python, and with Numba."""
    sources = sorted(Path(__file__).parents[1].rglob("*.py"))
    versions = f"{sys.implementation.cache_tag} {numba.__version__} {llvmlite.__version__}"
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources) + versions.encode()).hexdigest()


folders: dict[str, Path | None] = {}  # by source file


def folder_of(function: Callable[..., Any]) -> Path | None:
    """Return the folder for a function's code: a folder of this user in the one that Numba would use, or None."""
    source = function.__code__.co_filename
    if source not in folders:
        try:
            folders[source] = disk_cache.private_folder(Path(CompileResultCacheImpl(function).locator.get_cache_path()))
        except (
            RuntimeError,
            OSError,
        ) as error:  # no folder that can be written to
            folders[source] = None
            warn_not_kept(str(error))
    return folders[source]


@cache
def announce_compilation() -> None:
    """Say once, at a terminal, that kernels are being compiled."""
    if sys.stderr.isatty():
        print("compiling kernels for this processor; they are kept, so only the first run waits", file=sys.stderr)


warnings_given: list[str] = []  # at most one in a process


def warn_not_kept(why: str) -> None:
    """Warn once that kernels cannot be kept."""
    if warnings_given:
        return
    warnings_given.append(why)
    warnings.warn(
        f"nnpg's compiled kernels cannot be kept: {why}. Every new process compiles them again; set NUMBA_CACHE_DIR "
        "to a folder that only you can write to",
        stacklevel=5,
    )
