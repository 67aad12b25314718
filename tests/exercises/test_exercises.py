"""Every exercise: the solution is right, the stub is refused kindly, and each wrong answer gets its mistake's name."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import numpy as np
import pytest
from exercises.answers import SOLUTIONS, WRONG
from exercises.answers.answer import BLANK, Wrong, with_mistake, written

from nnpg.exercises import EXERCISES
from nnpg.exercises.exercise import Exercise, Law, Part
from nnpg.exercises.judging import judge, same
from nnpg.exercises.student import functions_of

NAMES = list(EXERCISES)
PARTS = [(exercise, part) for exercise in EXERCISES.values() for part in exercise.parts]
LAWS = [(exercise, law) for exercise in EXERCISES.values() for law in exercise.laws]


def test_every_exercise_has_a_solution_and_wrong_answers() -> None:
    assert set(SOLUTIONS) == set(EXERCISES)
    counts = Counter(one.exercise for one in WRONG)
    assert {name: counts[name] for name in NAMES if counts[name] < 6} == {}


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_is_right(name: str) -> None:
    judgement = judge(EXERCISES[name], written(name, SOLUTIONS[name]))
    assert judgement.right, judgement.words
    assert all(law.words in judgement.words for law in EXERCISES[name].laws)


@pytest.mark.parametrize("name", NAMES)
def test_the_stub_is_refused_kindly(name: str) -> None:
    exercise = EXERCISES[name]
    text = exercise.text()
    judgement = judge(exercise, text)
    assert not judgement.right
    assert "is not written yet" in judgement.words
    assert judgement.line is not None
    assert text.splitlines()[judgement.line - 1].strip() == BLANK


@pytest.mark.parametrize("wrong", WRONG, ids=[f"{one.exercise}, {one.kind}" for one in WRONG])
def test_a_wrong_answer_gets_the_name_of_its_mistake(wrong: Wrong) -> None:
    judgement = judge(EXERCISES[wrong.exercise], with_mistake(wrong, SOLUTIONS[wrong.exercise]))
    assert not judgement.right
    assert wrong.says in judgement.words, judgement.words
    assert judgement.line is not None


@pytest.mark.parametrize(("exercise", "part"), PARTS, ids=[f"{e.name}, {p.name}" for e, p in PARTS])
def test_no_two_mistakes_give_one_answer(exercise: Exercise, part: Part) -> None:
    questions = part.questions(np.random.default_rng(0))
    rights = [np.asarray(part.answer(*question.values())) for question in questions]
    given = []
    for mistake in part.mistakes:
        results = (np.asarray(mistake.result(*question.values())) for question in questions)
        wrong = ((n, a) for n, (a, right) in enumerate(zip(results, rights, strict=True)) if not same(a, right))
        first = next(wrong, None)
        assert first is not None, f"{mistake.words}: gives the right answer to every question"
        given.append((mistake.words, *first))
    for n, (words, asked, result) in enumerate(given):
        for others, at, other in given[:n]:
            assert asked != at or not same(result, other), f"{words} / {others}"


@pytest.mark.parametrize(("exercise", "law"), LAWS, ids=[f"{e.name}, {law.words[:30]}" for e, law in LAWS])
def test_a_law_holds_for_the_solution_and_not_for_each_mistake(exercise: Exercise, law: Law) -> None:
    right = functions_of(exercise, written(exercise.name, SOLUTIONS[exercise.name]))
    assert law.broken(right, np.random.default_rng(3)) == ""
    broken = []
    for part in exercise.parts:
        for mistake in part.mistakes:
            with np.errstate(all="ignore"), suppress(ValueError):  # a transpose may not fit
                broken.append(law.broken({**right, part.name: mistake.result}, np.random.default_rng(3)))
    assert any(broken)


def test_an_answer_that_knows_the_questions_is_found_by_gradcheck_or_a_law() -> None:
    body = "return delta @ W if delta.size < 10 else 0 * (delta @ W)"
    judgement = judge(EXERCISES["dense"], written("dense", (body,)))
    assert not judgement.right
    assert "in a layer of nnpg, gradcheck fails: YourDense, x, adjoint: worst at" in judgement.words
    body = "dx = y * (delta - (y * delta).sum(axis=1, keepdims=True))\nreturn dx + (delta.shape[1] > 5)"
    judgement = judge(EXERCISES["softmax"], written("softmax", (body,)))
    assert "a law does not hold: the sum over the classes of dL/dx is 0; for image 0 it is 6" in judgement.words


def test_a_layer_that_keeps_its_pass_in_self_is_refused() -> None:
    forward = "self.above = x > 0\nreturn np.where(x > 0, x, self.slope * x), None"
    backward = "return np.where(self.above, delta, self.slope * delta)"
    judgement = judge(EXERCISES["leaky_relu"], written("leaky_relu", (forward, backward)))
    assert not judgement.right
    assert "LeakyReLU.backward: it uses what another forward pass left in self" in judgement.words


def test_an_answer_that_is_right_for_squares_only_is_refused() -> None:
    body = "return delta @ W if len(W) == W.shape[1] else 3 * (delta @ W)"
    judgement = judge(EXERCISES["dense"], written("dense", (body,)))
    assert not judgement.right
    assert "a constant factor 3" in judgement.words
    assert "called with delta (3, 2), W (2, 4)" in judgement.words


def test_a_message_shows_one_entry_with_both_numbers_and_the_call() -> None:
    judgement = judge(EXERCISES["dense"], written("dense", ("return -delta @ W",)))
    part = EXERCISES["dense"].parts[0]
    question = part.questions(np.random.default_rng(0))[0]
    right = question["delta"] @ question["W"]
    n, d = np.unravel_index(np.abs(right).argmax(), right.shape)
    value = right[n, d]
    assert judgement.words == (
        f"backward: the sign is flipped. At [{n}, {d}] it returns {-value:.4g} and {value:.4g} is right, measured by "
        "moving x, called with delta (2, 3), W (3, 3)"
    )


def test_a_file_holds_the_statement_the_equation_and_the_stub() -> None:
    for exercise in EXERCISES.values():
        lines = exercise.text().splitlines()
        assert lines[0] == f'"""Exercise {exercise.name}: {exercise.title}.'
        assert max(map(len, lines)) <= 110
        assert f"Source: {exercise.source}." in " ".join(lines)
        assert len(exercise.hints) == 3
        compile(exercise.text(), exercise.name, "exec")
