"""Every public name of the library: where it is found, what it is, and on which page of the reference."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from nnpg_docs.sources import modules
from nnpg_docs.themes import CHOSEN, INTERNAL, OPEN_ROOMS, THEMES, VALUES, Theme


@dataclass(frozen=True)
class Public:
    """One public name.

    Attributes
    ----------
    name : str
        The shortest dotted name, by which it is documented: "nnpg.Conv".
    others : tuple of str
        The other dotted names under which a module has it in its `__all__`, and the true one.
    value : object
    home : str
        The module that defines it, or that has it in its `__all__` where it is no function or class.
    """

    name: str
    others: tuple[str, ...]
    value: Any
    home: str

    @property
    def summary(self) -> str:
        """The first line of its docstring; of what is neither a function nor a class, the words of `VALUES`."""
        if not (inspect.isroutine(self.value) or inspect.isclass(self.value)):
            return VALUES[self.name]
        return (inspect.getdoc(self.value) or "").partition("\n")[0]


def names_of(module: str) -> tuple[str, ...]:
    """Return the public names of a module: its `__all__`, or the functions and classes that it defines."""
    if module in CHOSEN:
        return CHOSEN[module]
    listed = getattr(import_module(module), "__all__", None)
    if listed is not None:
        return tuple(listed)
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    made = (node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    return tuple(name for name in made if not name.startswith("_"))


def inside(module: str, room: str) -> bool:
    """Whether a module is a room or in it."""
    return module == room or module.startswith(room + ".")


def public_modules() -> Iterator[str]:
    """Yield the modules of which every public name is documented, from `nnpg` on."""
    listed = dict.fromkeys(["nnpg", *(module for theme in THEMES for module in theme.modules)])
    for module in modules():
        if any(inside(module, room) for room in OPEN_ROOMS):
            listed[module] = None
    yield from listed


def modules_with_all() -> Iterator[str]:
    """Yield each module of the library that has an `__all__` and is not for its own use."""
    for module, file in modules().items():
        if module.split(".")[0] in ("experiments", "tests") or any(inside(module, room) for room in INTERNAL):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            yield module


@cache
def public_names() -> tuple[Public, ...]:
    """Return every public name once, in the order of the modules."""
    found: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for module in public_modules():
        for name in names_of(module):
            value = getattr(import_module(module), name)
            key = (id(value), "") if inspect.isroutine(value) or inspect.isclass(value) else (id(value), name)
            found.setdefault(key, []).append((module, name))
    return tuple(_public(places) for places in found.values())


def _public(places: list[tuple[str, str]]) -> Public:
    value = getattr(import_module(places[0][0]), places[0][1])
    defined = inspect.isroutine(value) or inspect.isclass(value)
    home = value.__module__ if defined else places[-1][0]
    paths = sorted({f"{module}.{name}" for module, name in places}, key=lambda path: (path.count("."), path))
    true = {f"{home}.{value.__qualname__}"} if defined else set()
    return Public(paths[0], tuple(sorted({*paths[1:], *true} - {paths[0]})), value, home)


def theme_of(public: Public) -> Theme:
    """Return the theme that has the module of a name, or the nearest room around it."""
    rooms = [(len(module), theme) for theme in THEMES for module in theme.modules if inside(public.home, module)]
    if not rooms:
        raise LookupError(f"{public.name} is defined in {public.home}, which no theme of the reference has")
    return max(rooms, key=lambda room: room[0])[1]


def documented_as(target: str) -> str | None:
    """Return the name by which what `target` names is documented; None if it is not.

    The target is a dotted name, of an attribute too, or a name that only one public thing has.

    Examples
    --------
    >>> documented_as("nnpg.layers.linear.Conv.backward"), documented_as("saliency_map"), documented_as("nnpg.network")
    ('nnpg.Conv.backward', 'nnpg.maps.saliency_map', None)
    """
    known = _known()
    parts = target.split(".")
    for n in range(len(parts), 0, -1):
        name = known.get(".".join(parts[:n]))
        if name is not None:
            return ".".join([name, *parts[n:]])
    return None


@cache
def _known() -> dict[str, str]:
    known: dict[str, str] = {}
    ends: dict[str, set[str]] = {}
    for public in public_names():
        for name in (public.name, *public.others):
            known[name] = public.name
        ends.setdefault(public.name.rpartition(".")[2], set()).add(public.name)
    return {**{end: min(names) for end, names in ends.items() if len(names) == 1}, **known}


def place_of(public: Public, attribute: str = "") -> tuple[str, int] | None:
    """Return the module and the line where a function, class or method is defined; None where Python does not know."""
    value: Any = public.value
    for part in attribute.split(".") if attribute else ():
        value = inspect.getattr_static(value, part, None)
    value = inspect.unwrap(getattr(value, "fget", None) or getattr(value, "__func__", value))
    try:
        lines, first = inspect.getsourcelines(value)
    except (TypeError, OSError):
        return None
    skipped = next((n for n, line in enumerate(lines) if line.lstrip().startswith(("def ", "class "))), 0)
    module = value.__module__
    return (module, first + skipped) if module in modules() and module in sys.modules else None
