"""Who checks the checks? Break every backward in every way a tired hand would; the gradient check must see each one.

Each method `backward` and `gradients` of the layers and interventions, and each `*_delta` and `*_gradient` of the
reference kernels, is parsed, changed in one place (a sign, a factor, a transpose, a comparison, an index, a sum),
compiled again and run through the cheap battery: the gradient check on small rows, and softmax when it is sure.
A mutant that passes is a hole in the tests, unless it computes the same and is listed in SAME with the reason.
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
from nnpg_kernels import numpy_backend

LAYERS = ["layers_linear", "layers_activation", "layers_pooling", "layers_regularising"]
MODULES = [f"nnpg.{name}" for name in [*LAYERS, "interventions"]] + ["nnpg_kernels.numpy_backend"]
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
COMPARISONS = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Eq: ast.NotEq, ast.Is: ast.IsNot}
DROPPED = {"swapaxes", "transpose", "sum", "broadcast_to"}  # calls replaced by what they are called on
SWAPPED = {"zeros": "ones", "zeros_like": "ones_like"}
UNKNOWN = "NumPy takes any negative size as the unknown one"
MEMORY_ONLY = {"_a_few"}  # its arguments say how many images at a time: never what comes out

SAME = {
    "Step.backward: return -k.xp.zeros_like(delta)": "-0 is 0",
    "Conv.backward: return k.conv_delta(delta, self.W, self.window, self.groups, x.shape[2:])": "x has 4 axes",
    "Softmax.backward: surest = k.xp.broadcast_to(y.argmax(axis=1)[..., None], (*delta.shape[:-1], 1))": "y has 2 axes",
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


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    match node:
        case ast.BinOp(left, op, right):
            if type(op) in ARITHMETIC:
                yield ast.BinOp(left, ARITHMETIC[type(op)](), right)
            if isinstance(op, ast.MatMult):
                yield ast.BinOp(right, op, left)
            yield left
            yield right
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Slice(lower, upper, step):
            if lower:
                yield ast.Slice(one_more(lower), upper, step)
            if upper:
                yield ast.Slice(lower, one_more(upper), step)
        case ast.Constant(value) if type(value) is int:
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(value) if type(value) is bool:
            yield ast.Constant(not value)
        case ast.Compare(left, [op], right) if type(op) in COMPARISONS:
            yield ast.Compare(left, [COMPARISONS[type(op)]()], right)
        case ast.Call(ast.Attribute(value, name), arguments) if name in DROPPED:
            yield arguments[0] if name == "broadcast_to" else value
        case ast.Call(ast.Attribute(value, name), arguments, keywords) if name in SWAPPED:
            yield ast.Call(ast.Attribute(value, SWAPPED[name], ast.Load()), arguments, keywords)
        case ast.Call(ast.Attribute(_, "where") as where, [condition, yes, no]):
            yield ast.Call(where, [condition, no, yes], [])
        case ast.Attribute(value, "T"):
            yield value
        case ast.IfExp(_, body, orelse):
            yield body
            yield orelse
        case ast.AugAssign(target, ast.Add(), value):
            yield ast.AugAssign(target, ast.Sub(), value)
            yield ast.Pass()
        case ast.Assign([ast.Name(name)], ast.BinOp()) if name == "delta":
            yield ast.Pass()
        case ast.Return(ast.Dict(keys, values)):
            for n, value in enumerate(values):
                yield ast.Return(ast.Dict(keys, [*values[:n], negative(value), *values[n + 1 :]]))
        case ast.Return(ast.expr() as value) if not isinstance(value, ast.IfExp):
            yield ast.Return(negative(value))
        case ast.Dict(keys, values):
            for n, value in enumerate(values):
                yield ast.Dict(keys, [*values[:n], negative(value), *values[n + 1 :]])


def one_more(bound: ast.expr) -> ast.expr:
    return ast.BinOp(bound, ast.Add(), ast.Constant(1))


def negative(value: ast.expr) -> ast.UnaryOp:
    return ast.UnaryOp(ast.USub(), value)


def places(function: ast.FunctionDef) -> Iterator[tuple[ast.AST, str, int | None, ast.AST, ast.AST]]:
    """Every node of the body, as (parent, field, position in it, node, statement); not what only costs memory."""
    stack: list[tuple[ast.AST, ast.AST]] = [(function, function)]
    while stack:
        parent, statement = stack.pop()
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in MEMORY_ONLY:
            continue
        for field, value in ast.iter_fields(parent):
            if parent is function and field != "body":
                continue
            for n, child in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(child, ast.AST):
                    inside = child if isinstance(child, ast.stmt) else statement
                    stack.append((child, inside))
                    yield parent, field, n if isinstance(value, list) else None, child, statement


@cache
def mutants(module: str) -> list[Mutant]:
    return list(mutations(module))


def mutations(module: str) -> Iterator[Mutant]:
    tree = source(module)
    for name, f in functions(tree):
        for place, (*_, node, _) in enumerate(places(f)):
            for choice in range(len(list(changes(node)))):
                mutated = copy.deepcopy(tree)
                parent, field, n, old, statement = list(places(dict(functions(mutated))[name]))[place]
                replacement = list(changes(old))[choice]
                if n is None:
                    setattr(parent, field, replacement)
                else:
                    getattr(parent, field)[n] = replacement
                shown = replacement if isinstance(replacement, ast.stmt) else statement
                text = ast.unparse(ast.fix_missing_locations(shown)).splitlines()[0]
                if isinstance(replacement, ast.Pass):
                    text = f"without {ast.unparse(old)}"
                yield Mutant(module, name, text, ast.fix_missing_locations(mutated))


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
    """Of a class that float32 is sure of, the delta is small but not 0: y_t (1 - y_t) = e^-40 for the logits 0, -40."""
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
