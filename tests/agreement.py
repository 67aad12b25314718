"""Every public task of a network, compiled where it can be, against the definition: layer by layer in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from parameters import flat

import nnpg


def agree(
    net: nnpg.Network, N: int = 20, *, rtol: float | None = None, gradients: tuple[str, ...] | None = None
) -> None:
    """Compare predictions, prediction gradients, class gradients, knock-outs and training with NumPy's layers."""
    rtol = rtol or (2e-5 if net.dtype == np.float32 else 1e-9)
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((N, *net.input_shape)).astype("f4"), rng.integers(0, net.K, N)
    answers = [every_task(n, x, labels, gradients) for n in (net, net.to("numpy"))]
    for name, expected in answers[1].items():
        got = answers[0][name]
        assert got.shape == expected.shape, name
        assert got.dtype == expected.dtype, name
        scale = np.nanmax(abs(expected)) if expected.size else 0
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale, err_msg=name)


def every_task(net: nnpg.Network, x: Any, labels: Any, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Answers of all public tasks by name."""
    names = names or tuple(net.names[:-1])
    kinds = {"prob": "all", "logprob": [0, 1], "logit": "true"}
    ends_in_softmax = isinstance(net.layers[net.names[-1]], nnpg.Softmax | nnpg.Sigmoid)
    answers = {"predict": nnpg.predict(net, x)}
    for of in kinds if ends_in_softmax else ("logit",):
        gradient = nnpg.prediction_gradient(net, x, layers=names, labels=labels, of=of, classes=kinds[of])
        answers |= {f"d {of} / d {name}": delta for name, delta in gradient.deltas.items()}
    means = nnpg.class_gradient(net, x, labels, layers=names, of="prob" if ends_in_softmax else "logit", progress=False)
    answers |= {f"mean d / d {name}": delta for name, delta in means.deltas.items()}
    units = [(name, 0) for name in nnpg.filter_layers(net) or names[1:-1]]
    answers["knock-out"] = nnpg.knock_out_curve(net, x, labels, units, progress=False).predictions
    done = nnpg.train(
        net, x, labels, epochs=2, batch=7, rng=1, optimiser=nnpg.SGD(lr=0.05, momentum=0.5), progress=False
    )
    answers |= flat(done.net.parameters)
    answers["loss"] = np.array([epoch.loss for epoch in done.history])
    return answers
