"""Prediction gradients, scores, knock-out and gradcheck."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import nnpg
from fuzz import wrong_values as w
from fuzz.calls.call import KINDS, Call, call
from fuzz.calls.subjects import FILTERS, LABELS, K, curve, filter_scores, gradient, images, net
from nnpg import explanation, seeds
from nnpg.analysis import loss_gradients


def calls() -> Iterator[Call]:
    x, t = images(), LABELS

    def chosen(valid: Any) -> list[w.Trial]:
        return [
            w.Trial("a list", [0, 1, 2], w.SAME if valid == "all" else w.EITHER),
            w.Trial("an array", np.arange(K), w.SAME if valid == "all" else w.EITHER),
            w.Trial("one of NumPy", np.int64(1), 1),
            *w.wrong(
                None, "every", -1, K, [0, K], [-1], [], [[0, 1]], 1.0, [0.5], True, [True, False, True], "0", ["0"]
            ),
            *w.wrong(1j, [None], [[0], [1, 2]], 10**30),
            *w.nothing_in_particular(),
        ]

    def rows(valid: Any) -> list[w.Trial]:
        return [
            w.Trial("an array", np.arange(K), w.SAME),
            *w.wrong("all", -1, K, [0, K], [-1], [], [[0, 1]], [0.5], [0, 0], True, "0", ["0"], 1j, [None], [10**30]),
        ]

    kinds = {"classes": chosen, "labels": w.labels(K), "x": w.images}
    for backend in "numba", "numpy":
        subject = {"net": net(backend), "x": x}
        yield call(
            nnpg.prediction_gradient,
            name=f"prediction_gradient on {backend}",
            plain=subject | {"labels": t, "classes": "true"},
            kinds=kinds,
        )
        yield call(
            nnpg.prediction_gradient,
            name=f"prediction_gradient of all on {backend}",
            plain=subject,
            kinds=kinds,
            skip=("labels",),
        )
        yield call(
            nnpg.class_gradient,
            name=f"class_gradient on {backend}",
            plain=subject | {"labels": t},
            kinds={"classes": chosen, "for_classes": rows, "memory_mb": w.number(0)},
        )
        yield call(nnpg.filter_scores, name=f"filter_scores on {backend}", plain=subject | {"labels": t})
        yield call(
            nnpg.knock_out_curve,
            name=f"knock_out_curve on {backend}",
            plain=subject | {"labels": t, "filters": FILTERS},
            kinds={"rng": w.optional_seed},
        )
    yield call(
        nnpg.filter_scores, name="filter_scores, mean of norms", net=net(), x=x, labels=t, average="mean_of_norms"
    )
    resample = {"to": "resample", "rng": 0, "reference": x}
    yield call(
        nnpg.knock_out_curve,
        name="knock_out_curve, resampled",
        plain={"net": net(), "x": x, "labels": t, "filters": FILTERS, **resample},
        kinds={"reference": lambda v: [*w.finite_images(v), *w.wrong(v[:0])]},
    )
    yield call(
        nnpg.knock_out_curves,
        plain={"net": net(), "x": x, "labels": t, "orders": [FILTERS, FILTERS[:1]], **resample},
        kinds={
            "orders": lambda v: w.wrong(None, 3, FILTERS, "pool1", [v], [*v, 3]),
            "reference": lambda v: [*w.finite_images(v), *w.wrong(v[:0])],
        },
    )
    yield call(
        nnpg.knock_out,
        plain={"net": net(), "filters": FILTERS, **resample},
        kinds={"reference": lambda v: [*w.finite_images(v), *w.wrong(v[:0])]},
    )
    yield call(loss_gradients.loss_gradient, net=net(), x=x, labels=t, kinds={"x": w.images})
    yield call(loss_gradients.filters_ranked_alike, net=net(), x=x, labels=t, kinds={"x": w.images})
    yield call(loss_gradients.classes_ranked_alike, net=net(), x=x, labels=t, kinds={"x": w.images})
    trace = net().forward(x)
    yield call(
        seeds.class_seed,
        net=net(),
        trace=trace,
        classes="true",
        labels=t,
        kinds={"classes": chosen, "labels": w.labels(K), "trace": w.instance},
    )
    yield call(nnpg.convolutional_gradient, gradient=gradient())
    yield call(nnpg.saliency, gradient=gradient())
    gradient_of_all = nnpg.prediction_gradient(net(), x)
    yield call(
        gradient_of_all.for_class, name="PredictionGradient.for_class", c=1, kinds={"c": w.number(0, K - 1, whole=True)}
    )

    def row(valid: Any) -> list[w.Trial]:
        return w.wrong(None, 9, -9, "nobody", 1.5, True, [0], np.zeros(2)) + w.nothing_in_particular()

    s = filter_scores()
    rows = {"row": row, "n": w.number(0, whole=True, optional=True)}
    yield call(s.strongest, name="FilterScores.strongest", row=0, n=2, kinds=rows)
    yield call(s.weakest, name="FilterScores.weakest", row="class 0", n=2, kinds=rows)
    yield call(
        s.table,
        name="FilterScores.table",
        n=2,
        rows=[0],
        kinds={"n": w.number(0, whole=True), "rows": lambda v: w.wrong(3, "class 0", [9], ["nobody"], [1.5], [None])},
        words={"rows": "row"},
    )
    curve_ = curve()
    yield call(curve_.class_error, name="Knockout.class_error", c=1, kinds={"c": w.number(0, K - 1, whole=True)})
    yield call(curve_.confusion, name="Knockout.confusion", step=1, kinds={"step": w.number(0, 2, whole=True)})
    number = {
        "x": lambda v: [t for t in w.finite_images(v) if t.words != "no image"] + w.wrong(x, x[:0]),
        "unit": lambda v: w.wrong(
            3, "", "pool1", "pool9:0,0,0", "pool1:0", "pool1:0,0,9", "pool1:-1,0,0", "pool1:a,b,c"
        ),
        "weight": lambda v: w.wrong(3, "", "conv1.W", "conv1.V:0", "conv1.W:0", "conv1.b:9", "dense1.W:0,x"),
        "classes": lambda v: w.wrong(None, "every", -1, K, [0], 1.5, True) + w.nothing_in_particular(),
        "labels": lambda v: [t for t in w.labels(K)(v) if t.value is not None and t.words != "one"],
    }
    one_image = {"net": net("numpy"), "x": x[:1], "classes": "true", "labels": t[:1]}
    yield call(nnpg.explain, plain=one_image | {"unit": "pool1:1,0,1"}, kinds=number, skip=("weight",))
    yield call(
        nnpg.explain,
        name="explain of a weight",
        plain=one_image | {"weight": "conv1.b:2"},
        kinds=number,
        skip=("unit",),
    )
    yield call(explanation.explain_passes, plain=one_image, kinds=number)
    explained = nnpg.explain(net("numpy"), x[:1], unit="pool1:1,0,1")
    yield call(explained.table, name="Explanation.table", top=2, kinds={"top": w.number(0, whole=True)})
    shape = {
        "model": lambda v: w.wrong(None, "tanh", 3, nnpg.Tanh, w.Thing()),
        "input_shape": lambda v: [t for t in KINDS["input_shape"](v) if t.value is not None],
        "backend": lambda v: [t for t in w.choice("numpy") if t.value is not None],
        "x": lambda v: w.wrong(
            "a", 3, [[1], [2, 3]], {1}, w.Thing(), np.ones((2, 5)) + 1j, np.ones((2, 5)).astype(str)
        ),
        "raise_on_failure": w.flag,
    }
    yield call(
        nnpg.gradcheck, plain={"model": nnpg.Tanh(), "input_shape": (5,)}, kinds=shape, words={"model": "gradcheck"}
    )
    yield call(
        nnpg.gradcheck,
        name="gradcheck of a network",
        plain={"model": net("numpy")},
        kinds={
            "model": shape["model"],
            "x": lambda v: w.wrong(
                "a",
                3,
                np.ones((2, 5)),
                np.ones((2, 1, 6, 6)) + 1j,
                np.ones((2, 1, 6, 6)) * np.nan,
                np.ones((0, 1, 6, 6)),
            ),
        },
        skip=("input_shape", "rng", "backend", "tolerance", "raise_on_failure"),
        words={"model": "gradcheck"},
    )
