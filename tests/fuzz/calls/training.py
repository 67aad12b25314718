"""Training, losses and optimisers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

import nnpg
from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import LABELS, K, images, net
from nnpg import losses, optimisers
from nnpg.training_methods import hard_negatives, selective_dropout, sparsity


def calls() -> Iterator[Call]:
    x, t = images(), LABELS

    def pairs(valid: Any) -> list[w.Trial]:
        return [
            w.Trial("a list", [x, t], w.EITHER),
            *w.wrong(
                3, "ab", x, (x,), (x, t, t), (x, t[:-1]), (x, t[:, None]), (x[0], t), (x, t + 9), (t, x), (None, t)
            ),
            *w.wrong((x, None), (x + 1j, t), (x * np.nan, t), {"x": x, "t": t}),
        ]

    kinds = {"epochs": w.number(0, whole=True), "validation": pairs, "take_step": w.function}
    plain = {"net": net(), "x": x, "targets": t, "epochs": 1, "batch": 2, "rng": 0, "optimiser": nnpg.SGD(lr=0.1)}
    yield call(nnpg.train, plain=plain, kinds=kinds, skip=("checkpoint", "resume"))
    yield call(
        nnpg.train,
        name="train with a checkpoint",
        plain=plain,
        kinds=kinds,
        skip=tuple(set(inspect.signature(nnpg.train).parameters) - {"checkpoint", "resume"}),
    )
    yield call(
        nnpg.train,
        name="train on numpy",
        plain=plain | {"net": net("numpy")},
        kinds=kinds,
        skip=("checkpoint", "resume"),
    )
    whole = w.number(1, whole=True)
    lbfgs = {
        "iterations": whole,
        "memory": whole,
        "sparsity": lambda v: w.wrong("tanh1", 3, sparsity.Sparsity, sparsity.Sparsity("pool9")),
        "decay": lambda v: w.wrong("l2", 3, 0.1, nnpg.PlainDecay),
    }
    yield call(nnpg.train_lbfgs, net=net(), x=x, targets=t, iterations=2, kinds=lbfgs)
    yield call(nnpg.error_rate, net=net(), x=x, targets=t)
    yield call(nnpg.error_rate, name="error_rate on numpy", net=net("numpy"), x=x, targets=t)

    def keep(valid: Any) -> list[w.Trial]:
        return w.wrong(None, "all", 0, -0.5, 1.5, float("nan"), True, [0.5], 1j)

    def judged(valid: Any) -> list[w.Trial]:
        return w.wrong(3, "a", [x, t], {"a": x}, {"a": (x,)}, {"a": (x, t[:1])}, {"a": (x, t, t)}, {3: (x, t)})

    weights = {
        "layer": lambda v: [*w.output(v), *w.wrong("tanh1")],
        "keep": keep,
        "judged_on": judged,
        "judge_every": w.number(0, whole=True),
        "labels": w.needed_labels(K),
        "epochs": w.number(0, whole=True),
        "groups": w.numbers(nan=False, flat_only=True, needed=False),
        "clusters": lambda v: w.wrong("a", 3, [0.5] * len(v), v[:-1], [v, v], w.Thing()),
    }
    trained = {
        "net": net("numpy"),
        "adversarial": x,
        "originals": x,
        "labels": t,
        "layer": "dense1",
        "groups": t,
        "clusters": np.arange(len(net().parameters["dense1"]["b"])),
        "epochs": 1,
        "rng": 0,
        "batch": 2,
    }
    yield call(hard_negatives.hard_negative_training, plain=trained, kinds=weights)
    yield call(
        selective_dropout.SelectiveDropout,
        plain={"originals": x, "layer": "dense1", "adversarial": x, "groups": t, "clusters": np.arange(4)},
        kinds={
            "keep": keep,
            "layer": w.text,
            "watch": w.function,
            "watch_after": w.function,
            "originals": w.numbers(nan=False, flat_only=True),
            "adversarial": w.numbers(nan=False, flat_only=True),
            "groups": w.numbers(nan=False, flat_only=True),
            "clusters": lambda v: w.wrong("a", 3, [0.5] * len(v), [v, v], w.Thing()),
        },
    )
    yield call(selective_dropout.Retention, p0=0.5, alpha=0.1, kinds={"p0": w.positive, "alpha": w.positive})
    yield call(losses.loss_for, net=net(), loss="squared_error")
    for make in losses.softmax_cross_entropy, losses.binary_cross_entropy, losses.squared_error:
        yield call(make, net=net())
    yield call(
        optimisers.penalty,
        net=net(),
        decay=nnpg.PlainDecay(0.1),
        kinds={"decay": lambda v: w.wrong("l2", 3, nnpg.PlainDecay)},
    )
    sgd = nnpg.SGD(lr=0.1)
    yield call(sgd.start, name="SGD.start", net=net())

    def anything(valid: Any) -> list[w.Trial]:
        return w.wrong(None, 3, "a", [1], w.Thing())

    yield call(
        sgd.step,
        name="SGD.step",
        net=net(),
        gradients={},
        state=sgd.start(net()),
        kinds={"gradients": anything, "state": w.instance},
    )
    yield call(
        lambda count: nnpg.use_threads(count).__enter__(),
        name="use_threads",
        count=1,
        kinds={"count": whole},
        words={"count": "threads"},
    )
