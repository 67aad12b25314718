"""Layers, interventions, optimisers and recipes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import nnpg
from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import K
from nnpg.maps import projection
from nnpg.recipes import models
from nnpg.training_methods import sparsity


def calls() -> Iterator[Call]:
    number, whole = w.number(), w.number(1, whole=True)
    layer_window = {"size": w.pixels, "stride": w.pixels, "padding": w.padding, "dilation": w.pixels}
    conv = {**layer_window, "filters": whole, "groups": whole}
    yield call(nnpg.conv, plain={"filters": 4, "size": 3}, kinds=conv)
    yield call(nnpg.dense, units=4, kinds={"units": whole})
    stride = {"stride": lambda v: [t for t in w.pixels(v or 2) if t.value is not None]}
    yield call(nnpg.MaxPool, size=2, kinds=layer_window | stride)
    yield call(nnpg.AvgPool, size=2, kinds=layer_window | stride)
    yield call(nnpg.Dropout, rate=0.5, kinds={"rate": w.number(0, 0.99), "key": w.optional_seed})
    lrn = {"size": whole, "alpha": number, "beta": number, "bias": number}
    yield call(nnpg.LocalResponseNorm, kinds=lrn)
    yield call(
        nnpg.Step, kinds={"at_zero": lambda v: [t for t in w.number(0, 1, whole=True)(v) if t.value is not True]}
    )
    W, kernels = np.arange(6.0).reshape(2, 3), np.arange(18.0).reshape(2, 1, 3, 3)

    def weights(valid: Any) -> list[w.Trial]:  # complex ones are for derivatives by a complex step
        return [t for t in w.numbers()(valid) if "complex" not in t.words and t.value is not None]

    bias = weights
    yield call(nnpg.Dense, W=W, b=np.ones(2), kinds={"W": weights, "b": bias})
    yield call(nnpg.Conv, W=kernels, b=np.ones(2), kinds={"W": weights, "b": bias, **conv})
    yield call(nnpg.Center, mean=np.array([0.5]), kinds={"mean": w.numbers(flat_only=True)})
    units = np.array([True, False])

    def mask(valid: Any) -> list[w.Trial]:
        return [w.Trial("a list", valid.tolist(), w.SAME), *w.wrong(None, 3, "1", valid.astype(float), [[1], [2, 3]])]

    key = {"key": w.seed, "units": mask, "value": w.numbers(flat_only=True), "pool": w.numbers(flat_only=True)}
    yield call(nnpg.Override, units=units, value=np.zeros(2), kinds=key)
    yield call(nnpg.Resample, units=units, pool=np.zeros((3, 2)), key=0, kinds=key)
    yield call(
        nnpg.Clamp,
        low=0.0,
        high=1.0,
        kinds=dict.fromkeys(("low", "high"), lambda v: [t for t in number(v) if t.words != "float inf"]),
    )
    yield call(nnpg.Perturb, r=np.zeros(2), kinds={"r": w.numbers(flat_only=True)})
    sgd = {"lr": w.positive, "momentum": w.number(0, 0.99), "lr_decay": w.positive}
    yield call(nnpg.SGD, lr=0.1, kinds=sgd)
    yield call(nnpg.PlainDecay, strength=0.1, kinds={"strength": w.positive})
    yield call(
        nnpg.DecayPerUnit,
        strengths=0.1,
        kinds={"strengths": lambda v: [t for t in w.positive(v) if "dict" not in t.words]},
    )
    yield call(sparsity.Sparsity, layer="tanh2", kinds={"layer": w.text, "rate": w.positive, "strength": w.positive})
    yield call(projection.RuledReLU)

    def recipe(valid: Any) -> list[w.Trial]:
        head = [nnpg.Flatten()]
        bad = [None, "tanh", nnpg.Tanh, 3, [nnpg.Tanh()], ("a",), ("a", nnpg.Tanh(), 1), (3, nnpg.Tanh()), w.Thing(),
               ("", nnpg.Tanh()), nnpg.conv, nnpg.MaxPool(9), nnpg.conv(2, 9), nnpg.conv(2, 7),
               nnpg.Conv(np.ones((2, 9, 1, 1))),
               nnpg.conv(2, 1, groups=2), nnpg.Dense(np.ones((2, 99)))]  # fmt: skip
        trials = [w.Trial(f"a layer that is {w.in_words(part)}", [*head, part]) for part in bad[:12]]
        trials += [w.Trial(f"at first {w.in_words(part)}", [part, nnpg.Flatten()]) for part in bad[11:]]
        trials += [w.Trial("a tuple", tuple(valid), w.SAME), w.Trial("a generator", (s for s in valid), w.EITHER)]
        return trials + w.wrong(None, 3, "tanh", [], nnpg.Tanh(), nnpg.conv(2, 3), nnpg.Network) + w.wrong(w.Thing())

    plain = {"recipe": [nnpg.Flatten(), nnpg.dense(K)], "input_shape": (1, 6, 6), "rng": 0}
    names = {"recipe": "layer|network", "input_shape": "shape"}
    yield call(nnpg.build, plain=plain, kinds={"recipe": recipe}, words=names)
    for model in models.face_net, models.digit_net, models.cifar_net:
        x = np.zeros((1, 1, 36, 36))
        yield call(model, x_train=x, kinds={"x_train": w.numbers(nan=False), "K": whole})
    shape = {"image_shape": lambda v: w.wrong(None, 3, "abc", (1, 2), (1, -5, 5), (1, 2.5, 5), ("a", "b", "c"))}
    yield call(models.model_for, image_shape=(1, 28, 28), kinds=shape)
