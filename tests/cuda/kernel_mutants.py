"""Every way to delete one barrier, bounds test or tail test of a CUDA source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

BARRIER = re.compile(r"(?:__syncthreads|cluster_sync|SYNC_TEAM)\(\);")
IF = re.compile(r"\bif \(")
CHOICE = re.compile(r" \? ")
BEFORE_A_CHOICE = (" = ", "return ", ", ")
BOOLEAN = re.compile(r"(?:bool \w+|seen\[p\]) = ([^;?]+);|return ([^;?]*&&[^;?]*);|for \([^;]*; ([^;]*&&[^;]*); ")
CLAMP = re.compile(r"\bmin\(")
# Stands before a text with every mutant; none is chosen by -1.
CHOSEN = """#include <cstdlib>
static const int mutant = std::atoi(std::getenv("NNPG_MUTANT"));
"""
NOTHING = ";"  # in place of a barrier: also where an `else` stands before it
LEAVES = ("return", "continue", "break")  # what a test guards; without the test, nothing leaves here


class Mutant(NamedTuple):
    """A source with one change."""

    line: int
    before: str
    after: str
    text: str

    def __str__(self) -> str:
        return f"{self.before} -> {self.after}"


def mutants(text: str) -> Iterator[Mutant]:
    """Yield the mutants of a source: without a barrier, with a test that always passes, without an upper limit."""
    for span, after in changes(text):
        yield mutant(text, span, after)


def changes(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield what each mutant changes: where it stands, and what it becomes."""
    for found in BARRIER.finditer(text):
        yield found.span(), NOTHING
    for start, end, leaves in tests(text):
        for first, last, alternative in atoms(text, start, end):
            passes = alternative if alternative is not None else not leaves
            yield (first, last), "true" if passes else "false"
    for found in CLAMP.finditer(text):
        end = closing(text, found.end())
        comma = next(p for p in range(found.end(), end) if text[p] == "," and closing(text, found.end(), p) == p)
        yield (found.start(), end + 1), text[found.end() : comma]


def with_every_mutant(text: str) -> str:
    """Return a source that is each of its mutants, as `CHOSEN` says when it runs: one compilation serves for all.

    Examples
    --------
    >>> with_every_mutant("__syncthreads(); if (a < b) n = min(f(c), d);")
    '{ if (mutant != 0) __syncthreads(); } if ((mutant == 1 ? true : a < b)) n = (mutant == 2 ? f(c) : min(f(c), d));'
    """
    found = sorted((start, -end, n, after) for n, ((start, end), after) in enumerate(changes(text)))

    def written(start: int, end: int) -> str:
        """The text between two places; of changes within changes, the outer one comes first."""
        parts = []
        while found and found[0][0] < end:
            first, last, n, after = found.pop(0)
            parts.append(text[start:first])
            start, inner = -last, written(first, -last)
            barrier = f"{{ if (mutant != {n}) {inner} }}"
            parts.append(barrier if after == NOTHING else f"(mutant == {n} ? {after} : {inner})")
        return "".join(parts) + text[start:end]

    return written(0, len(text))


def mutant(text: str, span: tuple[int, int], after: str) -> Mutant:
    line, changed = text.count("\n", 0, span[0]) + 1, text[: span[0]] + after + text[span[1] :]
    return Mutant(line, text[slice(*span)], "nothing" if after == NOTHING else after, changed)


def closing(text: str, place: int, limit: int | None = None) -> int:
    """Return where the parenthesis closes that opens in front of a place; or a limit, if none is open there."""
    depth = 0
    for at in range(place, len(text) if limit is None else limit):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(text[at], 0)
        if depth < 0:
            return at
    return limit if limit is not None and depth == 0 else -1


def beginning(text: str, end: int) -> int:
    """Return where the test begins that ends at a place, in front of a question mark."""
    depth = 0
    for at in range(end - 1, 0, -1):
        depth += {"(": -1, "[": -1, ")": 1, "]": 1}.get(text[at], 0)
        if depth < 0 or (depth == 0 and text[: at + 1].endswith(BEFORE_A_CHOICE)):
            return at + 1
    raise ValueError("a choice without a beginning")


def tests(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where each test stands, and whether the thread leaves where it is true."""
    for found in IF.finditer(text):
        end = closing(text, found.end())
        yield found.end(), end, text[end + 1 :].lstrip().startswith(LEAVES)
    for found in CHOICE.finditer(text):
        yield beginning(text, found.start()), found.start(), False
    for found in BOOLEAN.finditer(text):
        group = next(i for i in (1, 2, 3) if found[i] is not None)
        if found[group] not in ("true", "false"):
            yield *found.span(group), False


def atoms(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool | None]]:
    """Yield the parts of a test that && and || join, and what each must be so that the others alone decide."""
    joints = [p for p in range(start, end) if text[p : p + 2] in ("&&", "||") and closing(text, start, p) == p]
    alternative = None if not joints else text[joints[0]] == "&"
    for first, last in zip([start, *(p + 3 for p in joints)], [*(p - 1 for p in joints), end], strict=True):
        if joints and text[first] == "(" and closing(text, first + 1) == last - 1:
            yield from atoms(text, first + 1, last - 1)
        else:
            yield first, last, alternative
