"""A state of the explorer as the text after `#` in its address."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np

from nnpg.lecture.subject import Subject


def state(subject: Subject, unit: str, **changes: str | int | float) -> str:
    """Return the state that shows a unit for the lecture's image and its class; `changes` are more of its words.

    Examples
    --------
    >>> from nnpg.lecture import lecture_subject
    >>> words = state(lecture_subject(epochs=1, progress=False), "pool1:2,9,9", tab="nudge")
    >>> words[words.index("unit") : words.index("&off")], words[-9:]
    ('unit=pool1%3A2%2C9%2C9&weight=&show=outputs', 'tab=nudge')
    """
    words: dict[str, str | int | float] = {
        "image": int(np.flatnonzero(subject.page == subject.image)[0]),
        "class": subject.label,
        "of": "prob",
        "unit": unit,
        "weight": "",
        "show": "outputs",
        "off": "",
        "size": 0,
        "steps": "",
        "nudge": 0,
        "tour": 0,
        "guess": -1,
    }
    return "&".join(f"{key}={quote(str(value), safe='')}" for key, value in (words | changes).items())
