"""The imports of this checkout: which file imports which, read from the sources without running them.

An import counts wherever it stands: at the top of a file, in a function, under ``TYPE_CHECKING``, or as
``import_module("a.constant.name")``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parent.parent
TREES = {
    "nnpg": "nnpg",
    "nnpg_command": "nnpg_command",
    "nnpg_kernels": "kernels/nnpg_kernels",
    "experiments": "experiments",
    "benchmarks": "benchmarks",
    "nnpg_docs": "docs/nnpg_docs",
}


class Import(NamedTuple):
    """One import: its file and line, the module of this checkout that it names, and the name taken from it."""

    importer: str
    line: int
    module: str
    name: str | None = None

    def __str__(self) -> str:
        taken = f"import {self.module}" if self.name is None else f"from {self.module} import {self.name}"
        return f"{place(self.importer, self.line)}: {taken}"


@cache
def modules() -> dict[str, Path]:
    """Return every module of this checkout by its dotted name; a package is its ``__init__.py``."""
    files = {}
    for package, folder in TREES.items():
        for file in sorted((CHECKOUT / folder).rglob("*.py")):
            parts = (package, *file.relative_to(CHECKOUT / folder).with_suffix("").parts)
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return files


@cache
def tree(module: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(modules()[module].read_text())


def place(module: str, line: int) -> str:
    """Return file:line, with the file's path in the checkout."""
    return f"{modules()[module].relative_to(CHECKOUT)}:{line}"


@cache
def imports() -> tuple[Import, ...]:
    """Return every import of one module of this checkout in another."""
    return tuple(arrow for module in modules() for arrow in _imports(module) if arrow.module != module)


def _imports(module: str) -> Iterator[Import]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (Import(module, node.lineno, alias.name) for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom):
            source = _source(module, node)
            for alias in node.names:
                if f"{source}.{alias.name}" in modules():
                    yield Import(module, node.lineno, f"{source}.{alias.name}")
                elif source in modules():
                    yield Import(module, node.lineno, source, alias.name)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and argument.value in modules():
                    yield Import(module, node.lineno, argument.value)


def _source(module: str, node: ast.ImportFrom) -> str:
    """Return the absolute name of what ``from ... import`` names."""
    if not node.level:
        return node.module or ""
    parts = module.split(".") if modules()[module].name == "__init__.py" else module.split(".")[:-1]
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *(node.module or "").split(".")]).rstrip(".")


def room(module: str) -> str:
    """Return the room of a module: a folder or a module at the root of nnpg, or another package as a whole.

    Examples
    --------
    >>> room("nnpg.programs.numba.training"), room("nnpg.network"), room("experiments.thesis.th1_noise")
    ('nnpg.programs', 'nnpg.network', 'experiments')
    """
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "nnpg" else parts[0]


def circles(arrows: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return a shortest circle through each node that is in one and in no circle found before it.

    Examples
    --------
    >>> circles([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")])
    [['a', 'b', 'c', 'a']]
    """
    ways: dict[str, list[str]] = {}
    for tail, head in sorted(set(arrows)):
        ways.setdefault(tail, []).append(head)
    in_circles: set[str] = set()
    shortest = []
    for start in ways:
        circle = None if start in in_circles else _way_back(ways, start)
        if circle:
            in_circles.update(circle)
            shortest.append(circle)
    return shortest


def _way_back(ways: Mapping[str, list[str]], start: str) -> list[str] | None:
    """Return the shortest way from a node back to it."""
    paths = [[start]]
    reached: set[str] = set()
    for path in paths:  # grows while it is read: breadth first
        for head in ways.get(path[-1], ()):
            if head == start:
                return [*path, start]
            if head not in reached:
                reached.add(head)
                paths.append([*path, head])
    return None
