"""The explorer's page, and what it is given of a model."""

from __future__ import annotations

from collections.abc import Iterator

import nnpg
from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import FOLDER, LABELS, images, net
from nnpg import explorer


def calls() -> Iterator[Call]:
    yield call(
        explorer.explorer_document,
        net=net("numpy"),
        x=images(),
        labels=LABELS,
        attack=False,
        kinds={"attack": w.flag, "x": lambda v: [t for t in w.finite_images(v) if t.words != "no image"]},
    )
    page = FOLDER / "api-cases.html"
    yield call(
        nnpg.explore,
        net=net("numpy"),
        x=images(),
        labels=LABELS,
        path=str(page),
        title="a net",
        attack=False,
        kinds={
            "attack": w.flag,
            "title": lambda v: w.wrong(None, 3, w.Thing()),
            "x": lambda v: [t for t in w.finite_images(v) if t.words != "no image"],
        },
    )
    yield call(
        explorer.images_of_page,
        net=net("numpy"),
        x=images(),
        labels=LABELS,
        n=3,
        kinds={
            "n": w.number(1, 45, whole=True, optional=True),
            "x": lambda v: [t for t in w.images(v) if t.words != "no image"],
        },
    )
    written = nnpg.explore(net("numpy"), images(), LABELS, page, attack=False, progress=False)
    yield call(explorer.read_page, path=str(written), backend="numpy")
