"""Jobs and the files of their results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import FOLDER
from nnpg import jobs


def doubled(n: int, rng: np.random.Generator | None = None) -> dict[str, Any]:
    return {"twice": np.array([2 * n])}


def calls() -> Iterator[Call]:
    file = Path(FOLDER) / "job.safetensors"
    optional = w.number(1, whole=True, optional=True)
    kinds = {
        "work": w.function,
        "write": w.function,
        "read": w.function,
        "jobs": lambda v: w.wrong(None, 3, "ab", [1, 2], {1: 2}, np.zeros(2), w.Thing()),
        "label": w.text,
        "files": lambda v: w.wrong(3, "ab", [file], {"b": file}, {"a": 3}, {"a": ""}, {}, w.Thing()),
        "workers": lambda v: [t for t in optional(1) if t.like is not w.SAME],
        "dask": lambda v: w.wrong(3, b"tcp://127.0.0.1:1", ["tcp://127.0.0.1:1"], True, w.Thing()),
        "rng": w.optional_seed,
    }
    yield call(jobs.run_jobs, work=doubled, jobs={"a": 1}, label="twice", kinds=kinds)
    facts = {
        "folder": lambda v: [*w.wrong(None), *w.path(v)],
        "kind": w.text,
        "made_from": lambda v: w.wrong(None, 3, "ab", ["ab"], {1: 2}, {"a": w.Thing()}, {"a": max}, w.Thing()),
        "version": w.count,
    }
    yield call(jobs.kept_file, folder=FOLDER, kind="a net", made_from={"seed": 0}, version=2, kinds=facts)
    arrays = {
        "file": lambda v: [*w.wrong(None), *w.path(v)],
        "arrays": lambda v: w.wrong(None, 3, "ab", [np.zeros(2)], {"a": 3}, {1: np.zeros(2)}, np.zeros(2), w.Thing()),
    }
    yield call(jobs.write_arrays, file=file, arrays={"twice": np.array([2])}, kinds=arrays)
    yield call(jobs.read_arrays, file=file, kinds=arrays)
