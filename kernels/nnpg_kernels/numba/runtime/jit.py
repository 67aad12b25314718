"""How a kernel is compiled: once for a processor, kept on disk (see `disk_cache`), and run without the GIL.

Numba keeps what it compiled too, but as a pickle, which runs whatever somebody wrote into it; and it knows a kernel by
its own file and by its closure: a change in what the kernel is made of would not reach it, and a closure over another
compiled function is never found again. So here each kernel has a file of its own, named after all that it is made of.

    jit       for functions that other compiled functions call: they become part of these, and are not kept
    entry     for functions that Python calls and that return nothing
    kernel    for the kernels of a program, which are called by their address
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import llvmlite.binding
import numba
from numba.core import sigutils
from numba.core.caching import CompileResultCacheImpl, NullCache
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.environment import Environment
from numba.core.funcdesc import PythonFunctionDescriptor

from nnpg_kernels.numba.runtime import disk_cache

VOID_OF_FIVE = numba.types.void(*[numba.types.int64] * 5)


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function as part of the compiled functions that call it."""
    return numba.njit(nogil=True, error_model="numpy")(function)


def entry(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls, at its first call, and keep the result on disk. It returns nothing."""
    cache = _Kept(function)
    compiled = jit(function)
    compiled._cache = cache
    return compiled


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a kernel of a program now, to a function that is called by its address: see `program`."""
    cache = _Kept(function, by_address=True)
    compiled: Any = CFunc(function, (VOID_OF_FIVE.args, VOID_OF_FIVE.return_type), {}, {"error_model": "numpy"})
    compiled._cache = cache
    compiled.compile()
    return compiled


class _Kept(NullCache):  # type: ignore[misc]
    """What Numba asks for a function's compiled code, and tells when it has compiled it.

    A symbol in machine code is known to the whole process, and Numba numbers its functions anew in each process: two
    kernels compiled by two processes could have one name. So the function's name gets a hash of what it is made of.
    """

    def __init__(self, function: Callable[..., Any], *, by_address: bool = False) -> None:
        self.function, self.by_address = function, by_address
        self.made_of = repr((made_of(function), function.__module__, fingerprint()))
        self.base = function.__qualname__.replace(".<locals>.", ".")
        function.__qualname__ += f"_{hashlib.sha256(self.made_of.encode()).hexdigest()[:16]}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what is kept for these types, ready to run, or None."""
        target_context.refresh()
        codegen = target_context.codegen()
        key = self._key(sig, codegen)
        path = self._path(key)
        found = None if path is None else disk_cache.load(path, key)
        if found is None:
            _compiling()
            return None
        library = _library(codegen, found)
        if self.by_address:
            return SimpleNamespace(library=library, fndesc=SimpleNamespace(llvm_cfunc_wrapper_name=found.words["name"]))
        return self._overload(sigutils.normalize_signature(sig)[0], found.words, library, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled. Where it cannot be kept, say so once and go on."""
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
            _no_cache(str(error))

    def _key(self, sig: Any, codegen: Any) -> str:
        return repr((str(sig), codegen.magic_tuple(), self.made_of))

    def _path(self, key: str) -> Path | None:
        folder = _folder(self.function)
        return folder and folder / f"{self.base}.{hashlib.sha256(key.encode()).hexdigest()[:20]}.kernel"

    def _overload(self, args: Any, words: dict[str, str], library: Any, target_context: Any) -> Any:
        """What Numba's dispatcher keeps for one signature, as it would be after compiling."""
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
        own = {"typing_context": target_context.typing_context, "target_context": target_context, "lifted": ()}
        own |= {"entry_point": entry_point, "fndesc": descriptor, "library": library, "signature": signature}
        return CompileResult(**{**nothing, **own, "environment": environment, "objectmode": False})


def _library(codegen: Any, found: disk_cache.Kernel) -> Any:
    """Machine code as Numba's library; of its functions only the one with the name is seen from outside."""
    names = llvmlite.binding.parse_assembly(f'define void @"{found.words["name"]}"() {{ ret void }}')
    return codegen.unserialize_library((found.words["library"], "object", (found.code, names.as_bitcode())))


def _stands_alone(data: Any, by_address: bool) -> bool:
    """Whether machine code is all that a compiled function needs: no Python constants, nothing to start first."""
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


_folders: dict[str, Path | None] = {}  # by source file


def _folder(function: Callable[..., Any]) -> Path | None:
    """Where a function's code is kept: in a folder of this user, in the one that Numba would take for its source."""
    source = function.__code__.co_filename
    if source not in _folders:
        try:
            _folders[source] = disk_cache.private_folder(
                Path(CompileResultCacheImpl(function).locator.get_cache_path())
            )
        except (RuntimeError, OSError) as error:  # Numba found no folder to write to, or none can be made in it
            _folders[source] = None
            _no_cache(str(error))
    return _folders[source]


@cache
def _compiling() -> None:
    if sys.stderr.isatty():
        print("compiling kernels for this processor; they are kept, so only the first run waits", file=sys.stderr)


_told: list[str] = []  # the one warning of this process


def _no_cache(why: str) -> None:
    if _told:
        return
    _told.append(why)
    warnings.warn(
        f"nnpg's compiled kernels cannot be kept: {why}. Every new process compiles them again; set NUMBA_CACHE_DIR "
        "to a folder of your own that can be written to",
        stacklevel=5,
    )
