"""Listing, copying and converting the tutorials."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import FOLDER
from nnpg import tutorials


def calls() -> Iterator[Call]:
    yield call(tutorials.list_tutorials)
    yield call(
        tutorials.copy_tutorials,
        plain={"jupyter": True, "force": True},
        folder=str(FOLDER / "tutorials"),
        kinds={"folder": w.path, "jupyter": w.flag, "force": w.flag},
    )
    yield call(tutorials.as_jupyter, text="# Title\n", kinds={"text": w.text})
