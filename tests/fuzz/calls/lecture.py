"""The subject of the lecture, its steps and its folder."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from nnpg import lecture


def calls() -> Iterator[Call]:
    yield call(lecture.lecture_subject, epochs=1, kinds={"epochs": w.number(1, whole=True)})
    subject = lecture.lecture_subject(1, progress=False)
    yield call(lecture.lecture_steps, subject=subject, kinds={"subject": lambda v: w.wrong(None, 3, w.Thing())})
