"""The judge of an answer: calls, then contract and gradcheck, then laws; the first failure becomes a sentence."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nnpg.exercises.catalogue import EXERCISES
from nnpg.exercises.exercise import Arguments, Exercise, Functions, Mistake, Part, Values
from nnpg.exercises.measuring import shown
from nnpg.exercises.student import RefusedError, described, functions_of, line_of, result_of, return_line
from nnpg.gradient_check import gradcheck
from nnpg.gradient_check.diagnosis import likely_cause

TOLERANCE = 1e-6  # relative to the largest entry: the measured answers are exact to about 1e-10


@dataclass(frozen=True)
class Judgement:
    """Whether an answer is right.

    Parameters
    ----------
    right : bool
    words : str
        What is wrong, with the numbers of one entry; or what was found to hold.
    line : int or None
        Of the student's file.
    """

    right: bool
    words: str
    line: int | None = None


def judge(exercise: Exercise, source: str) -> Judgement:
    r"""Judge the code of a student's file, which is executed.

    Examples
    --------
    >>> code = "def backward(delta, y):\n    return delta * (1 - y * y)"
    >>> judge(EXERCISES["tanh"], code).right
    True
    >>> print(judge(EXERCISES["tanh"], code.replace("y * y", "y")).words.split(":")[0])
    backward
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of the student's code; what it returns is judged
        return _judged(exercise, source)


def _judged(exercise: Exercise, source: str) -> Judgement:
    try:
        functions = functions_of(exercise, source)
        for part in exercise.parts:
            before: list[tuple[Arguments, Values]] = []  # the calls that were answered rightly
            for question, right in _questions(exercise.name, part.name):
                answer = result_of(part, functions[part.name], question, source)
                if not same(answer, right):
                    words = _named(part, [*before, (question, answer)], right)
                    return Judgement(False, words, return_line(source, part.name))
                before.append((question, answer))
    except RefusedError as refused:
        return Judgement(False, refused.words, refused.line)
    try:
        checks = _gradients(exercise, functions)
        _laws(exercise, functions)
    except RefusedError as refused:
        return Judgement(False, refused.words, refused.line or return_line(source, exercise.parts[-1].name))
    calls = sum(len(_questions(exercise.name, part.name)) for part in exercise.parts)
    held = [f"{calls} calls are right", *checks, *(law.words for law in exercise.laws)]
    return Judgement(True, "; ".join(held))


@cache
def _questions(exercise: str, name: str) -> list[tuple[Arguments, Values]]:
    """Return the arguments of every call of a part, with the right result."""
    (part,) = (part for part in EXERCISES[exercise].parts if part.name == name)
    questions = part.questions(np.random.default_rng(0))
    return [(question, np.asarray(part.answer(*question.values()))) for question in questions]


def same(answer: Values, right: Values) -> bool:
    """Whether two results have one shape and the same numbers, NaN where the other has NaN."""
    if answer.shape != right.shape:
        return False
    scale = np.abs(right[np.isfinite(right)]).max(initial=0)
    return bool(np.allclose(answer, right, rtol=TOLERANCE, atol=TOLERANCE * max(scale, 1e-3), equal_nan=True))


def mistake_of(part: Part, answers: list[tuple[Arguments, Values]]) -> Mistake | None:
    """Return the known mistake that gives all of these answers to these questions."""
    for mistake in part.mistakes:
        with suppress(ValueError):  # a transposed array does not fit: then this mistake gives no answer
            if all(_fits(answer, mistake.result(*question.values())) for question, answer in answers):
                return mistake
    return None


def _fits(answer: Values, wrong: Any) -> bool:
    """Whether an answer is what a mistake gives; its leading axes may be missing."""
    wrong = np.asarray(wrong, np.float64)
    missing = wrong.ndim - answer.ndim
    if missing > 0 and wrong.shape[missing:] == answer.shape:
        answer = np.broadcast_to(answer, wrong.shape)
    return same(answer, wrong)


def _named(part: Part, answers: list[tuple[Arguments, Values]], right: Values) -> str:
    """Say which mistake gives the answers, and show one entry of the last."""
    mistake, (question, answer) = mistake_of(part, answers), answers[-1]
    call = f"called with {described(question)}"
    if answer.shape != right.shape:
        words = f"{mistake.words}; " if mistake else ""
        return f"{part.name}: {words}it returns an array of shape {answer.shape} where {right.shape} is right, {call}"
    if mistake:
        words = mistake.words
    else:  # NaN where NaN is right is not looked at
        words = likely_cause(np.where(np.isnan(right), 0, answer), right, len(right) if right.ndim else 0)
    return f"{part.name}: {words}. {_entry(answer, right)}, {part.source}, {call}"


def _entry(answer: Values, right: Values) -> str:
    off = np.where(np.isfinite(answer) & np.isfinite(right), np.abs(answer - right), -1.0)
    off[np.isfinite(answer) != np.isfinite(right)] = np.inf
    index = tuple(int(i) for i in np.unravel_index(off.argmax(), off.shape))
    scale = max(np.abs(a[np.isfinite(a)]).max(initial=0) for a in (answer, right))
    at = f"At [{', '.join(map(str, index))}] it" if index else "It"
    values = (shown(float(a[index]), scale) for a in (answer, right))
    return f"{at} returns {' and '.join(values)} is right"


def _gradients(exercise: Exercise, functions: Functions) -> list[str]:
    """Put the functions into a layer of nnpg and check it as any layer is checked."""
    if exercise.layer is None:
        return []
    try:
        layer, x = exercise.layer(functions)
        report = gradcheck(layer, x, raise_on_failure=False)
    except Exception as error:  # of a class that the student wrote
        raise RefusedError(f"in a layer it raises {type(error).__name__}: {error}", line_of(error)) from error
    for row in report.failures:
        raise RefusedError(f"in a layer of nnpg, gradcheck fails: {row}")
    return [f"contract and gradcheck: {len(report.rows)} checks passed"]


def _laws(exercise: Exercise, functions: Functions) -> None:
    for law in exercise.laws:
        try:
            broken = law.broken(functions, np.random.default_rng(1))
        except Exception as error:
            kind: Any = type(error).__name__
            raise RefusedError(f"{law.words}: it raises {kind}: {error}", line_of(error)) from error
        if broken:
            raise RefusedError(f"the right calls are right, but a law does not hold: {law.words}; {broken}")
