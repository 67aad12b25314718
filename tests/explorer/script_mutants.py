"""Mutants of a JavaScript text: each is the text with one sign, factor, comparison, number or pair changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

HIDDEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"|`[^`]*`", re.DOTALL)  # comments and strings
IMPORT = re.compile(r"^import [^\n]*", re.MULTILINE)
CHANGES = [
    (re.compile(r" \+ "), " - "),
    (re.compile(r" - "), " + "),
    (re.compile(r" \+= "), " -= "),
    (re.compile(r" \* "), " / "),
    (re.compile(r" / "), " * "),
    (re.compile(r" < "), " <= "),
    (re.compile(r" <= "), " < "),
    (re.compile(r" > "), " >= "),
    (re.compile(r" >= "), " > "),
    (re.compile(r" === "), " !== "),
    (re.compile(r" !== "), " === "),
    (re.compile(r" && "), " || "),
    (re.compile(r" \|\| "), " && "),
    (re.compile(r"(?<=[(\[=?:*] )-(?=[\w(])|(?<=[(\[])-(?=[a-zA-Z(])"), ""),
    (re.compile(r"\bmin\b"), "max"),
    (re.compile(r"\bmax\b"), "min"),
    (re.compile(r"\bceil\b"), "floor"),
    (re.compile(r"\bfloor\b"), "ceil"),
    (re.compile(r"(?<![\w.])(\d+)(?![\w.])"), lambda found: str(int(found[1]) + 1)),
    (re.compile(r"(?<=\[)(\w+), (\w+)(?=\])"), lambda found: f"{found[2]}, {found[1]}"),  # a transpose
    (
        re.compile(r"(?<= \? )([^?:;\n]+?) : ([^?:;,\n()[\]]+|\[[^\n\]]*\])(?=[;,)\n])"),
        lambda found: f"{found[2]} : {found[1]}",
    ),
]


class Mutant(NamedTuple):
    """A text with one change."""

    line: int
    change: str  # the line as the mutant has it
    text: str


def mutants(text: str) -> list[Mutant]:
    """Return all mutants of a text, in its order."""
    return sorted(set(_mutants(text)))


def _mutants(text: str) -> Iterator[Mutant]:
    hidden = [found.span() for pattern in (HIDDEN, IMPORT) for found in pattern.finditer(text)]
    hidden += [
        found.span(1) for found in re.finditer(r"for \([^;\n]*;[^;\n]*;([^\n]*?)\)(?=\s)", text)
    ]  # endless loops
    for pattern, after in CHANGES:
        for found in pattern.finditer(text):
            if any(start <= found.start() < end for start, end in hidden):
                continue
            changed = text[: found.start()] + (after if isinstance(after, str) else after(found))
            changed += text[found.end() :]
            line = text.count("\n", 0, found.start())
            if changed == text:  # a pair of the same
                continue
            yield Mutant(line + 1, changed.splitlines()[line].strip(), changed)
