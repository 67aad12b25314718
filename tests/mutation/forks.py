"""Mutants in forks of one process: a mutant that crashes, hangs or writes where it must not ends nothing but its fork.

The function object keeps its identity and gets the mutant's code, so that whoever holds it runs the mutant.
"""

from __future__ import annotations

import ast
import importlib
import os
import signal
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

from mutation.mutants import mutated
from nnpg_kernels.numba.runtime import disk_cache, together

SECONDS = 30  # that a mutant may take: longer counts as a failure


@dataclass(frozen=True)
class Target:
    """Functions of a module, and the tests that must fail when one of them is wrong.

    `battery` computes everything again and raises AssertionError where an answer is wrong.
    """

    module: str
    functions: tuple[str, ...]  # "Network.backward", "class_seed"
    battery: Callable[[], None]


@dataclass(frozen=True)
class Mutant:
    module: str
    function: str
    change: str
    code: types.CodeType

    @property
    def name(self) -> str:
        return f"{self.function}: {self.change}"


def mutants_of(target: Target) -> Iterator[Mutant]:
    tree = ast.parse(text_of(target.module))
    for name in target.functions:
        for change, node in mutated(without_messages(definition(tree, name))):
            yield Mutant(target.module, name, change, code_of(node, name))


def text_of(module: str) -> str:
    """The source of a module."""
    return Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8")


def definition(tree: ast.Module, name: str) -> ast.FunctionDef:
    """The function of that name, with its class before a dot."""
    *classes, last = name.split(".")
    body: list[ast.stmt] = tree.body
    for cls in classes:
        (body,) = (node.body for node in body if isinstance(node, ast.ClassDef) and node.name == cls)
    (function,) = (node for node in body if isinstance(node, ast.FunctionDef) and node.name == last)
    return function


def without_messages(function: ast.FunctionDef) -> ast.FunctionDef:
    """The function without `assert` and annotations, and without what a `raise` says: its numbers are words."""

    class Silent(ast.NodeTransformer):
        def visit_Raise(self, node: ast.Raise) -> ast.stmt:
            kind = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            return ast.copy_location(ast.Raise(kind, None), node)

        def visit_Assert(self, node: ast.Assert) -> ast.stmt:
            return ast.copy_location(ast.Pass(), node)

        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
            if node.value is None:
                return ast.copy_location(ast.Pass(), node)
            return ast.copy_location(ast.Assign([node.target], self.visit(node.value)), node)

    return ast.fix_missing_locations(Silent().visit(function))


def code_of(function: ast.FunctionDef, name: str) -> types.CodeType:
    """The compiled code of a function; its qualified name does not matter to who calls it."""
    function.decorator_list = []
    module = ast.fix_missing_locations(ast.Module([function], []))
    whole = compile(module, f"<mutant of {name}>", "exec", flags=annotations_are_text(), dont_inherit=True)
    (code,) = (c for c in whole.co_consts if isinstance(c, types.CodeType) and c.co_name == function.name)
    return code


def annotations_are_text() -> int:
    import __future__

    return __future__.annotations.compiler_flag


def function_object(module: str, name: str) -> Any:
    """The function itself, also where it is a property."""
    owner: Any = importlib.import_module(module)
    for part in name.split("."):
        owner = vars(owner)[part]
    if isinstance(owner, property):
        return owner.fget
    if isinstance(owner, cached_property):
        return owner.func
    return getattr(owner, "__func__", owner)


def survives(mutant: Mutant, battery: Callable[[], None]) -> bool:
    """Whether a battery passes with this mutant in place; tried in a fork."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # its default is the end of the process
        signal.alarm(SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        warnings.simplefilter("error")
        # The key of a kernel does not see what a mutant changes: its code must not be kept in place of the true one.
        mock.patch.object(disk_cache, "save", return_value=None).start()
        mock.patch.object(together, "MOST", 1).start()  # another process would compile the true one
        try:
            function_object(mutant.module, mutant.function).__code__ = mutant.code
            battery()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def report(targets: Sequence[Target], same: Mapping[str, Mapping[str, str]], share: int = 1) -> int:
    """Try every mutant, or each `share`-th one; print counts and survivors; return how many lines are wrong.

    Which mutant comes first depends on the text of the module, so that other mutants are tried whenever it changes.
    Those listed as the same are tried where all are: an entry is stale unless it stands for one that survives.
    """
    wrong = 0
    for target in targets:
        known, used = same.get(target.module, {}), set()
        target.battery()  # unchanged functions pass, so a failure below comes from the change alone
        every = list(mutants_of(target))
        tried, alive = every[int(sha256(text_of(target.module).encode()).hexdigest(), 16) % share :: share], []
        for mutant in tried:
            key = listed(mutant.name, known)
            if not key:
                alive += [mutant.name] * survives(mutant, target.battery)
            elif key in used or share > 1 or survives(mutant, target.battery):
                used.add(key)
        here = tuple(f"{name}: " for name in target.functions)
        stale = [key for key in known if key.startswith(here) and key not in used] if share == 1 else []
        wrong += len(alive) + len(stale)
        print(f"{target.module}: {len(tried)} of {len(every)} mutants tried, {len(alive)} survive", flush=True)
        for text in (*alive, *(f"listed as the same, but no survivor: {key}" for key in stale)):
            print(f"    {text}", flush=True)
    return wrong


def stale(targets: Sequence[Target], same: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the entries of the list that stand for no mutant of any target, of the modules that are targets."""
    used = {
        (target.module, listed(mutant.name, same.get(target.module, {})))
        for target in targets
        for mutant in mutants_of(target)
    }
    modules = {target.module for target in targets}
    return [
        f"{module}: {key}"
        for module, known in same.items()
        for key in known
        if (module, key) not in used and module in modules
    ]


def listed(name: str, same: Mapping[str, str]) -> str:
    """The entry that lists a mutant as one that computes the same, or ""; one that ends in ... stands for a group."""
    return next((key for key in same if (name.startswith(key[:-3]) if key.endswith("...") else name == key)), "")
