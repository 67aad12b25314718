"""The protocol of backends, and `load`, which imports one by name."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType
from typing import Any, Protocol, cast

import numpy.typing as npt

from nnpg_kernels.geometry import Window

Array = npt.NDArray[Any]

PACKAGE = "numba"  # that of the compiled kernels
BACKENDS = {
    "numpy": "nnpg_kernels.numpy_backend",
    "numba": "nnpg_kernels.numba.backend",
    "cupy": "nnpg_kernels.cupy_backend",
}


class Backend(Protocol):
    """A module of kernels. `definition` says what each of them computes, as plain loops.

    Otherwise the engine uses only a backend's array module `xp`.
    """

    @property
    def name(self) -> str: ...
    @property
    def xp(self) -> ModuleType: ...
    def asarray(self, a: npt.ArrayLike) -> Array: ...
    def to_numpy(self, a: Array) -> npt.NDArray[Any]: ...
    def conv_forward(self, x: Array, W: Array, b: Array | None, window: Window, groups: int = 1) -> Array: ...
    def conv_delta(self, delta: Array, W: Array, window: Window, groups: int, shape: tuple[int, int]) -> Array: ...
    def conv_gradient(self, delta: Array, x: Array, window: Window, groups: int = 1) -> Array: ...
    def max_pool_forward(self, x: Array, window: Window) -> tuple[Array, Array]: ...
    def max_pool_delta(self, delta: Array, winner: Array, window: Window, shape: tuple[int, int]) -> Array: ...
    def avg_pool_forward(self, x: Array, window: Window) -> Array: ...
    def avg_pool_delta(self, delta: Array, window: Window, shape: tuple[int, int]) -> Array: ...


def load(name: str = "auto") -> Backend:
    """Import a backend by name; "auto" is the fastest one that runs on this machine's CPU, never a device.

    "auto" is "numba", or "numpy" where Numba is not installed. Where it is installed and cannot be imported, "auto" is
    "numpy" too, with a warning that says why.

    Raises
    ------
    ValueError
        If there is no backend of that name.
    ImportError
        If Numba cannot be imported for "numba", or "cupy" lacks CuPy, a device, or a driver that is new enough; it
        says which, and what to install.

    Examples
    --------
    >>> load("numpy").name
    'numpy'
    """
    if not isinstance(name, str):
        raise TypeError(f"backend must be auto, {', '.join(BACKENDS)}, not {name!r}")
    chosen = name if name != "auto" else _fastest()
    if chosen not in BACKENDS:
        raise ValueError(f"no backend named {name!r}: choose one of auto, {', '.join(BACKENDS)}")
    if chosen == "numba":
        problem = _problem_of_numba()
        if problem is not None:
            raise ImportError(
                f"the backend 'numba' needs Numba, which cannot be imported ({problem}): pip install numba, or take "
                "the slower backend 'numpy'"
            ) from problem
    return cast(Backend, importlib.import_module(BACKENDS[chosen]))


def _fastest() -> str:
    """Return the backend that "auto" is on this machine."""
    problem = _problem_of_numba()
    if problem is None:
        return "numba"
    if not (isinstance(problem, ModuleNotFoundError) and problem.name == PACKAGE):
        warnings.warn(
            f"Numba is installed but cannot be imported ({problem}): the slower backend 'numpy' computes instead",
            RuntimeWarning,
            stacklevel=3,
        )
    return "numpy"


def _problem_of_numba() -> ImportError | None:
    """Return the error of importing Numba, if there is one."""
    try:
        importlib.import_module(PACKAGE)
    except ImportError as error:
        return error
    return None
