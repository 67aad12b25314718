"""Data sets, splits and files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import nnpg
from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import FOLDER, LABELS, K, N, images, net
from nnpg import data


def calls() -> Iterator[Call]:
    yield call(
        data.faces,
        identities=2,
        size=24,
        kinds={"identities": w.number(2, 15, whole=True), "size": w.number(24, whole=True)},
    )
    d = data.Dataset(images(), LABELS, ("a", "b", "c"), "six")
    share = {
        "labels": lambda v: w.wrong(None, "a", 3, v[:, None], v + 0.5, v.astype(str), v[:0], w.Thing()),
        "test": w.number(0, 1),
    }
    yield call(data.stratified_split, labels=LABELS, test=0.5, kinds=share)
    yield call(data.random_split, labels=LABELS, test=0.5, kinds=share)
    yield call(data.find_duplicates, dataset=d)
    subset = {
        "images": lambda v: w.wrong(None, "a", 3, [9], [-9], [0.5], [True], [[0]], w.Thing()),
        "name": lambda v: w.wrong(3, ["a"], w.Thing()),
    }
    yield call(d.subset, name="Dataset.subset", images=[0, 1], kinds=subset)
    halves = data.stratified_split(LABELS, test=0.5)
    yield call(halves.apply, name="Split.apply", dataset=d)
    yield call(halves.duplicates, name="Split.duplicates", dataset=d)
    sides = {
        name: lambda v: w.wrong(None, "a", 3, [0.5], [-1], [[0]], w.Thing())
        for name in ("train_indices", "test_indices")
    }
    yield call(
        data.Split,
        train_indices=np.array([0, 1]),
        test_indices=np.array([2]),
        kinds=sides,
        words=dict.fromkeys(sides, "split"),
    )
    fields = {
        "x": lambda v: w.wrong(None, "a", 3, v[0], v.astype(float), v + 1j, [[1], [2, 3]], w.Thing()),
        "labels": lambda v: w.wrong(None, "a", 3, v[:-1], v + 0.5, v - 1, v + 1, v.astype(str), w.Thing()),
        "class_names": lambda v: w.wrong(None, "abc", 3, [1, 2, 3], ("a",), w.Thing()),
        "name": w.text,
        "conditions": lambda v: w.wrong("abcdef", 3, ["a"], [1] * N, w.Thing()),
        "masks": lambda v: w.wrong("a", 3, np.ones((K, 6, 6)), np.ones((2, 6, 6), bool), np.ones((K, 5, 6), bool)),
        "features": lambda v: w.wrong("abc", 3, ["a"], [1, 2, 3], w.Thing()),
    }
    yield call(
        data.Dataset,
        plain={"x": images(), "labels": LABELS, "class_names": ("a", "b", "c"), "name": "six"},
        kinds=fields,
        words={"x": "images", "class_names": "class"},
    )
    places = {
        "folder": w.path,
        "size": lambda v: w.wrong(0, -1, 1.5, "8", True, (8,), (0, 8), (8, 8, 8)),
        "grey": w.flag,
        "split": lambda v: w.wrong("validation", 3, ["train"]),
        "data_dir": lambda v: w.wrong(3, b"a", ["a"], w.Thing()),
    }
    yield call(data.load_folder, folder="/nowhere", kinds=places)
    yield call(data.load_npz, path="/nowhere.npz")
    yield call(data.save_npz, path="/nowhere/a.npz", dataset=d)
    yield call(data.load_yale, folder="/nowhere", kinds=places)
    for loader in data.load_mnist, data.load_cifar10:
        yield call(loader, folder="/nowhere", kinds=places)
    yield call(
        data.load,
        plain={"name": "faces", "size": 24},
        kinds={
            **places,
            "name": lambda v: w.wrong(None, 3, "minst", b"faces", ["faces"], w.Thing()),
            "size": lambda v: w.wrong(0, -1, 1.5, "8", True),
        },
        words={"name": "data"},
    )
    yield call(
        nnpg.load_network,
        path=str(nnpg.save(net(), FOLDER / "api-cases-to-load.safetensors")),
        kinds={"layers": lambda v: w.wrong(None, 3, "a", [3], [nnpg.Tanh()], [int], {"a": nnpg.Tanh}, w.Thing())},
    )
    yield call(
        nnpg.save,
        net=net(),
        path=str(FOLDER / "api-cases.safetensors"),
        kinds={"provenance": lambda v: w.wrong(3, "a", [1], {"a": w.Thing()}, {"a": np.ones(2)}, {3: 4j})},
    )
