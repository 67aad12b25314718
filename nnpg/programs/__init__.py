"""The compiled program of a backend for a network and a task, or the reason why there is none.

    program = programs.find(net, Predict())
    y = program.run(x) if program else ...layer by layer...

The layers are the definition. There is a program only where its result is the same: subclasses, replaced functions and
interventions of a user are never ignored. `plan` says which layers run as one, `guards` checks the arrays, and the
programs of each backend have a separate folder.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from nnpg.network import Network
from nnpg.programs.tasks import Task

PROGRAMS = {  # module of a backend: package of its programs
    "nnpg_kernels.numba.backend": "nnpg.programs.numba",
    "nnpg_kernels.cupy_backend": "nnpg.programs.cuda",
}

_demanded: ContextVar[bool] = ContextVar("nnpg_compiled_programs_demanded", default=False)
_record: ContextVar[dict[str, set[str]] | None] = ContextVar("nnpg_ways_of_computing", default=None)


class NotCompiled(RuntimeError):
    """There is no compiled program where `require_compiled` demands one. The message names task, network and reason."""


@dataclass(frozen=True, eq=False)
class Found:
    """The result of `find`; true if there is a program.

    Parameters
    ----------
    run : function or None
        Runs the program; `nnpg.programs.tasks` has the arguments and the result for each task.
    why_not : str
        Why there is no program; "" if there is one.

    Examples
    --------
    >>> found = Found(None, "the backend 'numpy' has no compiled programs")
    >>> bool(found), found.computed
    (False, "layer by layer, because the backend 'numpy' has no compiled programs")
    """

    run: Callable[..., Any] | None
    why_not: str = ""

    def __bool__(self) -> bool:
        return self.run is not None

    @property
    def computed(self) -> str:
        """How the task is computed, in words."""
        return "compiled" if self else f"layer by layer, because {self.why_not}"


def find(net: Network, task: Task) -> Found:
    """Return the program of this network's backend for a task, or the reason why there is none.

    Raises
    ------
    NotCompiled
        If there is none, inside `require_compiled`.
    """
    found = look(net, task)
    if not found and _demanded.get():
        raise NotCompiled(f"{task.name}, {net!r}: layer by layer, because {found.why_not}")
    record = _record.get()
    if record is not None:
        record.setdefault(task.name, set()).add(found.computed)
    return found


def look(net: Network, task: Task) -> Found:
    """Return the same as `find`, but never raise NotCompiled."""
    if not has_programs(net):
        return Found(None, f"the backend {net.backend.name!r} has no compiled programs")
    return importlib.import_module(PROGRAMS[net.backend.__name__]).find(net, task)  # type: ignore[attr-defined]


def has_programs(net: Network) -> bool:
    """Whether the network's backend is one of the modules that have programs, not another module of the same name."""
    module = getattr(net.backend, "__name__", "")
    return module in PROGRAMS and sys.modules.get(module) is net.backend


@contextmanager
def require_compiled() -> Iterator[None]:
    """Demand compiled programs: inside, a task that would run layer by layer raises `NotCompiled` instead.

    For tests and benchmarks of the compiled programs, and for long runs that must not be slow by mistake. It affects
    only the calling thread. `nnpg.compilation_report(net)` says beforehand what is compiled.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> net = nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0, backend="numpy")
    >>> with nnpg.require_compiled():
    ...     nnpg.predict(net, np.zeros((1, 2)))
    Traceback (most recent call last):
    nnpg.programs.NotCompiled: predict, Network (2,) -> dense1 (9 parameters, float32, numpy): layer by layer,
    because the backend 'numpy' has no compiled programs
    """
    token = _demanded.set(True)
    try:
        yield
    finally:
        _demanded.reset(token)


@contextmanager
def recorded() -> Iterator[dict[str, set[str]]]:
    """Record how each task inside is computed, by the name of its public function, for the report of a result.

    Tasks that other processes compute are not recorded.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> net = nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0, backend="numpy")
    >>> with recorded() as ways:
    ...     y = nnpg.predict(net, np.zeros((1, 2)))
    >>> ways
    {'predict': {"layer by layer, because the backend 'numpy' has no compiled programs"}}
    """
    ways: dict[str, set[str]] = {}
    token = _record.set(ways)
    try:
        yield ways
    finally:
        _record.reset(token)
