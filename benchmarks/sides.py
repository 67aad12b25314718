"""Both sides of a workload by name, and what to install where one is missing."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from benchmarks import ours, own_training
from benchmarks.contender import Contender
from benchmarks.workloads import Workload

COMPETITORS = {"torch": "benchmarks.torch_cpu", "jax": "benchmarks.jax_cpu"}
INSTALL = "pip install -e '.[bench]'"


def absent(framework: str) -> bool:
    """Say whether a competitor is not installed."""
    return framework in COMPETITORS and find_spec(framework) is None


def competitors(workload: Workload, framework: str, backend: str, only: str | None = None) -> list[Contender]:
    """Prepare every configuration of a framework, or the one of that name; `backend` is for our own trainings."""
    if framework == "nnpg":
        return [ours.own_epoch(workload, backend)]
    if framework == "layers":
        return [own_training.by_layers(workload, backend)]
    result: list[Contender] = import_module(COMPETITORS[framework]).contenders(workload, only)
    return result


def contender(workload: Workload, name: str, backend: str) -> Contender:
    """Prepare one contender by its name; "nnpg" is our side."""
    if name == "nnpg":
        return ours.contender(workload, backend)
    return competitors(workload, name.split()[0], backend, only=name)[0]
