"""The straight path, each part against what it means: finite differences, or the formula in plain NumPy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from parameters import changed

import nnpg
from mutation.forks import Target
from nnpg.class_gradients import class_means
from nnpg.knockout import Knockout
from nnpg.layers.blocks import block_of, first_with_weights
from nnpg.losses import loss_for
from nnpg.optimisers import penalty
from nnpg.seeds import class_seed
from nnpg_kernels import numpy_backend as k

N, K = 5, 3
LABELS = np.array([0, 2, 1, 2, 2])
HEADS = {"softmax": [nnpg.Softmax()], "sigmoid": [nnpg.Sigmoid()], "none": []}


@cache
def net_with(head: str) -> nnpg.Network:
    recipe = [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(K), *HEADS[head]]
    return nnpg.build(recipe, input_shape=(2, 6, 6), rng=1, dtype="float64", backend="numpy")


@cache
def images() -> Any:
    x = np.random.default_rng(2).standard_normal((N, 2, 6, 6))
    x.setflags(write=False)
    return x


@cache
def many() -> Any:
    return np.random.default_rng(11).standard_normal((40, 2, 6, 6))


def same(a: Any, b: Any, tolerance: float = 1e-10) -> None:
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape, (a.shape, b.shape)
    assert np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


def slopes(f: Any, x: Any, direction: Any, step: float = 1e-6) -> Any:
    """The derivative of f at x along a direction."""
    return (f(x + step * direction) - f(x - step * direction)) / (2 * step)


# Seeds


def read(of: str, head: str, x: Any) -> Any:
    """y, z or log y as numbers, from the layers alone."""
    trace = net_with(head).forward(x)
    z = trace["dense1"]
    if of == "logit":
        return z
    y = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) if head == "softmax" else 1 / (1 + np.exp(-z))
    return y if of == "prob" else np.log(y)


def seeds() -> None:
    rng = np.random.default_rng(3)
    for head in HEADS:
        net = net_with(head)
        trace = net.forward(images())
        for of in ("prob", "logit", "logprob") if head != "none" else ("logit",):
            d = rng.standard_normal(images().shape)
            wanted = slopes(lambda x, of=of, head=head: read(of, head, x), images(), d)  # (N, K)
            for classes, chosen in {"all": range(K), 1: 1, (2, 0): (2, 0), "true": None}.items():
                at, seed = class_seed(net, trace, classes, of, LABELS)  # type: ignore[arg-type]
                deltas = net.backward(trace, seed, start=at)
                got = (deltas["input"] * d).sum(axis=(-3, -2, -1))
                expected = (
                    wanted[np.arange(N), LABELS]
                    if chosen is None
                    else np.moveaxis(wanted, 1, 0)[list([chosen] if isinstance(chosen, int) else chosen)]
                )
                same(got, expected[0] if isinstance(chosen, int) else expected, 1e-6)
    for head in ("softmax", "sigmoid"):  # what stands behind the last layer: d log y_c / dy_c = 1 / y_c
        net = net_with(head).intervene(f"{head}1", nnpg.Clamp(0.2, 0.6))
        y = net.forward(images()).y
        at, seed = class_seed(net, net.forward(images()), 1, "logprob")
        assert at == f"{head}1"
        same(seed, np.eye(K)[1] / y)
    sure = nnpg.build([nnpg.Softmax()], input_shape=(2,), rng=0, dtype="float64", backend="numpy")
    trace = sure.forward([[0.0, -50.0]])  # 1 - y rounds to 0, and must not
    at, seed = class_seed(sure, trace, 0, "logprob")
    same(seed, [[np.exp(-50), -np.exp(-50)]] if at == "input" else np.nan, 1e-6)
    assert abs(seed[0, 0] / np.exp(-50) - 1) < 1e-6


# Losses


def losses() -> None:
    rng = np.random.default_rng(4)
    targets = rng.dirichlet(np.ones(K), N)
    one_hot = np.eye(K)[LABELS]
    for name in ("softmax_cross_entropy", "binary_cross_entropy", "squared_error"):
        for head in HEADS:
            net = net_with(head)
            loss = loss_for(net, name)
            trace = net.forward(images())
            y = trace.y
            z = trace["dense1"] if head == "softmax" else y  # what is taken for logits
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            if name == "binary_cross_entropy" and head == "none":
                y = np.clip(y, 0.1, 0.9)
            for t, meant in ((LABELS, one_hot), (targets, targets)):
                at = trace[loss.layer] if not (name == "binary_cross_entropy" and head == "none") else y
                if name == "softmax_cross_entropy":
                    wanted = -(meant * np.log(y if head == "softmax" else p)).sum(axis=1)
                elif name == "binary_cross_entropy":
                    wanted = -(meant * np.log(y) + (1 - meant) * np.log(1 - y)).sum(axis=1)
                else:
                    wanted = ((y - meant) ** 2).sum(axis=1) / 2
                same(loss.value(k, at, t), wanted)
                d = rng.standard_normal(at.shape)
                along = slopes(lambda a, loss=loss, t=t: loss.value(k, a, t), at, d)
                same((loss.seed(k, at, t) * d).sum(axis=1), along, 1e-6)
    extreme = np.array([[800.0, -800.0]])
    for name, net in (("softmax_cross_entropy", "softmax"), ("binary_cross_entropy", "sigmoid")):
        value = loss_for(net_with(net), name).value(k, extreme, np.array([1]))
        same(value, [1600.0])
    assert loss_for(net_with("softmax"), "softmax_cross_entropy").layer == "dense1"
    assert loss_for(net_with("sigmoid"), "binary_cross_entropy").layer == "dense1"
    assert loss_for(net_with("softmax"), "squared_error").layer == "softmax1"
    changed = net_with("softmax").intervene("softmax1", nnpg.Clamp(0.0, 1.0))  # dL/dz is no longer y - t
    probabilities = loss_for(changed, "softmax_cross_entropy")
    assert probabilities.layer == "softmax1"
    y = np.random.default_rng(5).dirichlet(np.ones(K), N)
    same(probabilities.value(k, y, LABELS), -np.log(y[np.arange(N), LABELS]))
    d = np.random.default_rng(6).standard_normal(y.shape)
    same(
        (probabilities.seed(k, y, LABELS) * d).sum(axis=1),
        slopes(lambda a: probabilities.value(k, a, LABELS), y, d),
        1e-6,
    )
    assert np.isfinite(probabilities.value(k, np.array([[1.0, 0.0, 0.0]]), np.array([1]))).all()
    certain = loss_for(net_with("none"), "binary_cross_entropy")
    for y in ([[1.0, 0.0, 1.0]], [[0.0, 1.0, 1.0]]):
        value = certain.value(k, np.array(y), np.array([1]))
        assert np.isfinite(value).all()
        assert value > 30


# Optimisers


def optimisers() -> None:
    net, rng = net_with("softmax"), np.random.default_rng(7)
    gradients = [changed(net.parameters, lambda array: rng.standard_normal(array.shape)) for _ in range(3)]
    decays = {
        None: lambda n, p, w: (0.0, 0.0),
        nnpg.PlainDecay(0.3): lambda n, p, w: (0.3, 0.3 / 2),
        nnpg.DecayPerUnit(2): lambda n, p, w: (4 / len(w), 2 / len(w)) if p == "W" else (0.0, 0.0),
        nnpg.DecayPerUnit(0.2): lambda n, p, w: (2 * 0.2 / len(w), 0.2 / len(w)) if p == "W" else (0.0, 0.0),
        nnpg.DecayPerUnit(Strengths(conv1=0.4)): lambda n, p, w: (
            (2 * 0.4 / len(w), 0.4 / len(w)) if (n, p) == ("conv1", "W") else (0.0, 0.0)
        ),
    }
    for decay, factors in decays.items():
        for momentum, lr_decay in ((0.0, 0.0), (0.5, 0.1)):
            sgd = nnpg.SGD(lr=0.2, momentum=momentum, decay=decay, lr_decay=lr_decay)
            at, state = net, sgd.start(net)
            weights = {n: {p: w.copy() for p, w in layer.items()} for n, layer in net.parameters.items()}
            v = {n: {p: np.zeros_like(w) for p, w in layer.items()} for n, layer in weights.items()}
            total = sum(factors(n, p, w)[1] * (w * w).sum() for n, layer in weights.items() for p, w in layer.items())
            same(penalty(net, decay), total)
            for t, g in enumerate(gradients):
                at, state = sgd.step(at, g, state)
                assert state.t == t + 1
                for n, layer in weights.items():
                    for p, w in layer.items():
                        v[n][p] = momentum * v[n][p] + g[n][p] + factors(n, p, w)[0] * w
                        layer[p] = w - 0.2 / (1 + t * lr_decay) * v[n][p]
                        same(at.parameters[n][p], layer[p])
            assert bool(state.velocity) == (momentum > 0)


class Strengths(dict):  # type: ignore[type-arg]
    """A mapping that can be a key here."""

    __hash__ = object.__hash__


# The network's passes


def passes() -> None:
    units = np.array([True, False, False]).reshape(3, 1, 1)
    net = net_with("softmax").intervene("pool1", nnpg.Override(units, np.array(0.25)), nnpg.Clamp(-0.3, 0.4))
    net = net.intervene("input", nnpg.Perturb(np.full((2, 6, 6), 0.1)))
    x = images()
    assert nnpg.gradcheck(net, raise_on_failure=False).ok
    trace = net.forward(x)
    a = x + 0.1
    same(trace["input"], a)
    saved = {}
    for name, layer in net.layers.items():
        a, saved[name] = layer.forward(k, a)
        if name == "pool1":
            a = np.clip(np.where(units, 0.25, a), -0.3, 0.4)
        same(trace[name], a)
        assert not trace[name].flags.writeable
    for n, name in enumerate(net.names[1:], start=1):
        head = trace.before(name)
        assert list(head) == net.names[:n]
        assert [*head.saved] == net.names[1:n]
        assert set(head.intervened) == {"input", "pool1"} & set(net.names[:n])
    plain = nnpg.Network({"tanh1": nnpg.Tanh()}, (2,), k)
    same(plain.forward(np.array([[0.5, 1.0]], "float32")).y, np.tanh([[0.5, 1.0]]), 1e-6)
    assert plain.forward(np.array([[0.5, 1.0]], "float32")).y.dtype == np.float32
    same(plain.forward([[1, 2]])["input"], [[1.0, 2.0]])
    for start in net.names:
        for upto in net.names[net.names.index(start) :]:
            rest = net.forward(trace[start], start=start, stop=upto) if start != "input" else net.forward(x, stop=upto)
            assert list(rest) == net.names[net.names.index(start) : net.names.index(upto) + 1]
            same(rest.y, trace[upto])
            joined = trace.before(start) | rest if start != "input" else rest
            assert list(joined) == net.names[: net.names.index(upto) + 1]
    seed = np.random.default_rng(8).standard_normal((2, N, K))
    every = net.backward(trace, seed)
    assert list(every) == net.names[::-1]
    for name in net.names:
        same(net.backward(trace, seed, stop=name)[name], every[name])
        assert list(net.backward(trace, seed, stop=name))[-1] == name
        same(net.backward(trace, every[name], start=name)["input"], every["input"])
    assert list(net.backward(trace, seed, keep=["pool1"])) == ["pool1"]
    gradients = net.gradients(trace, every)
    assert set(gradients) == {"conv1", "dense1"}
    part = net.gradients(trace, {"conv1": every["conv1"]})
    same(part["conv1"]["W"], gradients["conv1"]["W"])
    rng = np.random.default_rng(9)
    for name in gradients:
        for p, w in net.parameters[name].items():
            d = rng.standard_normal(w.shape)

            def seeded(w: Any, name: str = name, p: str = p) -> Any:
                return (seed * net.replace(name, **{p: w}).forward(x).y).sum(axis=(1, 2))

            same((gradients[name][p] * d).reshape(2, -1).sum(axis=1), slopes(seeded, w, d), 1e-6)
    for bad in ({"start": "conv1", "stop": "pool1"}, {"start": "nothing"}):
        assert refused(lambda bad=bad: net.backward(trace, seed, **bad))  # type: ignore[misc]
    assert refused(lambda: net.backward(trace, seed[..., :2]))
    assert refused(lambda: net.forward(x, start="pool1", stop="conv1"))
    assert refused(lambda: net.forward(x[:, :1]))
    assert net.forward(x.astype("float32"))["input"].dtype == np.float64


def refused(call: Any) -> bool:
    try:
        call()
    except (ValueError, KeyError):
        return True
    return False


# Prediction gradients


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


def means_by_class() -> None:
    predictions()
    labels = np.array([0, 2, 2, 2, 2])  # class 1 has no image
    for shape in ((N,), (N, 4), (N, 2, 3)):
        values = np.random.default_rng(13).standard_normal(shape)
        wanted = [values[labels == c].mean(axis=0) if c != 1 else np.full(shape[1:], np.nan) for c in range(K)]
        same(class_means(values, labels, K), wanted)


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


# Scores


def scores() -> None:
    rng = np.random.default_rng(10)
    d = rng.standard_normal((4, 3, 2, 5))
    flat = d.reshape(4, 3, 10)
    formulas = {
        "frobenius": np.sqrt((flat**2).sum(-1)), "l1": abs(flat).sum(-1), "max": abs(flat).max(-1),
        "rms": np.sqrt((flat**2).mean(-1)), "mean": flat.mean(-1),
    }  # fmt: skip
    pg = nnpg.PredictionGradient({"a": d, "b": d[:, :, 0, 0]}, "true", "prob", ("r", "s", "t", "u"))
    for norm, wanted in formulas.items():
        found = nnpg.convolutional_gradient(pg, norm)
        same(found.scores["a"], wanted)
        same(found.scores["b"], d[:, :, 0, 0] if norm == "mean" else abs(d[:, :, 0, 0]))
        same(found.matrix, np.concatenate([found.scores["a"], found.scores["b"]], axis=1))
        order = [(u.layer, u.f) for u in found.strongest("s")]
        pairs = [("a", f) for f in range(3)] + [("b", f) for f in range(3)]
        values = dict(zip(pairs, found.matrix[1], strict=True))
        assert order == sorted(pairs, key=lambda pair: -values[pair])
        assert [(u.layer, u.f) for u in found.weakest(1, 2)] == order[::-1][:2]
        assert [u.score for u in found.strongest(1, 2)] == sorted(values.values())[::-1][:2]
        for row in (1, np.int64(1), "s"):
            assert found.row_index(row) == 1
        assert found.weakest("s") == found.strongest(1)[::-1]
        assert refused(lambda found=found: found.row_index("nowhere"))
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


# Knock-out


def knockouts() -> None:
    for backend in ("numpy", "numba"):
        sweeps_of(net_with("softmax").to(backend))
    counts()


def sweeps_of(net: nnpg.Network) -> None:
    x = images()
    filters = [("pool1", 2), ("conv1", 0), ("pool1", 1)]
    rest, last = net_after("pool1"), net_after("conv1")
    for to in ("zero", "mean"):
        reference = x[:3] * 1.5
        seen = net.forward(reference)
        value = {
            name: seen[name].mean(axis=0) if to == "mean" else np.zeros(seen[name].shape[1:])
            for name in ("conv1", "pool1")
        }
        wanted = [net.forward(x).y]
        for upto in range(1, 4):
            out = filters[:upto]
            c = net.forward(x)["conv1"].copy()
            for name, f in out:
                if name == "conv1":
                    c[:, f] = value["conv1"][f]
            p = last(c)["pool1"].copy()
            for name, f in out:
                if name == "pool1":
                    p[:, f] = value["pool1"][f]
            wanted.append(rest(p).y)
            same(nnpg.knock_out(net, out, to=to, reference=reference).forward(x).y, wanted[-1])
        curve = nnpg.knock_out_curve(net, x, LABELS, filters, to=to, reference=reference, batch=2, progress=False)
        same(curve.predictions, [y.argmax(axis=1) for y in wanted])
    bright = 9 * abs(x)  # whose means are far from 0
    after = net.forward(bright)["pool1"].mean(axis=0)
    for to, value_of in (("zero", 0 * after), ("mean", after)):  # one output alone, which has a compiled program
        p, wanted = net.forward(many())["pool1"].copy(), [net.forward(many()).y]
        for f in (2, 0):
            p[:, f] = value_of[f]
            wanted.append(rest(p).y)
        whole = nnpg.knock_out_curve(
            net, many(), np.zeros(len(p), int), [("pool1", 2), ("pool1", 0)], to=to, reference=bright, progress=False
        )
        same(whole.predictions, [y.argmax(axis=1) for y in wanted])
    drawn = nnpg.knock_out(net, [("pool1", 1)], to="resample", reference=x, rng=3).forward(x)["pool1"]
    plain = net.forward(x)["pool1"]
    same(drawn[:, [0, 2]], plain[:, [0, 2]])
    assert all((drawn[i, 1] == plain[:, 1]).all(axis=(1, 2)).any() for i in range(N))
    assert not (drawn[:, 1] == plain[:, 1]).all()
    given = [nnpg.Filter("pool1", 2, 0.5), ("pool1", 1)]
    named = nnpg.knock_out_curve(net, x, LABELS, given, progress=False).filters
    assert [(f.layer, f.f, str(f.score)) for f in named] == [("pool1", 2, "0.5"), ("pool1", 1, "nan")]
    curve = nnpg.knock_out_curve(net, x, LABELS, filters[:1], progress=False)  # no reference is needed
    assert curve.predictions.shape == (2, N)
    assert refused(lambda: nnpg.knock_out(net, [("nowhere", 0)]))
    for f in (-1, 3):
        assert refused_index(lambda f=f: nnpg.knock_out(net, [("pool1", f)]))  # type: ignore[misc]


def counts() -> None:
    predicted = np.array([[0, 2, 1, 2, 2], [1, 1, 1, 0, 1]])
    found = Knockout((nnpg.Filter("pool1", 0),), predicted, LABELS, K)
    same(found.overall_error, [0, 4 / 5])
    same(found.class_error(2), [0, 1])
    same(found.class_error(1), [0, 0])
    same(found.confusion(1), [[0, 1, 0], [0, 1, 0], [1, 2, 0]])
    same(found.modes, [[0, 1, 2], [1, 1, 1]])


def net_after(start: str) -> Any:
    net = net_with("softmax")
    return lambda a: net.forward(a, start=start)


def refused_index(call: Any) -> bool:
    try:
        call()
    except IndexError:
        return True
    return False


LOSS_FUNCTIONS = (
    "one_hot", "softmax_cross_entropy", "binary_cross_entropy", "squared_error", "cross_entropy", "cross_entropy_seed",
    "cross_entropy_of_probabilities", "cross_entropy_of_probabilities_seed", "binary", "binary_seed",
    "binary_of_probabilities", "binary_of_probabilities_seed", "squares", "squares_seed", "_inside",
    "_before_squashing",
)  # fmt: skip
TARGETS = [
    Target("nnpg.seeds", ("class_seed", "_one_hot_seed"), seeds),
    Target("nnpg.losses", LOSS_FUNCTIONS, losses),
    Target(
        "nnpg.optimisers",
        ("PlainDecay.value", "PlainDecay.gradient", "DecayPerUnit._rate", "DecayPerUnit.value", "DecayPerUnit.gradient",
         "SGD.step", "penalty", "penalised", "_combine"),
        optimisers,
    ),
    Target(
        "nnpg.network",
        ("Network.forward", "Network.forward_unchecked", "Network.backward", "Network.gradients", "Network.as_input",
         "Network._intervene", "Network._changes", "Network._index"),
        passes,
    ),
    Target(
        "nnpg.prediction",
        ("predict", "by_layers", "PredictionGradient.for_class", "prediction_gradient", "filter_layers", "as_layers",
         "gradients_in_batches", "image_axis", "differentiated"),
        predictions,
    ),
    Target("nnpg.class_gradients", ("class_gradient", "class_means", "_sum_by_class"), means_by_class),
    Target("nnpg.layers.blocks", ("block_of", "block_outputs", "first_with_weights"), blocks),
    Target("nnpg.trace", ("Trace.before", "Trace.__or__"), passes),
    Target(
        "nnpg.scores",
        ("FilterScores.strongest", "FilterScores.weakest", "FilterScores.matrix", "FilterScores.row_index",
         "FilterScores._ranked", "convolutional_gradient", "saliency", "filter_scores"),
        scores,
    ),
    Target(
        "nnpg.knockout",
        ("Knockout.overall_error", "Knockout.class_error", "Knockout.modes", "Knockout.confusion", "knock_out",
         "knock_out_curve", "outputs_by_layers", "_cumulative", "_known_filters", "_interventions"),
        knockouts,
    ),
]  # fmt: skip
