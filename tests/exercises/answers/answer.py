"""From the bodies of functions to the file of an exercise."""

from __future__ import annotations

import textwrap
from typing import NamedTuple, TypeAlias

from nnpg.exercises import EXERCISES

BLANK = "raise NotImplementedError"
Solution: TypeAlias = tuple[str, ...]  # the body of each function of the stub, in order


class Wrong(NamedTuple):
    """A wrong answer: what kind of mistake it is, the body, words of the message, and which function it is of."""

    exercise: str
    kind: str
    body: str
    says: str
    function: int = 0


def written(exercise: str, bodies: Solution) -> str:
    """Return the file of an exercise with the functions written."""
    lines, left = [], list(bodies)
    for line in EXERCISES[exercise].text().splitlines():
        if line.strip() == BLANK:
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(textwrap.indent(textwrap.dedent(left.pop(0)).strip(), indent))
        else:
            lines.append(line)
    assert not left
    return "\n".join(lines) + "\n"


def with_mistake(wrong: Wrong, solution: Solution) -> str:
    """Return the file with one function wrong and the others right."""
    bodies = list(solution)
    bodies[wrong.function] = wrong.body
    return written(wrong.exercise, tuple(bodies))
