"""Prediction gradients, scores and knock-out against the formula in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnpg
from mutation.samples import (
    LABELS,
    K,
    N,
    images,
    many,
    net_after,
    net_with,
    refused,
    refused_index,
    same,
)
from nnpg.class_gradients import class_means
from nnpg.knockout import Knockout
from nnpg.layers.blocks import block_of, first_with_weights


def by_hand(head: str, of: str, name: str) -> Any:
    """The deltas of every class, (K, N, ...), one backward pass per class."""
    net = net_with(head)
    trace = net.forward(images())
    z, y, e = trace["dense1"], trace.y, np.eye(K)
    out = []
    for c in range(K):
        if of == "logit":
            seed, at = np.tile(e[c], (N, 1)), "dense1"
        else:
            seed, at = np.tile(e[c], (N, 1)), net.names[-1]
            seed = seed / y if of == "logprob" else seed
        out.append(net.backward(trace, seed, start=at)[name])
    assert z.shape == (N, K)
    return np.stack(out)


def predictions() -> None:
    for backend in ("numpy", "numba"):
        net = net_with("softmax").to(backend)
        for batch in (None, 1, 2, N):
            same(nnpg.predict(net, images(), batch=batch), net.forward(images()).y)
        gradients_of(net)
    spoiled = images().copy()
    spoiled[2, 0, 3, 3] = np.nan
    layered, compiled = (
        nnpg.prediction_gradient(net_with("softmax").to(backend), spoiled, layers=["input", "conv1"])
        for backend in ("numpy", "numba")
    )
    for name in ("input", "conv1"):
        same(compiled[name], layered[name])


def means_by_class() -> None:
    predictions()
    labels = np.array([0, 2, 2, 2, 2])  # class 1 has no image
    for shape in ((N,), (N, 4), (N, 2, 3)):
        values = np.random.default_rng(13).standard_normal(shape)
        expected = [values[labels == c].mean(axis=0) if c != 1 else np.full(shape[1:], np.nan) for c in range(K)]
        same(class_means(values, labels, K), expected)


def blocks() -> None:
    predictions()
    layers = net_with("softmax").layers
    for after, first in {
        None: "conv1",
        "conv1": "dense1",
        "pool1": "dense1",
        "dense1": "softmax1",
        "?": "conv1",
    }.items():
        assert first_with_weights(layers, after) == first
    next_to = {name: layers[name] for name in ("conv1", "dense1", "softmax1")}
    assert first_with_weights(next_to, "conv1") == "dense1"
    assert block_of(next_to, "conv1") == ["conv1"]
    assert block_of(layers, "conv1") == ["conv1", "tanh1", "pool1"]
    for names in (["tanh1", "pool1", "flatten1"], ["tanh1"]):
        assert first_with_weights({name: layers[name] for name in names}) == names[-1]


def gradients_of(net: nnpg.Network) -> None:
    x, n = images(), np.arange(N)
    names = ["input", "conv1", "pool1"]
    for of in ("prob", "logit", "logprob"):
        every = {name: by_hand("softmax", of, name) for name in names}
        for batch in (None, 2, 5):
            for classes, pick in {
                "all": lambda d: d,
                "true": lambda d: d[LABELS, n],
                1: lambda d: d[1],
                np.int64(2): lambda d: d[2],
                (2, 0): lambda d: d[[2, 0]],
            }.items():
                got = nnpg.prediction_gradient(net, x, layers=names, classes=classes, labels=LABELS, of=of, batch=batch)  # type: ignore[arg-type]
                assert list(got.deltas) == names
                assert got.classes == ((0, 1, 2) if classes == "all" else classes)
                assert got.rows == tuple(f"image {i}" for i in range(N))
                for name in names:
                    same(got[name], pick(every[name]), 1e-9)
        for method in ("average_of_gradients", "gradient_of_average"):
            t = np.array([0, 2, 2, 2, 2])  # class 1 has no image
            got = nnpg.class_gradient(net, x, t, layers=names, of=of, method=method, batch=2)  # type: ignore[arg-type]
            both = nnpg.class_gradient(net, x, t, layers=names, of=of, method=method, classes=[1, 2], batch=3)  # type: ignore[arg-type]
            for name in names:
                d = every[name]
                rows = [d[c, t == c].mean(axis=0) if (t == c).any() else np.full(d.shape[2:], np.nan) for c in range(K)]
                same(got[name], rows, 1e-9)
                means = [
                    [d[s, t == c].mean(axis=0) if (t == c).any() else np.full(d.shape[2:], np.nan) for c in range(K)]
                    for s in (1, 2)
                ]
                same(both[name], means, 1e-9)
            assert got.rows == ("class 0", "class 1", "class 2")
            few = nnpg.class_gradient(net, x, t, layers=names, of=of, method=method, for_classes=[1, 2], batch=2)  # type: ignore[arg-type]
            assert few.rows == ("class 1", "class 2")
            occur = nnpg.class_gradient(net, x, t, layers=names, of=of, method=method, for_classes="present")  # type: ignore[arg-type]
            turned = nnpg.class_gradient(net, x, t, layers=names, of=of, method=method, for_classes=[2, 0])  # type: ignore[arg-type]
            chunks = nnpg.class_gradient(net, x, t, layers=names, of=of, method=method, classes=[1, 2], memory_mb=1e-9)  # type: ignore[arg-type]
            for name in names:
                same(few[name], got[name][1:], 1e-9)
                same(occur[name], got[name][[0, 2]], 1e-9)
                same(turned[name], got[name][[2, 0]], 1e-9)
                same(chunks[name], both[name], 1e-9)
            one = nnpg.class_gradient(
                net, x, t, layers=names, of=of, method=method, classes=2, class_names=["a", "b", "c"]
            )  # type: ignore[arg-type]
            assert one.rows == ("a", "b", "c")
            for name in names:
                same(one[name], both[name][1], 1e-9)
    assert nnpg.filter_layers(net) == ("pool1",)
    assert list(nnpg.prediction_gradient(net, x).deltas) == ["pool1"]
    two = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.conv(2, 3)], input_shape=(1, 6, 6), rng=0, backend="numpy")
    assert nnpg.filter_layers(two) == ("tanh1", "conv2")
    several = nnpg.prediction_gradient(net, x, classes=[2, 0])
    same(several.for_class(0)["pool1"], several["pool1"][1])
    assert several.for_class(0).classes == 0
    spoiled = x.copy()
    spoiled[3, 0, 0, 0] = np.nan
    others = np.arange(N) != 3
    for classes in ("true", "all"):
        got = nnpg.prediction_gradient(net, spoiled, layers=names, classes=classes, labels=LABELS)  # type: ignore[arg-type]
        whole = nnpg.prediction_gradient(net, x, layers=names, classes=classes, labels=LABELS)  # type: ignore[arg-type]
        layered = nnpg.prediction_gradient(net.to("numpy"), spoiled, layers=names, classes=classes, labels=LABELS)  # type: ignore[arg-type]
        for name in names:
            same(got[name], layered[name], 1e-9)
            axis = 0 if classes == "true" else 1
            same(np.compress(others, got[name], axis), np.compress(others, whole[name], axis), 1e-9)


def scores() -> None:
    rng = np.random.default_rng(10)
    d = rng.standard_normal((4, 3, 2, 5))
    flat = d.reshape(4, 3, 10)
    formulas = {
        "frobenius": np.sqrt((flat**2).sum(-1)), "l1": abs(flat).sum(-1), "max": abs(flat).max(-1),
        "rms": np.sqrt((flat**2).mean(-1)), "mean": flat.mean(-1),
    }  # fmt: skip
    pg = nnpg.PredictionGradient({"a": d, "b": d[:, :, 0, 0]}, "true", "prob", ("r", "s", "t", "u"))
    for norm, expected in formulas.items():
        ranking = nnpg.convolutional_gradient(pg, norm)
        same(ranking.scores["a"], expected)
        same(ranking.scores["b"], d[:, :, 0, 0] if norm == "mean" else abs(d[:, :, 0, 0]))
        same(ranking.matrix, np.concatenate([ranking.scores["a"], ranking.scores["b"]], axis=1))
        order = [(u.layer, u.f) for u in ranking.strongest("s")]
        pairs = [("a", f) for f in range(3)] + [("b", f) for f in range(3)]
        values = dict(zip(pairs, ranking.matrix[1], strict=True))
        assert order == sorted(pairs, key=lambda pair: -values[pair])
        assert [(u.layer, u.f) for u in ranking.weakest(1, 2)] == order[::-1][:2]
        assert [u.score for u in ranking.strongest(1, 2)] == sorted(values.values())[::-1][:2]
        for row in (1, np.int64(1), "s"):
            assert ranking.row_index(row) == 1
        assert ranking.weakest("s") == ranking.strongest(1)[::-1]
        assert refused(lambda ranking=ranking: ranking.row_index("nowhere"))
    only = nnpg.PredictionGradient({"a": d}, "true", "prob", ("r", "s", "t", "u"))
    same(nnpg.saliency(only)["a"], abs(d).max(axis=1))
    same(nnpg.saliency(only, "frobenius")["a"], np.sqrt((d * d).sum(axis=1)))
    net, x = net_with("softmax"), images()
    gradient = nnpg.prediction_gradient(net, x, classes="true", labels=LABELS)["pool1"]
    means = np.stack([gradient[c == LABELS].mean(axis=0) for c in range(K)])
    norms = np.stack([np.sqrt((gradient[c == LABELS] ** 2).sum(axis=(2, 3))).mean(axis=0) for c in range(K)])
    of_mean = nnpg.filter_scores(net, x, LABELS, average="norm_of_mean", batch=2)
    same(of_mean.scores["pool1"], np.sqrt((means**2).sum(axis=(2, 3))))
    same(nnpg.filter_scores(net, x, LABELS, average="mean_of_norms", batch=2).scores["pool1"], norms)
    same(
        nnpg.filter_scores(net, x, LABELS, average="norm_of_mean", norm="mean").scores["pool1"], means.mean(axis=(2, 3))
    )


def knockouts() -> None:
    for backend in ("numpy", "numba"):
        sweeps_of(net_with("softmax").to(backend))
    for orders in ("pool1", b"pool1", {"pool1": 1}, {("pool1", 1)}, 3):  # no list of lists
        with pytest.raises(TypeError, match="orders must be a list of lists of filters"):
            nnpg.knock_out_curves(net_with("softmax"), images(), LABELS, orders, progress=False)  # type: ignore[arg-type]
    counts()


def sweeps_of(net: nnpg.Network) -> None:
    x = images()
    filters = [("pool1", 2), ("conv1", 0), ("pool1", 1)]
    after_pool, after_conv = net_after("pool1"), net_after("conv1")
    for to in ("zero", "mean"):
        reference = x[:3] * 1.5
        trace = net.forward(reference)
        value = {
            name: trace[name].mean(axis=0) if to == "mean" else np.zeros(trace[name].shape[1:])
            for name in ("conv1", "pool1")
        }
        expected = [net.forward(x).y]
        for upto in range(1, 4):
            out = filters[:upto]
            c = net.forward(x)["conv1"].copy()
            for name, f in out:
                if name == "conv1":
                    c[:, f] = value["conv1"][f]
            p = after_conv(c)["pool1"].copy()
            for name, f in out:
                if name == "pool1":
                    p[:, f] = value["pool1"][f]
            expected.append(after_pool(p).y)
            same(nnpg.knock_out(net, out, to=to, reference=reference).forward(x).y, expected[-1])
        curve = nnpg.knock_out_curve(net, x, LABELS, filters, to=to, reference=reference, batch=2, progress=False)
        same(curve.predictions, [y.argmax(axis=1) for y in expected])
    bright = 9 * abs(x)  # whose means are far from 0
    after = net.forward(bright)["pool1"].mean(axis=0)
    for to, value_of in (("zero", 0 * after), ("mean", after)):  # one output alone, which has a compiled program
        p, expected = net.forward(many())["pool1"].copy(), [net.forward(many()).y]
        for f in (2, 0):
            p[:, f] = value_of[f]
            expected.append(after_pool(p).y)
        whole = nnpg.knock_out_curve(
            net, many(), np.zeros(len(p), int), [("pool1", 2), ("pool1", 0)], to=to, reference=bright, progress=False
        )
        same(whole.predictions, [y.argmax(axis=1) for y in expected])
    drawn = nnpg.knock_out(net, [("pool1", 1)], to="resample", reference=x, rng=3).forward(x)["pool1"]
    plain = net.forward(x)["pool1"]
    same(drawn[:, [0, 2]], plain[:, [0, 2]])
    assert all((drawn[i, 1] == plain[:, 1]).all(axis=(1, 2)).any() for i in range(N))
    assert not (drawn[:, 1] == plain[:, 1]).all()
    pairs = [nnpg.Filter("pool1", 2, 0.5), ("pool1", 1)]
    named = nnpg.knock_out_curve(net, x, LABELS, pairs, progress=False).filters
    assert [(f.layer, f.f, str(f.score)) for f in named] == [("pool1", 2, "0.5"), ("pool1", 1, "nan")]
    curve = nnpg.knock_out_curve(net, x, LABELS, filters[:1], progress=False)  # no reference is needed
    assert curve.predictions.shape == (2, N)
    assert refused(lambda: nnpg.knock_out(net, [("nowhere", 0)]))
    for f in (-1, 3):
        assert refused_index(lambda f=f: nnpg.knock_out(net, [("pool1", f)]))  # type: ignore[misc]


def counts() -> None:
    predicted = np.array([[0, 2, 1, 2, 2], [1, 1, 1, 0, 1]])
    knockout = Knockout((nnpg.Filter("pool1", 0),), predicted, LABELS, K)
    same(knockout.overall_error, [0, 4 / 5])
    same(knockout.class_error(2), [0, 1])
    same(knockout.class_error(1), [0, 0])
    same(knockout.confusion(1), [[0, 1, 0], [0, 1, 0], [1, 2, 0]])
    same(knockout.modes, [[0, 1, 2], [1, 1, 1]])
