"""Attacks and their masks."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

import nnpg
from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import LABELS, K, images
from nnpg import attacks
from nnpg.training_methods import adversarial_pool


def calls() -> Iterator[Call]:
    x, t = images(), LABELS
    attacked = nnpg.build([nnpg.Flatten(), nnpg.dense(K), nnpg.Softmax()], input_shape=(1, 6, 6), rng=0)
    other = (t + 1) % K

    def aims(valid: Any) -> list[w.Trial]:
        return [
            w.Trial("a list", other.tolist(), other),
            w.Trial("int8", other.astype("int8"), other),
            *w.wrong(
                None,
                "farthest",
                -1,
                K,
                1.5,
                True,
                other[:-1],
                other[:, None],
                other + 0.5,
                other - 9,
                other.astype(str),
                other + 1j,
            ),
            *w.nothing_in_particular(),
        ]

    whole, size = w.number(1, whole=True), w.positive
    kinds = {
        "targets": aims,
        "labels": w.labels(K),
        "rng": w.optional_seed,
        "history": whole,
        "evaluations": whole,
        "memory_mb": w.number(0),
        "tolerance": w.number(0, 1),
        "clip": w.flag,
        "norm": w.choice,
        "epsilon": w.number(0, optional=True),
        "kappa": w.number(0),
    }
    kinds_with_labels = {**kinds, "labels": w.needed_labels(K)}
    plain = {"net": attacked, "x": x, "targets": "nearest", "labels": t}
    sweep = attacks.mask_sweep(attacked, x, t, "nearest", [0.0, 0.1], rng=0)
    for summary in (attacks.best_steps, attacks.best_successes, attacks.targets_differ):
        yield call(summary, sweep=sweep, kinds={"sweep": w.instance})
    steps = {"sweep": w.instance, "steps": lambda v: w.wrong(None, "a", [9] * len(v), [-1] * len(v), v[:-1], v + 0.5)}
    yield call(attacks.success_at, sweep=sweep, steps=attacks.best_steps(sweep), kinds=steps)
    yield call(attacks.choose_targets, plain=plain, kinds={**kinds, "x": w.images})
    yield call(
        attacks.minimal_distortion,
        plain=plain | {"evaluations": 20, "polish": False},
        kinds=kinds,
        skip=("checkpoint", "resume"),
    )
    yield call(
        attacks.minimal_distortion,
        name="minimal_distortion with a checkpoint",
        plain=plain | {"evaluations": 3},
        kinds=kinds,
        skip=tuple(set(inspect.signature(attacks.minimal_distortion).parameters) - {"checkpoint", "resume"}),
    )
    steps = {**kinds_with_labels, "step": w.number(0, optional=True), "epsilon": size}
    yield call(attacks.projected_gradient, plain=plain | {"labels": t, "epsilon": 0.1, "steps": 2}, kinds=steps)
    yield call(attacks.fast_gradient_sign, plain=plain | {"labels": t, "epsilon": 0.1}, kinds=steps)

    def masker(valid: Any) -> list[w.Trial]:
        return w.wrong("linear", 3, np.ones(3), lambda x, t, n: 3, lambda x, t, n: np.ones((1, 2)))

    etas = {
        "etas": lambda v: [
            w.Trial("a list", list(v), w.SAME),
            *w.wrong(None, 3, "a", [], [0], [1, 2], [0, 0], [0, np.nan], [0, np.inf], [0, 1j], [[0, 1]], ["0", "1"]),
        ]
    }
    yield call(
        attacks.mask_sweep,
        plain=plain | {"labels": t, "etas": np.array([0.0, 0.1])},
        kinds={**kinds_with_labels, **etas, "masks": masker},
        words={"masks": "mask"},
        skip=("checkpoint", "resume"),
    )
    several = {"targets": lambda v: w.wrong(None, "all", 0, v[:, 0], v[:-1], v + 9, v - 9, v + 0.5, v.astype(str))}
    yield call(attacks.gradient_masks, net=attacked, x=x, targets=other[:, None], kinds={**several, "x": w.images})
    yield call(attacks.linear, net=attacked)
    kept = lambda v: w.wrong(None, 3, "a", [0], [2, 1], [1, 1], [1.5], [np.nan], [[1]], ["1"])  # noqa: E731
    yield call(
        attacks.learn_class_mask,
        net=attacked,
        x=x,
        target=1,
        epochs=1,
        rng=0,
        kinds={"target": w.number(0, K - 1, whole=True), "lr": size, "momentum": w.number(0, 0.99), "keep": kept},
        skip=("checkpoint", "resume"),
    )
    masks = attacks.shared(np.ones((K, 1, 6, 6)))
    maskers = {"masks": lambda v: w.wrong(None, "linear", 3, np.ones(3))}
    yield call(attacks.noise_like, masks=masks, seed=0, kinds=maskers)
    yield call(attacks.to_unit, masks=masks, kinds=maskers)
    yield call(attacks.scaled, masks=masks, sizes=[1.0, 2.0, 3.0], kinds={**maskers, "sizes": w.numbers(nan=False)})
    yield call(attacks.borrowed, masks=masks, donors=x, kinds={**maskers, "donors": w.no_arrays})
    yield call(attacks.shared, masks=np.ones((K, 4)), kinds={"masks": w.no_arrays})
    added = {"x": w.no_arrays, "masks": w.no_arrays, "eta": lambda v: w.wrong(None, "a", 1j, [1, 2, 3], w.Thing())}
    yield call(attacks.apply_masks, x=x, masks=x, eta=0.1, kinds=added, skip=("box",))
    pair = {"x": w.numbers(nan=False), "adversarial": w.numbers(nan=False), "distortion": w.positive}
    yield call(attacks.amplify, x=x, adversarial=1 - x, distortion=0.1, kinds=pair)
    yield call(attacks.distortion, x=x, adversarial=1 - x, kinds=pair)

    def of_any_class(valid: Any) -> list[w.Trial]:
        return [trial for trial in w.labels(99)(valid) if trial.words not in ("K", "one", "bool", "int 0")]

    predictions = dict.fromkeys(("predicted", "labels", "targets"), of_any_class)
    yield call(attacks.target_success, predicted=t, targets=other, kinds=predictions)
    yield call(attacks.error, predicted=t, labels=other, kinds=predictions)
    yield call(attacks.confidence, y=np.eye(K)[t], classes=t, kinds={"y": w.numbers()})
    yield call(
        attacks.nearest_images,
        queries=x,
        references=x,
        kinds={"queries": w.numbers(nan=False), "references": w.numbers(nan=False)},
    )

    yield call(
        adversarial_pool.AdversarialPool,
        x=x,
        labels=t,
        layers=("input",),
        kinds={
            "x": w.numbers(nan=False),
            "labels": lambda v: [t for t in w.needed_labels(99)(v) if t.words != "K"],
            "layers": lambda v: w.wrong(None, 3, [3], [], w.Thing()),
            "size": whole,
            "new": whole,
            "targets": lambda v: w.wrong(None, "all", "farthest", 3),
        },
    )
