"""A valid call of every public function, small and fast, and of what kind each of its arguments is."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import nnpg
from fuzz import wrong_values as w
from nnpg import attacks, data, losses, optimisers, plots, rankings, seeds
from nnpg.analysis import (
    directions,
    edge_filters,
    loss_gradients,
    profiles,
    separability,
    spectral,
    statistics,
)
from nnpg.analysis.groups import perturbation_groups
from nnpg.maps import deletion, evidence, excitation, localisation, projection, receptive_fields
from nnpg.rankings import knock_out_curves
from nnpg.rankings.pruning import multiplications, redrawn
from nnpg.recipes import models, patch_features
from nnpg.training_methods import adversarial_pool, selective_dropout, sparsity, volatility

K, N = 3, 6  # classes and images of every call

# The kind that an argument of this name is of, in every function that has no other for it
KINDS: dict[str, w.Kind] = {
    "net": w.network,
    "x": w.finite_images,
    "adversarial": w.finite_images,
    "originals": w.finite_images,
    "labels": w.needed_labels(K),
    "classes": w.needed_labels(K),
    "t": w.targets(K),
    "epochs": w.count,
    "batch": w.count,
    "iterations": w.count,
    "memory": w.count,
    "largest_output": w.count,
    "limits": lambda valid: w.wrong("100 MB", 3, data.Limits, w.Thing()),
    "steps": w.count,
    "every": w.count,
    "permutations": w.count,
    "resamples": w.count,
    "n": w.count,
    "columns": w.number(1, whole=True, optional=True),
    "tolerance": w.positive,
    "rng": w.seed,
    "seed": w.seed,
    "progress": w.optional_flag,
    "resume": w.flag,
    "polish": w.flag,
    "bias": w.flag,
    "sign": w.flag,
    "magnitude": w.flag,
    "optimiser": w.optional_instance,
    "decay": w.optional_instance,
    "of": w.choice,
    "norm": w.choice,
    "average": w.choice,
    "method": w.choice,
    "to": w.choice,
    "by": w.choice,
    "mode": w.choice,
    "measure": w.choice,
    "rule": w.choice,
    "signal": w.choice,
    "init": lambda valid: [t for t in w.choice(valid) if t.value is not w.Thing],
    "loss": lambda valid: [t for t in w.choice(valid) if t.value is not w.Thing],
    "backend": w.choice,
    "layer": w.output,
    "at": w.output,
    "layers": w.outputs,
    "filters": w.filters,
    "reference": w.optional_images,
    "class_names": w.names(K),
    "path": w.path,
    "checkpoint": w.path,
    "scores": w.instance,
    "knockout": w.instance,
    "gradient": w.instance,
    "dataset": w.instance,
    "label": w.text,
    "ylabel": w.text,
    "xlabel": w.text,
    "dtype": lambda valid: w.wrong("int8", "float99", 3, int, "complex64", [1]) + w.wrong(w.Thing()),
    "input_shape": lambda valid: (
        w.wrong(None, 6, "6", (), (1, 6, -6), (1, 6, 0), (1, 6, 6.0), (1, "6"), (True,), {6}) + w.wrong(w.Thing())
    ),
    "box": lambda valid: (
        w.wrong(None, 1, "01", (0,), (0, 1, 2), (1, 0), (0, 0), ("0", "1"), (0, np.nan), (0, np.inf), (0, 1j))
        + w.nothing_in_particular()
    ),
}


# What a message may name in place of an argument: what the argument does not fit
WORDS = {
    "regions": "maps",
    "labels": "images",
    "n": "successes",
    "panels": "panel",
    "x": "labels|t|classes|targets|originals|adversarial",
    "originals": "labels",
    "adversarial": "labels",
}


@dataclass(frozen=True)
class Call:
    """A function, the arguments of a call that is right, and the kind of each argument that is tried."""

    name: str
    function: Callable[..., Any]
    plain: Mapping[str, Any]
    kinds: Mapping[str, w.Kind]
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # what a message may call an argument instead

    def run(self, changes: Mapping[str, Any]) -> Any:
        return self.function(**{**self.plain, **changes})


def call(
    function: Callable[..., Any],
    *,
    name: str = "",
    skip: tuple[str, ...] = (),
    kinds: Mapping[str, w.Kind] | None = None,
    words: Mapping[str, str] | None = None,
    plain: Mapping[str, Any] | None = None,
    **more: Any,
) -> Call:
    """Make a call in which all arguments but those in `skip` are tried."""
    own = {**KINDS, **(kinds or {})}
    arguments = [a for a in inspect.signature(function).parameters if a not in skip and a != "self"]
    unknown = [a for a in arguments if a not in own]
    if unknown:
        raise KeyError(f"{name or function.__name__}: of what kind are {unknown}?")
    aliases = {a: tuple(alias.split("|")) for a, alias in {**WORDS, **(words or {})}.items()}
    title = name or getattr(function, "__qualname__", "") or function.__name__
    return Call(title, function, {**(plain or {}), **more}, {a: own[a] for a in arguments}, aliases)


# The nets and data of all calls


@cache
def net(backend: str = "numba") -> nnpg.Network:
    recipe = [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(4), nnpg.Tanh(),
              nnpg.dense(K), nnpg.Softmax()]  # fmt: skip
    return nnpg.build(recipe, input_shape=(1, 6, 6), rng=0, backend=backend)


@cache
def images() -> np.ndarray[Any, Any]:
    """Sixteenths, so that float16 holds them exactly."""
    return np.random.default_rng(0).integers(1, 16, size=(N, 1, 6, 6)).astype(np.float32) / 16


LABELS = np.array([0, 1, 2, 0, 1, 2])
FOLDER = Path(tempfile.gettempdir())  # where cases write
FILTERS = [("pool1", 0), ("pool1", 2)]


@cache
def gradient() -> nnpg.PredictionGradient:
    return nnpg.class_gradient(net(), images(), LABELS)


@cache
def filter_scores() -> nnpg.FilterScores:
    return nnpg.filter_scores(net(), images(), LABELS)


@cache
def curve() -> nnpg.Knockout:
    return nnpg.knock_out_curve(net(), images(), LABELS, FILTERS)


def calls() -> Iterator[Call]:
    """All of them."""
    yield from building_calls()
    yield from network_calls()
    yield from training_calls()
    yield from gradient_calls()
    yield from ranking_calls()
    yield from map_calls()
    yield from attack_calls()
    yield from array_calls()
    yield from data_calls()
    yield from plot_calls()


def building_calls() -> Iterator[Call]:
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
    yield call(sparsity.Sparsity, at="tanh2", kinds={"at": w.text, "rate": w.positive, "strength": w.positive})
    yield call(projection.RuledReLU)

    def recipe(valid: Any) -> list[w.Trial]:
        head = [nnpg.Flatten()]
        bad = [None, "tanh", nnpg.Tanh, 3, [nnpg.Tanh()], ("a",), ("a", nnpg.Tanh(), 1), (3, nnpg.Tanh()), w.Thing(),
               ("", nnpg.Tanh()), nnpg.conv, nnpg.MaxPool(9), nnpg.conv(2, 9), nnpg.conv(2, 7),
               nnpg.Conv(np.ones((2, 9, 1, 1))),
               nnpg.conv(2, 1, groups=2), nnpg.Dense(np.ones((2, 99)))]  # fmt: skip
        found = [w.Trial(f"a layer that is {w._words(one)}", [*head, one]) for one in bad[:12]]
        found += [w.Trial(f"at first {w._words(one)}", [one, nnpg.Flatten()]) for one in bad[11:]]
        found += [w.Trial("a tuple", tuple(valid), w.SAME), w.Trial("a generator", (s for s in valid), w.EITHER)]
        return found + w.wrong(None, 3, "tanh", [], nnpg.Tanh(), nnpg.conv(2, 3), nnpg.Network) + w.wrong(w.Thing())

    plain = {"recipe": [nnpg.Flatten(), nnpg.dense(K)], "input_shape": (1, 6, 6), "rng": 0}
    names = {"recipe": "layer|network", "input_shape": "shape"}
    yield call(nnpg.build, plain=plain, kinds={"recipe": recipe}, words=names)
    for model in models.face_net, models.digit_net, models.cifar_net:
        x = np.zeros((1, 1, 36, 36))
        yield call(model, x_train=x, kinds={"x_train": w.numbers(nan=False), "K": whole})
    shape = {"image_shape": lambda v: w.wrong(None, 3, "abc", (1, 2), (1, -5, 5), (1, 2.5, 5), ("a", "b", "c"))}
    yield call(models.model_for, image_shape=(1, 28, 28), kinds=shape)


def network_calls() -> Iterator[Call]:
    for one in net("numpy"), net("numba"):
        a, name = one, one.backend.name
        x, trace = images(), one.forward(images())
        start = {"start": lambda v: w.output("pool1")[:-3], "upto": lambda v: w.output("pool1")[:-3]}
        label = lambda method, name=name: f"Network.{method} on {name}"  # noqa: E731
        yield call(a.forward, name=label("forward"), x=x, kinds={**start, "x": w.images})
        yield call(
            a.predict,
            name=label("predict"),
            x=x,
            kinds={"x": w.images, "batch": w.number(1, whole=True, optional=True)},
        )
        seed = np.ones(trace.y.shape, np.float32)

        def keep(valid: Any) -> list[w.Trial]:
            return w.wrong("pool9", ["pool9"], 3, [3], w.Thing())

        back = {
            "trace": w.instance,
            "seed": w.numbers(flat_only=True),
            "keep": keep,
            "at": start["upto"],
            "until": start["upto"],
        }
        yield call(a.backward, name=label("backward"), trace=trace, seed=seed, kinds=back)
        deltas = dict(a.backward(trace, seed))
        named = {
            "trace": w.instance,
            "deltas": lambda v: w.wrong(None, 3, "a", [1], {"pool9": np.ones(3)}, {"conv1": 3}),
        }
        yield call(a.gradients, name=label("gradients"), trace=trace, deltas=deltas, kinds=named)
    a = net()
    layer = {
        "name": lambda v: w.output("conv1"),
        "layer": lambda v: w.wrong("tanh", 3, nnpg.Tanh, w.Thing(), [nnpg.Tanh()]),
    }
    yield call(
        a.replace,
        name="Network.replace",
        plain={"name": "tanh1", "layer": nnpg.ReLU()},
        kinds=layer,
        words={"name": "layer"},
        skip=("changes",),
    )

    def changed(b: Any = None) -> nnpg.Network:
        return a.replace("dense2", b=b)

    yield call(
        changed,
        name="Network.replace a field",
        b=np.zeros(K, np.float32),
        kinds={"b": lambda v: [t for t in w.numbers(needed=False)(v) if "complex" not in t.words]},
    )

    def missing(field: str) -> nnpg.Network:
        return a.replace("dense2", **{field: np.zeros(K)})

    yield call(
        missing,
        name="Network.replace by name",
        field="b",
        kinds={"field": lambda v: w.wrong("c", "w", "")},
        words={"field": "field|fields"},
    )

    def parameters(new: Any) -> nnpg.Network:
        return a.with_parameters(new)

    zeros = np.zeros(K, np.float32)
    new = {
        "new": lambda v: w.wrong(
            None,
            3,
            "a",
            [1],
            {"pool9": {}},
            {"dense2": 3},
            {"dense2": {"c": zeros}},
            {"dense2": {"b": "a"}},
            {"dense2": {"b": zeros[:1]}},
        )
    }
    yield call(
        parameters,
        name="Network.with_parameters",
        new={"dense2": {"b": zeros}},
        kinds=new,
        words={"new": "b|W|pool9|dense2"},
    )

    def intervened(name: Any, change: Any) -> nnpg.Network:
        return a.intervene(name, change)

    changes = {"name": w.output, "change": lambda v: w.wrong(None, "zero", 3, nnpg.Clamp, nnpg.Tanh(), [v], w.Thing())}
    yield call(
        intervened,
        name="Network.intervene",
        plain={"name": "pool1", "change": nnpg.Clamp(0, 1)},
        kinds=changes,
        words={"change": "intervention"},
    )

    def clamped(units: Any) -> Any:
        return a.intervene("pool1", nnpg.Override(units, np.zeros(()))).predict(images())

    wide = np.ones((K, 1, 1), bool)
    yield call(
        clamped,
        name="Override in a network",
        units=wide,
        kinds={"units": lambda v: w.wrong(np.ones((7, 1, 1), bool), np.ones((2, 3, 1, 1, 1), bool))},
        words={"units": "Override"},
    )
    yield call(a.to, name="Network.to", backend="numpy")
    yield call(a.astype, name="Network.astype", dtype="float64")
    yield call(
        a.drawn,
        name="Network.drawn",
        rng=np.random.default_rng(0),
        kinds={"rng": lambda v: [t for t in w.seed(v) if not isinstance(t.value, int)]},
    )

    def layers(valid: Any) -> list[w.Trial]:
        tanh = nnpg.Tanh()
        return w.wrong(None, 3, "a", [], {}, {"a": "tanh"}, {"a": nnpg.Tanh}, {3: tanh}, {"input": tanh})

    shape = {"layers": layers, "backend": w.instance,
             "interventions": lambda v: w.wrong(None, 3, "a", {"pool9": ()}, {"a": 3}, {"a": (3,)})}  # fmt: skip
    yield call(
        nnpg.Network,
        plain={"layers": {"a": nnpg.Tanh()}, "input_shape": (2,), "backend": nnpg.load_backend("numpy")},
        kinds=shape,
        words={"layers": "layer", "interventions": "intervention|interventions|pool9"},
    )
    trace = a.forward(images())
    yield (
        call(trace.__getitem__, name="Trace[...]", plain={}, kinds={"name": w.output})
        if False
        else call(
            trace.before,
            words={"name": "output"},
            name="Trace.before",
            plain={"name": "pool1"},
            kinds={"name": w.output},
        )
    )
    yield call(nnpg.load_backend, plain={"name": "numpy"}, kinds={"name": w.choice}, words={"name": "backend"})
    yield call(nnpg.filter_layers, net=a)
    yield call(multiplications, net=a)
    yield call(redrawn, net=a, rng=0)
    yield call(nnpg.prune, net=a, filters=FILTERS)


def training_calls() -> Iterator[Call]:
    x, t = images(), LABELS

    def pairs(valid: Any) -> list[w.Trial]:
        return [
            w.Trial("a list", [x, t], w.EITHER),
            *w.wrong(
                3, "ab", x, (x,), (x, t, t), (x, t[:-1]), (x, t[:, None]), (x[0], t), (x, t + 9), (t, x), (None, t)
            ),
            *w.wrong((x, None), (x + 1j, t), (x * np.nan, t), {"x": x, "t": t}),
        ]

    small = {"epochs": w.number(0, whole=True), "validation": pairs, "take_step": w.function}
    plain = {"net": net(), "x": x, "t": t, "epochs": 1, "batch": 2, "rng": 0, "optimiser": nnpg.SGD(lr=0.1)}
    yield call(nnpg.train, plain=plain, kinds=small, skip=("checkpoint", "resume"))
    yield call(
        nnpg.train,
        name="train with a checkpoint",
        plain=plain,
        kinds=small,
        skip=tuple(set(inspect.signature(nnpg.train).parameters) - {"checkpoint", "resume"}),
    )
    yield call(
        nnpg.train,
        name="train on numpy",
        plain=plain | {"net": net("numpy")},
        kinds=small,
        skip=("checkpoint", "resume"),
    )
    whole = w.number(1, whole=True)
    lbfgs = {
        "iterations": whole,
        "memory": whole,
        "sparsity": lambda v: w.wrong("tanh1", 3, sparsity.Sparsity, sparsity.Sparsity("pool9")),
        "decay": lambda v: w.wrong("l2", 3, 0.1, nnpg.PlainDecay),
    }
    yield call(nnpg.train_lbfgs, net=net(), x=x, t=t, iterations=2, kinds=lbfgs)
    yield call(nnpg.error_rate, net=net(), x=x, t=t)
    yield call(nnpg.error_rate, name="error_rate on numpy", net=net("numpy"), x=x, t=t)

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
    }
    hard = {
        "net": net("numpy"),
        "adversarial": x,
        "originals": x,
        "labels": t,
        "layer": "dense1",
        "epochs": 1,
        "rng": 0,
        "batch": 2,
    }
    yield call(selective_dropout.hard_negative_training, plain=hard, kinds=weights)
    yield call(
        selective_dropout.SelectiveDropout,
        plain={"originals": x, "layer": "dense1"},
        kinds={"keep": keep, "layer": w.text, "watch": w.function, "originals": w.numbers(nan=False, flat_only=True)},
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

    def whatever(valid: Any) -> list[w.Trial]:
        return w.wrong(None, 3, "a", [1], w.Thing())

    yield call(
        sgd.step,
        name="SGD.step",
        net=net(),
        gradients={},
        state=sgd.start(net()),
        kinds={"gradients": whatever, "state": w.instance},
    )
    yield (
        call(nnpg.use_threads, name="use_threads", count=1, kinds={"count": whole}, words={"count": "threads"})
        if False
        else call(
            lambda count: nnpg.use_threads(count).__enter__(),
            name="use_threads",
            count=1,
            kinds={"count": whole},
            words={"count": "threads"},
        )
    )


def gradient_calls() -> Iterator[Call]:
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

    own = {"classes": chosen, "labels": w.labels(K), "x": w.images}
    for backend in "numba", "numpy":
        one = {"net": net(backend), "x": x}
        yield call(
            nnpg.prediction_gradient,
            name=f"prediction_gradient on {backend}",
            plain=one | {"labels": t, "classes": "true"},
            kinds=own,
        )
        yield call(
            nnpg.prediction_gradient,
            name=f"prediction_gradient of all on {backend}",
            plain=one,
            kinds=own,
            skip=("labels",),
        )
        yield call(
            nnpg.class_gradient,
            name=f"class_gradient on {backend}",
            plain=one | {"labels": t},
            kinds={"classes": chosen},
        )
        yield call(nnpg.filter_scores, name=f"filter_scores on {backend}", plain=one | {"labels": t})
        yield call(
            nnpg.knock_out_curve,
            name=f"knock_out_curve on {backend}",
            plain=one | {"labels": t, "filters": FILTERS},
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
        nnpg.knock_out,
        plain={"net": net(), "filters": FILTERS, **resample},
        kinds={"reference": lambda v: [*w.finite_images(v), *w.wrong(v[:0])]},
    )
    yield call(loss_gradients.loss_gradient, net=net(), x=x, labels=t, kinds={"x": w.images})
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
    several = nnpg.prediction_gradient(net(), x)
    yield call(several.for_class, name="PredictionGradient.for_class", c=1, kinds={"c": w.number(0, K - 1, whole=True)})

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
    shape = {
        "thing": lambda v: w.wrong(None, "tanh", 3, nnpg.Tanh, w.Thing()),
        "input_shape": lambda v: [t for t in KINDS["input_shape"](v) if t.value is not None],
        "backend": lambda v: [t for t in w.choice("numpy") if t.value is not None],
        "x": lambda v: w.wrong(
            "a", 3, [[1], [2, 3]], {1}, w.Thing(), np.ones((2, 5)) + 1j, np.ones((2, 5)).astype(str)
        ),
        "raise_on_failure": w.flag,
    }
    yield call(
        nnpg.gradcheck, plain={"thing": nnpg.Tanh(), "input_shape": (5,)}, kinds=shape, words={"thing": "gradcheck"}
    )
    yield call(
        nnpg.gradcheck,
        name="gradcheck of a network",
        plain={"thing": net("numpy")},
        kinds={
            "thing": shape["thing"],
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
        words={"thing": "gradcheck"},
    )


def ranking_calls() -> Iterator[Call]:
    x, t, a = images(), LABELS, net()
    plain = {"net": a, "x": x, "labels": t}
    yield call(rankings.activation_scores, plain=plain)
    yield call(rankings.taylor_scores, plain=plain)
    yield call(rankings.weight_norm_scores, net=a)
    yield call(rankings.random_scores, net=a, rng=0)
    yield call(rankings.layer_scores, net=a, rng=0)
    base = {
        "baseline": lambda v: w.wrong("a", np.ones((2, 2)), [[1], [2, 3]], 1j, np.nan, w.Thing()),
        "reference": w.optional_images,
        "rng": w.optional_seed,
    }
    yield call(rankings.conductance_scores, plain=plain | {"steps": 2}, kinds=base)
    yield call(rankings.ablation_scores, plain=plain, kinds=base)
    yield call(rankings.shapley_scores, plain=plain | {"pairs": 2, "rng": 0}, kinds={"pairs": w.number(2, whole=True)})
    s = filter_scores()
    yield call(rankings.shuffled_in_layers, scores=s, rng=0)
    yield call(rankings.overall_scores, scores=s, kinds={"row": w.text})

    def row(valid: Any) -> list[w.Trial]:
        return w.wrong(None, 9, "nobody", 1.5, True, [0]) + w.nothing_in_particular()

    yield call(
        rankings.weakest_leaving,
        scores=s,
        row=0,
        n=1,
        kinds={"row": row, "leave": w.number(0, whole=True), "n": w.number(0, whole=True)},
    )
    yield call(
        rankings.knock_out_area,
        error=[0.0, 0.5, 1.0],
        kinds={"error": w.numbers(flat_only=True)},
        words={"error": "curve|errors"},
    )
    yield call(volatility.unit_changes, net=a, x=x, adversarial=x[::-1], layers=("tanh1",))
    yield call(
        volatility.unit_output, net=a, layer="conv1", kinds={"layer": lambda v: [*w.output(v), *w.wrong("tanh1")]}
    )
    yield call(spectral.lipschitz, net=a)
    yield call(
        spectral.measured_gains,
        net=a,
        x=x,
        changed=1 - x,
        kinds={"changed": lambda v: [*w.finite_images(v), *w.wrong(x)]},
        words={"changed": "image"},
    )
    yield call(directions.features, net=a, x=x, at="tanh1", kinds={"x": w.images})
    yield call(projection.with_rule, net=a, rule="guided")
    units = {
        "units": lambda v: w.wrong("some", -1, 9, [], [9], np.ones(5), [[0], [1, 2]], {0}, w.Thing()),
        "x": w.images,
    }
    yield call(projection.mean_projection, net=a, x=x, layer="pool1", kinds=units)
    yield call(
        projection.project,
        net=a,
        trace=a.forward(x),
        layer="pool1",
        kinds={**units, "trace": w.instance, "until": w.output},
    )
    yield call(
        receptive_fields.receptive_field,
        net=a,
        layer="pool1",
        kinds={"layer": lambda v: [*w.output(v), *w.wrong("dense1")]},
    )
    field_ = receptive_fields.receptive_field(a, "pool1")
    yield call(
        field_.spread,
        name="ReceptiveField.spread",
        maps=np.ones((2, 2)),
        shape=(6, 6),
        kinds={"maps": w.numbers(flat_only=True), "shape": lambda v: w.wrong(None, "66", (6,), (6, -1), (6, 1.5))},
    )


def map_calls() -> Iterator[Call]:
    x, t, a = images(), LABELS, net()
    plain = {"net": a, "x": x, "classes": t}
    maps = {"layer": lambda v: [*w.output("pool1"), *w.wrong("dense1")], "reference": w.optional_images}
    yield call(evidence.strongest_map, plain=plain, kinds=maps)
    yield call(evidence.contribution_map, plain=plain, kinds=maps)
    yield call(evidence.saliency_map, plain=plain, kinds=maps)
    yield call(evidence.departure_map, net=a, x=x, kinds=maps, skip=("classes",))
    yield call(evidence.edge_map, net=None, x=x, kinds={"x": w.numbers(nan=False)}, skip=("net", "classes"))
    side = {
        "window": w.number(1, 6, whole=True),
        "stride": w.number(1, 3, whole=True),
        "fill": lambda v: w.wrong("a", np.ones((2, 2)), [[1], [2, 3]], 1j, np.nan, w.Thing()),
    }
    yield call(evidence.occlusion_map, plain=plain | {"window": 3, "stride": 2}, kinds=side)
    cost = {"maps": w.numbers(), "share": w.number(0, 1), "fill": side["fill"]}
    yield call(deletion.deletion_cost, plain=plain | {"maps": np.ones((N, 6, 6)), "share": 0.5}, kinds=cost)
    two = np.random.default_rng(0).random((2, 3, 3))
    yield call(deletion.map_agreement, a=two, b=two, kinds={"a": w.numbers(), "b": w.numbers()})
    regions = np.zeros((N, 6, 6), bool)
    regions[:, 2, 2] = True

    def region(valid: Any) -> list[w.Trial]:
        return [
            w.Trial("a list", valid.tolist(), w.SAME),
            *w.wrong(None, "a", valid.astype(int), valid[:-1], valid[0], ~valid & False, [[1], [2, 3]], w.Thing()),
        ]

    def methods(valid: Any) -> list[w.Trial]:
        return w.wrong(
            3,
            "saliency",
            ["saliency"],
            {"a": 3},
            {"a": "saliency"},
            {3: evidence.saliency_map},
            {"a": lambda net, x, t: 3},
            {"random": evidence.saliency_map},
            {"a": lambda net, x, t: np.ones((1, 2))},
        )

    own = {
        "regions": region,
        "methods": methods,
        "groups": w.names(N),
        "tolerance": w.number(0, whole=True),
        "x": w.finite_images,
    }
    few = {"saliency": evidence.saliency_map}
    yield call(
        localisation.benchmark_localisation,
        plain=plain | {"regions": regions, "rng": 0, "methods": few},
        kinds=own,
        words={"methods": "maps|method", "groups": "groups"},
    )
    some = {"m": np.random.default_rng(0).random((N, 6, 6))}
    given = {
        **own,
        "maps": lambda v: w.wrong(
            None,
            3,
            [1],
            {},
            {"m": 3},
            {"m": "a"},
            {"m": v["m"][0]},
            {"m": v["m"] * np.nan},
            {"m": v["m"] + 1j},
            {3: v["m"]},
        ),
    }
    yield call(localisation.score_maps, maps=some, regions=regions, rng=0, kinds=given)
    yield call(
        localisation.mass_inside,
        maps=some["m"],
        regions=regions,
        kinds={
            "maps": w.numbers(flat_only=True),
            "regions": lambda v: w.wrong(None, "a", v[:, :2], v.astype(float), [[1], [2, 3]], w.Thing()),
        },
    )
    found = localisation.score_maps(some, regions, rng=0)
    yield call(
        localisation.pooled, found=[found, found], kinds={"found": lambda v: w.wrong(None, 3, [], [3], found, "a")}
    )
    which = {"method": lambda v: w.wrong(None, "n", 3, ["m"]), "group": lambda v: w.wrong("nobody", 3, ["all"])}
    yield call(found.rate, name="Localisation.rate", plain={"method": "m"}, kinds=which)
    yield call(found.mean_mass, name="Localisation.mean_mass", plain={"method": "m"}, kinds=which)
    one = {
        "n": w.number(1, N, whole=True),
        "one_per": w.numbers(needed=False),
        "layer": lambda v: [*w.output(v), *w.wrong("dense1")],
        "filters": lambda v: w.wrong(None, "a", v[:-1], v + 9, v - 9, v + 0.5),
        "i": lambda v: w.wrong(None, "a", v[:-1], v + 9, v + 0.5),
        "j": lambda v: w.wrong(None, "a", v[:-1], v - 9, v + 0.5),
        "places": lambda v: w.wrong(None, 3, "a", (1, 2)),
        "x": w.images,
    }
    yield call(
        excitation.highest_outputs,
        net=a,
        x=x,
        layer="pool1",
        n=2,
        one_per=LABELS + 0,
        kinds=one | {"n": w.number(1, 3, whole=True), "x": w.finite_images},
    )
    zero = np.zeros(N, int)
    yield call(excitation.sent_back, net=a, x=x, layer="pool1", filters=zero, i=zero, j=zero, kinds=one)
    yield call(
        excitation.views, net=a, x=x, layer="pool1", places=excitation.highest_outputs(a, x, "pool1", 2), kinds=one
    )


def attack_calls() -> Iterator[Call]:
    x, t = images(), LABELS
    a = nnpg.build([nnpg.Flatten(), nnpg.dense(K), nnpg.Softmax()], input_shape=(1, 6, 6), rng=0)
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
    own = {
        "targets": aims,
        "labels": w.labels(K),
        "rng": w.optional_seed,
        "history": whole,
        "evaluations": whole,
        "memory_mb": w.number(0),
        "tolerance": w.number(0, 1),
        "clip": w.flag,
        "norm": w.choice,
    }
    needed = {**own, "labels": w.needed_labels(K)}
    plain = {"net": a, "x": x, "targets": "nearest", "labels": t}
    yield call(attacks.choose_targets, plain=plain, kinds={**own, "x": w.images})
    yield call(
        attacks.minimal_distortion,
        plain=plain | {"evaluations": 20, "polish": False},
        kinds=own,
        skip=("checkpoint", "resume"),
    )
    yield call(
        attacks.minimal_distortion,
        name="minimal_distortion with a checkpoint",
        plain=plain | {"evaluations": 3},
        kinds=own,
        skip=tuple(set(inspect.signature(attacks.minimal_distortion).parameters) - {"checkpoint", "resume"}),
    )
    steps = {**needed, "radius": size, "step": w.number(0, optional=True), "epsilon": size}
    yield call(attacks.projected_gradient, plain=plain | {"labels": t, "radius": 0.1, "steps": 2}, kinds=steps)
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
        kinds={**needed, **etas, "masks": masker},
        words={"masks": "mask"},
        skip=("checkpoint", "resume"),
    )
    several = {"targets": lambda v: w.wrong(None, "all", 0, v[:, 0], v[:-1], v + 9, v - 9, v + 0.5, v.astype(str))}
    yield call(attacks.gradient_masks, net=a, x=x, targets=other[:, None], kinds={**several, "x": w.images})
    yield call(attacks.linear, net=a)
    yield call(
        attacks.learn_class_mask,
        net=a,
        x=x,
        target=1,
        epochs=1,
        rng=0,
        kinds={"target": w.number(0, K - 1, whole=True), "lr": size, "momentum": w.number(0, 0.99)},
    )
    masks = attacks.shared(np.ones((K, 1, 6, 6)))
    made = {"masks": lambda v: w.wrong(None, "linear", 3, np.ones(3))}
    yield call(attacks.noise_like, masks=masks, seed=0, kinds=made)
    yield call(attacks.to_unit, masks=masks, kinds=made)
    yield call(attacks.scaled, masks=masks, sizes=[1.0, 2.0, 3.0], kinds={**made, "sizes": w.numbers(nan=False)})
    yield (
        call(attacks.borrowed, masks=masks, donors=x, kinds={**made, "donors": w.numbers(nan=False)}, skip=("donors",))
        if False
        else call(attacks.borrowed, masks=masks, donors=x, kinds={**made, "donors": w.no_arrays})
    )
    yield call(attacks.shared, masks=np.ones((K, 4)), kinds={"masks": w.no_arrays})
    added = {"x": w.no_arrays, "masks": w.no_arrays, "eta": lambda v: w.wrong(None, "a", 1j, [1, 2, 3], w.Thing())}
    yield call(attacks.apply_masks, x=x, masks=x, eta=0.1, kinds=added, skip=("box",))
    pair = {"x": w.numbers(nan=False), "changed": w.numbers(nan=False), "rms": w.positive}
    yield call(attacks.amplified, x=x, changed=1 - x, rms=0.1, kinds=pair)
    yield call(attacks.distortion, x=x, changed=1 - x, kinds=pair)
    two = {"predicted": w.labels(99), "labels": w.labels(99), "targets": w.labels(99)}
    wide = lambda kind: lambda v: [t for t in kind(v) if t.words not in ("K", "one", "bool", "int 0")]  # noqa: E731
    two = {name: wide(kind) for name, kind in two.items()}
    yield call(attacks.target_success, predicted=t, targets=other, kinds=two)
    yield call(attacks.error, predicted=t, labels=other, kinds=two)
    yield call(attacks.confidence, y=np.eye(K)[t], classes=t, kinds={"y": w.numbers()})
    yield call(
        attacks.nearest_images,
        queries=x,
        references=x,
        kinds={"queries": w.numbers(nan=False), "references": w.numbers(nan=False)},
    )

    def minimum(fun: Any, x0: Any, bounds: Any = (None, None), **how: Any) -> Any:
        return attacks.minimize_lbfgsb_batched(fun, x0, bounds, **how)

    def fun(x: Any, which: Any) -> Any:
        return (x * x).sum(axis=1), 2 * x

    def start(valid: Any) -> list[w.Trial]:
        return [t for t in w.numbers(nan=False)(valid) if t.words not in ("big-endian",)]

    lbfgsb = {
        "fun": w.function,
        "x0": start,
        "bounds": lambda v: w.wrong(None, 3, "ab", (0,), (1, 0), ("a", "b"), (0, np.nan), (np.ones(5), None), {0, 1}),
    }
    yield call(minimum, name="minimize_lbfgsb_batched", fun=fun, x0=np.ones((2, 3)), kinds=lbfgsb, skip=("how",))
    for setting in "history", "iterations", "gtol", "ftol", "noise":

        def one(value: Any, setting: str = setting) -> Any:
            return attacks.minimize_lbfgsb_batched(fun, np.ones((2, 3)), **{setting: value})

        kind = (
            w.number(1 if setting == "history" else 0, whole=True)
            if setting in ("history", "iterations")
            else w.number(0, optional=setting == "noise")
        )
        yield call(
            one,
            name=f"minimize_lbfgsb_batched {setting}",
            value=5 if setting in ("history", "iterations") else 1e-4,
            kinds={"value": kind},
            skip=("setting",),
            words={"value": setting},
        )
    yield call(
        adversarial_pool.AdversarialPool,
        x=x,
        t=t,
        at=("input",),
        kinds={
            "x": w.numbers(nan=False),
            "t": lambda v: [t for t in w.needed_labels(99)(v) if t.words != "K"],
            "at": lambda v: w.wrong(None, 3, [3], [], w.Thing()),
            "size": whole,
            "new": whole,
            "targets": lambda v: w.wrong(None, "all", "farthest", 3),
        },
    )


def array_calls() -> Iterator[Call]:
    table = np.array([[0.0, 1.0, 2.0], [3.0, 1.0, 0.5]])
    flat = np.array([0.1, 0.5, 0.2, 0.9])
    plain = w.numbers(flat_only=True)
    sure = w.numbers(nan=False, flat_only=True)
    yield call(
        statistics.wilson,
        successes=2,
        n=5,
        kinds={"successes": w.number(0, 5, whole=True), "n": w.number(2, whole=True)},
    )
    for one in statistics.mean_interval, statistics.median_interval:
        yield call(one, values=flat, kinds={"values": sure})
    yield call(statistics.paired_p, differences=flat, kinds={"differences": sure})
    yield call(statistics.holm, p_values=flat, kinds={"p_values": w.numbers(nan=False)})
    yield call(statistics.rank_correlation, a=flat, b=flat[::-1], kinds={"a": sure, "b": sure})
    groups = {
        "values": w.numbers(nan=False),
        "groups": lambda v: w.wrong(3, "a", [0, 1], [[0, 1, 2]], [[1], [2, 3]], w.Thing()),
    }
    yield call(statistics.crossed_interval, values=table, resamples=10, kinds=groups)
    yield call(
        statistics.bootstrap,
        plain={"statistic": lambda some: np.array([some.mean()]), "n": 5, "resamples": 10, "rng": 0},
        kinds={"statistic": w.function},
    )
    yield call(knock_out_curves.gini, scores=flat, kinds={"scores": w.numbers(nan=False, flat_only=True)})
    yield call(knock_out_curves.steps_to_reach, error=table, level=[0.5, 2.0], kinds={"error": plain, "level": plain})
    yield call(knock_out_curves.failure_steps, knockout=curve())
    class_names = {"plain": {"names": ["a", "b", "c"]}, "kinds": {"names": w.names(K)}}
    yield call(knock_out_curves.falls_in_words, knockout=curve(), **class_names)
    yield call(
        knock_out_curves.steps_in_words,
        knockout=curve(),
        plain={"names": ["a", "b", "c"]},
        kinds={"names": w.names(K), "most": w.number(0, whole=True)},
    )
    likeness = np.array([[1, 0.9, 0.2, 0.1], [0.9, 1, 0.4, 0.3], [0.2, 0.4, 1, 0.6], [0.1, 0.3, 0.6, 1]])
    who = np.array([0, 0, 1, 1])
    counted = {
        "likeness": w.numbers(nan=False),
        "counted": lambda v: w.wrong("a", 3, np.ones((2, 2), bool), np.ones((4, 4)), w.Thing()),
        "labels": lambda v: [t for t in w.needed_labels(9)(v) if t.words not in ("K", "strings of digits")],
    }
    yield call(profiles.within_between, likeness=likeness, labels=who, kinds=counted)
    yield call(profiles.likeness_of_classes, likeness=likeness, labels=who, kinds=counted)
    yield call(profiles.permutation_test, likeness=likeness, labels=who, permutations=9, rng=0, kinds=counted)
    yield call(
        profiles.most_alike,
        likeness=likeness,
        kinds={**counted, "among": lambda v: w.wrong("a", [9], [-1], [0.5], [], w.Thing())},
    )
    yield call(
        profiles.rank_correlations,
        scores=table,
        kinds={"scores": w.numbers(nan=False), "others": w.numbers(needed=False)},
        others=table,
    )
    yield call(
        profiles.different_pictures,
        n=3,
        copies=[(0, 2)],
        kinds={"copies": lambda v: w.wrong(None, 3, "a", [3], [(0, 9)], [(-1, 0)], [("a", "b")], [(0, 1, 2)])},
    )
    yield call(
        perturbation_groups,
        source=[0, 0, 2],
        target=[2, 2, 1],
        kinds={"source": wide_labels, "target": wide_labels},
    )
    made = perturbation_groups([0, 0, 2], [2, 2, 1])
    yield call(
        made.mean,
        name="Groups.mean",
        values=np.ones(3),
        kinds={"values": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1])]},
    )
    yield call(
        made.max,
        name="Groups.max",
        values=np.ones(3),
        kinds={"values": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1])]},
    )
    yield call(made.hold_out, name="Groups.hold_out", rng=0)
    yield call(
        separability.linearly_separable,
        points=table,
        kind=[True, False],
        kinds={
            "points": w.numbers(nan=False),
            "kind": lambda v: w.wrong(None, "a", 3, [True], [2, 3], ["a", "b"], [0.5, 1]),
        },
    )
    yield call(volatility.top_share, scores=flat, kinds={"scores": sure, "share": w.number(0, 1)})
    yield call(volatility.concentration_curve, scores=flat, kinds={"scores": sure})
    yield call(
        volatility.how_many, share=0.5, plain={"F": 10}, kinds={"share": w.number(0, 1), "F": w.number(1, whole=True)}
    )
    yield call(
        directions.random_directions,
        plain={"D": 5, "S": 3, "rng": 0},
        kinds={"D": w.number(1, whole=True), "S": w.number(1, whole=True)},
    )
    yield call(
        directions.strongest_images,
        rows=table,
        directions=np.eye(3),
        n=2,
        kinds={"rows": w.numbers(nan=False), "directions": w.numbers(nan=False), "n": w.number(1, 2, whole=True)},
    )
    rows = {
        "labels": lambda v: [t for t in w.needed_labels(9)(v) if t.words not in ("K", "-1", "one too many")],
        "images": lambda v: w.wrong(None, "a", 3, v + 9, v - 9, v + 0.5, v[0]),
    }
    chosen = np.array([[0, 1, 2], [1, 2, 3]])
    yield call(directions.purity, labels=who, images=chosen, kinds=rows)
    yield call(directions.above_chance, labels=who, images=chosen, permutations=9, rng=0, kinds=rows)
    yield call(directions.between_groups, a=flat, b=flat + 1, permutations=9, rng=0, kinds={"a": sure, "b": sure})
    kernels = np.ones((2, 3, 3))
    picture = np.random.default_rng(0).random((2, 1, 6, 6))
    yield call(
        edge_filters.convolved,
        images=picture,
        kernels=kernels,
        kinds={"images": w.numbers(nan=False), "kernels": w.numbers(nan=False)},
    )
    yield call(
        edge_filters.answers_to_edges,
        images=picture,
        kernels=[edge_filters.KERNELS["Sobel X"]],
        kinds={"images": w.numbers(nan=False), "kernels": w.numbers(nan=False)},
    )
    yield call(
        patch_features.random_patches,
        x=picture,
        n=3,
        size=2,
        rng=0,
        kinds={"x": w.numbers(nan=False), "size": w.number(1, 6, whole=True)},
    )
    yield call(
        patch_features.zca,
        patches=np.random.default_rng(0).random((5, 2)),
        kinds={"patches": w.numbers(nan=False), "eps": w.number(0)},
    )
    square = nnpg.Dense(np.zeros((7, 12)), np.zeros(7))
    yield call(
        patch_features.as_convolution,
        layer=square,
        plain={"C": 3},
        kinds={
            "layer": w.instance,
            "C": w.number(1, whole=True),
            "stride": lambda v: [t for t in w.pixels(v) if t.words != "a list"],
        },
    )
    yield call(spectral.dense_bounds, plain={"W": table}, kinds={"W": w.numbers(nan=False)})
    yield call(
        spectral.conv_bounds,
        plain={"W": np.ones((2, 1, 2, 2)), "size": (4, 4)},
        kinds={
            "W": w.numbers(nan=False),
            "size": lambda v: w.wrong(None, "44", (4,), (0, 4), (4, -4), (4.0, 4)),
            "stride": lambda v: w.wrong(None, 0, (0, 1), (1.5, 1), "11"),
            "dilation": lambda v: w.wrong(None, 0, (0, 1), "11"),
            "groups": w.number(1, whole=True),
        },
    )
    yield call(
        spectral.frame_bounds,
        layer=nnpg.Dense(table),
        input_shape=(3,),
        kinds={"layer": lambda v: w.wrong(None, "dense", 3, nnpg.Dense, nnpg.Tanh())},
    )


def wide_labels(valid: Any) -> list[w.Trial]:
    """Classes of any number."""
    odd = ("K", "-1", "one", "strings of digits", "a table")
    return [t for t in w.needed_labels(9)(np.asarray(valid)) if t.words not in odd]


def data_calls() -> Iterator[Call]:
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
    yield call(data.find_twins, dataset=d)
    which = {
        "which": lambda v: w.wrong(None, "a", 3, [9], [-9], [0.5], [True], [[0]], w.Thing()),
        "name": lambda v: w.wrong(3, ["a"], w.Thing()),
    }
    yield call(d.subset, name="Dataset.subset", which=[0, 1], kinds=which)
    halves = data.stratified_split(LABELS, test=0.5)
    yield call(halves.apply, name="Split.apply", dataset=d)
    yield call(halves.straddling, name="Split.straddling", dataset=d)
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
    where = {
        "folder": w.path,
        "size": lambda v: w.wrong(0, -1, 1.5, "8", True, (8,), (0, 8), (8, 8, 8)),
        "grey": w.flag,
        "split": lambda v: w.wrong("validation", 3, ["train"]),
        "data_dir": lambda v: w.wrong(3, b"a", ["a"], w.Thing()),
    }
    yield call(data.load_folder, folder="/nowhere", kinds=where)
    yield call(data.load_npz, path="/nowhere.npz")
    yield call(data.save_npz, path="/nowhere/a.npz", dataset=d)
    yield call(data.load_yale, folder="/nowhere", kinds=where)
    for loader in data.load_mnist, data.load_cifar10:
        yield call(loader, folder="/nowhere", kinds=where)
    yield call(
        data.load,
        plain={"name": "faces", "size": 24},
        kinds={
            **where,
            "name": lambda v: w.wrong(None, 3, "minst", b"faces", ["faces"], w.Thing()),
            "size": lambda v: w.wrong(0, -1, 1.5, "8", True),
        },
        words={"name": "data"},
    )
    yield call(nnpg.load_network, path=str(nnpg.save(net(), FOLDER / "api-cases-to-load.safetensors")))
    yield call(
        nnpg.save,
        net=net(),
        path=str(FOLDER / "api-cases.safetensors"),
        kinds={"provenance": lambda v: w.wrong(3, "a", [1], {"a": w.Thing()}, {"a": np.ones(2)}, {3: 4j})},
    )


def plot_calls() -> Iterator[Call]:
    from nnpg.plots.knockout import knockout_panels

    x, maps = images(), np.random.default_rng(0).random((N, 6, 6))
    pictures = {
        "images": lambda v: [*w.no_arrays(v), *w.wrong(None, v[0], v * 9, v[:, [0, 0]], v * np.nan, v[:0])],
        "titles": w.names(N),
        "maps": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1], v[0], v * np.nan)],
        "overlay": lambda v: w.wrong("a", 3, maps, maps[0] > 0.5),
    }
    rows = {"row_labels": lambda v: w.wrong(3, "ab", [3])}
    yield call(plots.image_grid, images=x, kinds=pictures | rows)
    yield call(
        plots.feature_maps,
        images=x,
        maps={"a": maps[:, None]},
        kinds=pictures
        | {"maps": lambda v: w.wrong(None, 3, [1], {}, {"a": 3}, {"a": "b"}, {"a": maps}, {3: maps[:, None]})},
    )
    field_ = receptive_fields.receptive_field(net(), "pool1")
    outs = maps[:, None, :2, :2]
    regions = {
        **pictures,
        "outputs": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1], v[0])],
        "gradients": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1], v * np.nan)],
        "field": w.instance,
        "others": lambda v: w.wrong("a", 3, x[:-1], x * 9),
        "also": lambda v: w.wrong("a", 3, ("a",), ("a", 3), (3, np.ones((N, 2))), ("a", np.ones((2, 2)))),
    }
    yield call(plots.strongest_regions, images=x, outputs=outs, gradients=outs, field=field_, kinds=regions)
    yield call(
        plots.network_diagram,
        scores=filter_scores(),
        kinds={
            "rows": lambda v: w.wrong(3, "class 0", [9], ["nobody"], [1.5], []),
            "images": lambda v: w.wrong("a", 3, x, x[:3] * 9),
        },
        words={"rows": "row|rows", "images": "pixels|images"},
    )
    yield call(plots.damage_trace, knockout=curve(), kinds={"highlight": w.number(0, K - 1, whole=True, optional=True)})
    yield call(
        plots.training_history,
        history=[nnpg.Epoch(1, 2.0, 0.5, None, 0.1)],
        kinds={"history": lambda v: w.wrong(None, 3, "a", [], [3], v[0])},
    )
    yield call(
        plots.loss_curve, losses=[2.0, 1.0], kinds={"losses": w.numbers(nan=False), "start": w.number(0, whole=True)}
    )

    def panels(valid: Any) -> list[w.Trial]:
        found = w.wrong(None, 3, "a", [], [3], ["a"], [None], valid[0], {"a": 1}, w.Thing())
        names = [one.name for one in fields(valid[0])]
        return found + [
            w.Trial(f"{name} {bad}", [replace(valid[0], **{name: bad})])
            for name in names
            for bad in (w.Thing(), 3j, {1}, b"x")
        ]

    own = {"panels": panels, "band": w.choice}
    series = {"a": np.array([[0.0, 0.5], [0.1, 0.6]])}
    yield call(plots.error_curves, panels=[plots.Panel("p", series)], plain={"band": "range"}, kinds=own)

    def curves_of(values: Any) -> Any:
        return plots.error_curves([plots.Panel("p", values)])

    bad = {
        "values": lambda v: w.wrong(
            None,
            3,
            "a",
            [1],
            {"a": "b"},
            {"a": 3j},
            {"a": [[1], [2, 3]]},
            {"a": [2.0]},
            {"a": [np.nan]},
            {3: [0.5, 0.6]},
            {"a": np.ones((1, 1, 1))},
        )
    }
    yield call(curves_of, name="error_curves of a series", values=series, kinds=bad, words={"values": "series"})
    yield call(plots.depth_curves, panels=[plots.Depth("p", ["a", "b"], {"s": [1.0, 2.0]})], kinds=own)
    yield call(
        plots.interval_plot,
        panels=[plots.Measured("p", {"a": statistics.Interval(0.5, 0.4, 0.6)}, "x")],
        kinds=own | {"highlight": lambda v: w.wrong("b", 3, ["a"])},
    )
    yield call(
        plots.line_panels,
        panels=[plots.Lines("p", [0, 1], {"a": [0.1, 0.9]}, "x", "y")],
        kinds=own | {"top": w.number(0, optional=True)},
    )
    yield call(plots.plane_panels, panels=[plots.Plane("p", [[0, 0], [1, 1]], [False, True], ["a", "b"])], kinds=own)
    yield call(
        plots.scatter_panels,
        panels=[plots.Pairs("p", [0.0, 1.0], [0.0, 1.0])],
        plain={"xlabel": "x", "ylabel": "y"},
        kinds=own,
    )
    values = np.linspace(-1, 1, 5)
    yield call(
        plots.function_panels,
        x=values,
        panels={"p": {"f": values}},
        kinds={
            "x": w.numbers(nan=False),
            "panels": lambda v: w.wrong(
                None, 3, "a", {}, {"p": 3}, {"p": {"f": "a"}}, {"p": {"f": values[:2]}}, {3: {"f": values}}, [v]
            ),
        },
    )
    yield call(
        plots.histogram_grid,
        cells=[[({"a": [0.0, 1.0]}, "t")]],
        row_labels=["r"],
        kinds={
            "cells": lambda v: w.wrong(
                None, 3, "a", [], [3], [[3]], [[({"a": [np.nan]}, "t")]], [[({"a": "b"}, "t")]], [[(3, "t")]]
            ),
            "row_labels": w.names(1),
            "centred": lambda v: w.wrong(3, "a", [3], [True, False]),
            "bins": w.number(1, whole=True),
        },
    )
    yield call(
        plots.filter_gallery,
        plain={"kernels": {"a": np.ones((3, 3))}, "outputs": np.ones((1, 4, 4))},
        kinds={
            "kernels": lambda v: w.wrong(
                None, 3, "a", [1], {}, {"a": 3}, {"a": "b"}, {"a": np.ones(3) * 1j}, {3: np.ones((3, 3))}
            ),
            "outputs": w.numbers(nan=False),
        },
    )
    yield call(
        plots.matrix_panels,
        plain={"matrices": np.eye(3)[None], "titles": ["t"]},
        kinds={
            "matrices": w.numbers(nan=False),
            "titles": w.names(1),
            "labels": w.names(3),
            "rows": w.text,
            "columns_are": w.text,
            "value": w.text,
            "limits": lambda v: w.wrong(3, "ab", (0,), (1, 0), ("a", "b"), (0, np.nan)),
        },
    )
    yield call(
        plots.cell_map,
        plain={"values": np.eye(2), "rows": ["a", "b"], "columns": ["x", "y"], "words": [["1", "0"], ["0", "1"]]},
        kinds={
            "values": w.numbers(),
            "rows": w.names(2),
            "columns": w.names(2),
            "words": lambda v: w.wrong(None, 3, "ab", [["a"]], [[1, 2], [3, 4]], ["ab", "cd"]),
            "framed": lambda v: w.wrong("a", 3, np.ones(2), np.ones((2, 2)) * 0.5),
            "limits": lambda v: w.wrong(None, 3, "ab", (0,), (1, 0), ("a", "b"), (0, np.nan)),
        },
    )
    yield call(
        plots.wiring_diagram,
        layers=[([[1.0, -1.0]], [-0.5])],
        plain={"names": [["a", "b"], ["y"]]},
        kinds={
            "layers": lambda v: w.wrong(None, 3, "a", [], [3], [(1, 2)], [("a", "b")], [([[1.0]], [0.0])]),
            "names": lambda v: w.wrong(None, 3, "a", [], [3], [["a"], ["y"]], [[1, 2], ["y"]]),
        },
        words={"layers": "layer|weights"},
    )
    yield call(
        plots.heat,
        images=x,
        maps=maps,
        kinds={"images": w.no_arrays, "maps": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1], v[0])]},
    )
    yield call(plots.signed_colours, maps=maps, kinds={"maps": lambda v: [*w.no_arrays(v), *w.wrong(None, v[0])]})
    curves = {(0, "strongest"): curve()}
    yield call(
        knockout_panels,
        curves=curves,
        class_names=["a", "b", "c"],
        kinds={
            "curves": lambda v: w.wrong(None, 3, "a", {}, {"a": curve()}, {(0, "a"): 3}, {(9, "a"): curve()}),
            "random_orders": lambda v: w.wrong(3, "a", [3], curve()),
        },
    )
    yield call(
        plots.image_grid,
        name="image_grid to a file",
        images=x,
        plain={"path": str(FOLDER / "api-cases.png")},
        skip=("images", "titles", "columns", "row_labels", "overlay"),
    )
