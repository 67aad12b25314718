"""Seeds, losses, optimisers and passes against finite differences, or the formula in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from parameters import changed

import nnpg
from mutation.samples import (
    HEADS,
    LABELS,
    K,
    N,
    images,
    net_with,
    refused,
    same,
    slopes,
)
from nnpg.losses import loss_for
from nnpg.optimisers import penalty
from nnpg.seeds import class_seed
from nnpg_kernels import numpy_backend as k


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
            derivatives = slopes(lambda x, of=of, head=head: read(of, head, x), images(), d)  # (N, K)
            for classes, chosen in {"all": range(K), 1: 1, (2, 0): (2, 0), "true": None}.items():
                at, seed = class_seed(net, trace, classes, of, LABELS)  # type: ignore[arg-type]
                deltas = net.backward(trace, seed, start=at)
                got = (deltas["input"] * d).sum(axis=(-3, -2, -1))
                expected = (
                    derivatives[np.arange(N), LABELS]
                    if chosen is None
                    else np.moveaxis(derivatives, 1, 0)[list([chosen] if isinstance(chosen, int) else chosen)]
                )
                same(got, expected[0] if isinstance(chosen, int) else expected, 1e-6)
    for head in ("softmax", "sigmoid"):  # an intervention after the last layer: d log y_c / dy_c = 1 / y_c
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
                    expected = -(meant * np.log(y if head == "softmax" else p)).sum(axis=1)
                elif name == "binary_cross_entropy":
                    expected = -(meant * np.log(y) + (1 - meant) * np.log(1 - y)).sum(axis=1)
                else:
                    expected = ((y - meant) ** 2).sum(axis=1) / 2
                same(loss.value(k, at, t), expected)
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


class Strengths(dict):  # type: ignore[type-arg]
    """A mapping that can be a key here."""

    __hash__ = object.__hash__


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
            section = (
                net.forward(trace[start], start=start, stop=upto) if start != "input" else net.forward(x, stop=upto)
            )
            assert list(section) == net.names[net.names.index(start) : net.names.index(upto) + 1]
            same(section.y, trace[upto])
            joined = trace.before(start) | section if start != "input" else section
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
