"""What an exercise is: a statement, a stub, and what the checker needs to judge and to name a wrong answer."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnpg.layers import Layer

Values: TypeAlias = NDArray[Any]
Function: TypeAlias = Callable[..., Any]
Functions: TypeAlias = Mapping[str, Function]  # of the student, by the name of the part
Arguments: TypeAlias = dict[str, Any]  # of one call, in the order of the function's parameters


def as_written(function: Any) -> Function:
    """Return the student's function as it is."""
    return function


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people write.

    Parameters
    ----------
    words : str
        What is wrong, as a sentence without its full stop.
    result : function
        Takes the arguments of the part, and returns what this mistake gives.
    """

    words: str
    result: Function


@dataclass(frozen=True)
class Part:
    """One function that the student writes.

    Parameters
    ----------
    name : str
        As in messages, and as in the file: "backward", or "LeakyReLU.backward" for a method.
    questions : function
        Takes a generator; returns the arguments of a few calls.
    answer : function
        Takes the arguments; returns the right result.
    source : str
        How the right result is known, such as "measured by moving x".
    mistakes : tuple of Mistake
    adapt : function
        Makes the function of the arguments from what the file defines.
    """

    name: str
    questions: Callable[[np.random.Generator], list[Arguments]]
    answer: Callable[..., Values]
    source: str
    mistakes: tuple[Mistake, ...]
    adapt: Callable[[Any], Function] = as_written


@dataclass(frozen=True)
class Law:
    """What holds for every right answer.

    Parameters
    ----------
    words : str
    broken : function
        Takes the student's functions by name and a generator; returns "" or the numbers that break the law.
    """

    words: str
    broken: Callable[[Functions, np.random.Generator], str]


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Parameters
    ----------
    name, title : str
    statement : str
        What is to be written, in words.
    equation : str
        The equation to write as code.
    source : str
        Where it stands, such as "Lo & Ding 2015, Eq. 2".
    stub : str
        The code of the file that the student is given.
    parts : tuple of Part
    laws : tuple of Law
    hints : tuple of three str
        Each says more than the one before.
    layer : function or None
        Takes the student's functions; returns a layer of nnpg that calls them, and images, for `nnpg.gradcheck`.
    loops : bool
        Whether the code may loop.
    """

    name: str
    title: str
    statement: str
    equation: str
    source: str
    stub: str
    parts: tuple[Part, ...]
    laws: tuple[Law, ...]
    hints: tuple[str, str, str]
    layer: Callable[[Functions], tuple[Layer, Values]] | None = None
    loops: bool = True

    def text(self) -> str:
        """Return the file that the student is given: statement, equation, stub.

        Examples
        --------
        >>> from nnpg.exercises import EXERCISES
        >>> print(EXERCISES["tanh"].text().splitlines()[0].strip('"'))
        Exercise tanh: the backward pass of tanh.
        """
        words = textwrap.fill(" ".join(self.statement.split()), 100)
        equation = textwrap.indent(textwrap.dedent(self.equation).strip(), "    ")
        source = textwrap.fill(f"Source: {self.source}.", 100)
        head = f'"""Exercise {self.name}: {self.title}.\n\n{words}\n\n{equation}\n\n{source}\n"""\n'
        return f"{head}\nimport numpy as np\n\n\n{textwrap.dedent(self.stub).strip()}\n"
