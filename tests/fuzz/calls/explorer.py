"""What the explorer's page is given of a model."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import LABELS, images, net
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
