"""Tests of the tests: every backward is changed by typical mistakes; the gradient check must find each one.

Each method `backward` and `gradients` of the layers and interventions, and each `*_delta` and `*_gradient` of the
reference kernels, is parsed, changed in one place (a sign, a factor, a transpose, a comparison, an index, a sum),
compiled again and run through the cheap battery: the gradient check on small rows, and softmax where y_t is nearly 1.
A mutant that passes shows a missing test, unless it computes the same and is listed in SAME with the reason.
"""

from __future__ import annotations

import ast
import copy
import importlib
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_rows import ROWS, Row

import nnpg
from mutation.mutants import mutated
from nnpg_kernels import numpy_backend

LAYERS = ["layers.linear", "layers.activation", "layers.pooling", "layers.regularising"]
MODULES = [f"nnpg.{name}" for name in [*LAYERS, "interventions"]] + ["nnpg_kernels.numpy_backend"]
UNKNOWN = "NumPy takes any negative size as the unknown one"

SAME = {
    "Step.backward: return -k.xp.zeros_like(delta)": "-0 is 0",
    "Conv.backward: return k.conv_delta(delta, self.W, self.window, self.groups, x.shape[2:])": "x has 4 axes",
    "Softmax.backward: winner = k.xp.broadcast_to(y.argmax(axis=1)[..., None], (*delta.shape[:-1], 1))": "y has 2 axes",
    "conv_gradient: patches = _patches(x[images], window, groups).swapaxes(-1, 2)": "patches have 4 axes",
    "conv_delta: delta = delta.reshape(-2, groups, F // groups, H * Wd)": UNKNOWN,
    "conv_delta: patches = (filters @ delta[images]).reshape(-2, groups * C, I, J, H, Wd)": UNKNOWN,
    "conv_gradient: delta = delta.reshape(-2, N, groups, F // groups, H * Wd)": UNKNOWN,
}


@dataclass(frozen=True)
class Mutant:
    module: str
    function: str  # "Tanh.backward"
    change: str  # its first line as the mutant has it
    tree: ast.Module

    @property
    def name(self) -> str:
        return f"{self.function}: {self.change}"

    def load(self) -> types.ModuleType:
        return compiled(self.tree, self.module)


def source(module: str) -> ast.Module:
    return ast.parse(Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8"))


def compiled(tree: ast.Module, name: str) -> types.ModuleType:
    module = types.ModuleType(name)  # not in sys.modules: the real one stays in use
    exec(compile(tree, f"<mutant of {name}>", "exec"), vars(module))
    return module


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.decorator_list:  # a dataclass; the protocol has no bodies
            for f in node.body:
                if isinstance(f, ast.FunctionDef) and f.name in ("backward", "gradients"):
                    yield f"{node.name}.{f.name}", f
        elif isinstance(node, ast.FunctionDef) and node.name.endswith(("_delta", "_gradient", "_unpadded")):
            yield node.name, node


@cache
def mutants(module: str) -> list[Mutant]:
    return list(mutations(module))


def mutations(module: str) -> Iterator[Mutant]:
    tree = source(module)
    for name, f in functions(tree):
        for text, mutant in mutated(f):
            yield Mutant(module, name, text, replaced(tree, f, mutant))


def replaced(tree: ast.Module, old: ast.FunctionDef, new: ast.FunctionDef) -> ast.Module:
    """The tree with one function exchanged; it shares all others."""

    def part(node: ast.stmt) -> ast.stmt:
        if node is old:
            return new
        if isinstance(node, ast.ClassDef) and old in node.body:
            node = copy.copy(node)
            node.body = [part(inner) for inner in node.body]
        return node

    return ast.Module([part(node) for node in tree.body], tree.type_ignores)


# The battery


def remade(layer: Any, module: types.ModuleType) -> Any:
    """The same layer, of the mutant's class."""
    cls = getattr(module, type(layer).__name__)
    return cls(**{f.name: getattr(layer, f.name) for f in fields(layer)})


def red(check: Callable[[], bool]) -> bool:
    """Whether a check fails; a mutant that raises is caught as well."""
    try:
        return not check()
    except Exception:
        return True


def passes(layer: Any, row: Row, k: Any) -> bool:
    return nnpg.gradcheck(layer, row.x(N=2), backend=k, raise_on_failure=False).ok


def sure_softmax(softmax: Any) -> bool:
    """Where y_t rounds to 1 in float32, the delta is small but not 0: y_t (1 - y_t) = e^-40 for the logits 0, -40."""
    y, saved = softmax.forward(numpy_backend, np.array([[0, -40, -50]], np.float32))
    dx = softmax.backward(numpy_backend, np.array([[1, 0, 0]], np.float32), saved)
    return bool(y[0, 0] == 1 and np.allclose(dx, [[np.exp(-40), -np.exp(-40), -np.exp(-50)]], rtol=1e-3, atol=0))


def rows_of(*names: str) -> list[Row]:
    """Rows of these layers, the one with most in it first."""
    return sorted((r for r in ROWS if type(r.layer).__name__ in names), key=lambda r: "all at once" not in r.name)


UNITS = np.array([[True], [False], [True]])
VALUES = np.random.default_rng(0).standard_normal((4, 3, 5))
CHANGES = [
    nnpg.Override(UNITS, VALUES[0]),
    nnpg.Resample(UNITS, VALUES, key=1),
    nnpg.Clamp(-0.3, 0.4),
    nnpg.Perturb(VALUES[0]),
]


def intervened(change: Any) -> nnpg.Network:
    return nnpg.Network({"tanh1": nnpg.Tanh(), "tanh2": nnpg.Tanh()}, (3, 5), numpy_backend).intervene("tanh1", change)  # type: ignore[arg-type]


def caught(module: str, function: str, loaded: types.ModuleType) -> bool:
    cls = function.split(".")[0]
    if module.endswith("numpy_backend"):
        kinds = {"conv": ["Conv"], "max_": ["MaxPool"], "avg_": ["AvgPool"]}.get(function[:4], ["Conv", "MaxPool"])
        return any(red(lambda row=row: passes(row.layer, row, loaded)) for row in rows_of(*kinds))  # type: ignore[misc]
    if module.endswith("interventions"):
        (change,) = (c for c in CHANGES if type(c).__name__ == cls)
        return red(lambda: nnpg.gradcheck(intervened(remade(change, loaded)), raise_on_failure=False).ok)
    if cls == "Softmax" and red(lambda: sure_softmax(loaded.Softmax())):
        return True
    return any(red(lambda row=row: passes(remade(row.layer, loaded), row, numpy_backend)) for row in rows_of(cls))  # type: ignore[misc]


# The tests


@pytest.mark.parametrize("module", MODULES)
def test_the_battery_lets_the_originals_pass(module: str) -> None:
    """Compiled the same way but unchanged: what is caught below is caught for the change alone."""
    tree = source(module)
    loaded = compiled(tree, module)
    names = [name for name, _ in functions(tree)]
    assert names
    assert [name for name in names if caught(module, name, loaded)] == []


@pytest.mark.parametrize("module", MODULES)
def test_every_mutant_is_caught(module: str) -> None:
    every = mutants(module)
    survivors = [m.name for m in every if m.name not in SAME and not caught(m.module, m.function, m.load())]
    assert survivors == [], f"{len(survivors)} of {len(every)} mutants pass the battery"


def test_the_list_of_equal_mutants_is_not_stale() -> None:
    every = {m.name: m for module in MODULES for m in mutants(module)}
    assert len(every) > 300
    assert set(SAME) <= set(every)
    assert [name for name in SAME if caught(every[name].module, every[name].function, every[name].load())] == []
