"""The sources that the site shows, and the one line of them that a text names."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PACKAGES = {"nnpg": "nnpg", "nnpg_kernels": "kernels/nnpg_kernels", "experiments": "experiments", "tests": "tests"}


class LineError(ValueError):
    """A text that does not name exactly one line of the sources."""


@dataclass(frozen=True)
class Line:
    """One line of the sources.

    Attributes
    ----------
    module : str
        The module that it is in.
    number : int
        Counted from 1.
    text : str
        The line without the spaces around it.
    """

    module: str
    number: int
    text: str

    @property
    def place(self) -> str:
        """File and number, such as "nnpg/layers/linear.py:152"."""
        return f"{path_in_checkout(self.module)}:{self.number}"


@cache
def modules() -> dict[str, Path]:
    """Return the file of each module that the site shows."""
    files = {}
    for package, folder in PACKAGES.items():
        for file in sorted((CHECKOUT / folder).rglob("*.py")):
            parts = (package, *file.relative_to(CHECKOUT / folder).with_suffix("").parts)
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return files


def path_in_checkout(module: str) -> str:
    """Return the file of a module as a path from the top of the checkout, with "/"."""
    return modules()[module].relative_to(CHECKOUT).as_posix()


def find_line(target: str) -> Line:
    """Return the line that "object: text" names: the only one of the object's source that has the text in it.

    The object is a module, class, function or method by its true name, where it is defined, such as
    "nnpg.layers.linear.Conv.backward".

    Raises
    ------
    LineError
        If there is no such object, or no line or several lines of it have the text.

    Examples
    --------
    >>> line = find_line("nnpg.layers.linear.Conv.backward: k.conv_delta")
    >>> line.module, "conv_delta" in line.text
    ('nnpg.layers.linear', True)
    >>> find_line("nnpg.layers.linear.Conv.backward: conv_gamma")
    Traceback (most recent call last):
    ...
    nnpg_docs.sources.LineError: no line of nnpg.layers.linear.Conv.backward has 'conv_gamma' in it
    """
    name, separator, text = (part.strip() for part in target.partition(": "))
    if not (name and separator and text):
        raise LineError(f"{target!r}: expected the object, a colon, a space, and a part of the line")
    module, first, last = _extent(name)
    lines = modules()[module].read_text(encoding="utf-8").splitlines()
    found = [number for number in range(first, (last or len(lines)) + 1) if text in lines[number - 1]]
    if not found:
        raise LineError(f"no line of {name} has {text!r} in it")
    if len(found) > 1:
        raise LineError(
            f"{len(found)} lines of {name} have {text!r} in them ({', '.join(map(str, found))}): name more of it"
        )
    return Line(module, found[0], lines[found[0] - 1].strip())


def find_object(name: str) -> Line:
    """Return the first line of a module, class, function or method by its true name; LineError if there is none."""
    module, first, _ = _extent(name)
    lines = modules()[module].read_text(encoding="utf-8").splitlines()
    return Line(module, first, lines[first - 1].strip() if lines else "")


def _extent(name: str) -> tuple[str, int, int]:
    """Return the module of an object, and its first and last line; the last of a module is 0."""
    parts = name.split(".")
    module = next((head for n in range(len(parts), 0, -1) if (head := ".".join(parts[:n])) in modules()), None)
    if module is None:
        raise LineError(f"{name}: no module of {', '.join(PACKAGES)} has this name")
    body: list[ast.stmt] = ast.parse(modules()[module].read_text(encoding="utf-8")).body
    first, last = 1, 0
    for depth in range(module.count(".") + 1, len(parts)):
        inner = [node for node in body if _name_of(node) == parts[depth]]
        if not inner:
            raise LineError(
                f"{name}: {'.'.join(parts[:depth])} defines no {parts[depth]}{_where_from(body, parts[depth])}"
            )
        node = inner[-1]
        first, last = node.lineno, node.end_lineno or node.lineno
        body = list(getattr(node, "body", []))
    return module, first, last


def _name_of(node: ast.stmt) -> str | None:
    return node.name if isinstance(node, ast.FunctionDef | ast.ClassDef) else None


def _where_from(body: list[ast.stmt], name: str) -> str:
    for node in body:
        if isinstance(node, ast.ImportFrom) and name in {alias.asname or alias.name for alias in node.names}:
            return f"; it imports it from {node.module}, which is its true name"
    return ""
