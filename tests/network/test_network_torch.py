"""PyTorch as an oracle for a whole network: every delta through `retain_grad`, every gradient, stacked seeds."""

from __future__ import annotations

from typing import Any

import nets
import numpy as np
import pytest
from of_device import host
from oracle import one_thread, torch  # noqa: F401 (the fixture is found by its name)

import nnpg
from nnpg_kernels import Backend

F = torch.nn.functional
pytestmark = pytest.mark.oracle


def outputs(net: nnpg.Network, x: np.ndarray) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Every output of `nets.small`, written in PyTorch, and its weights."""
    w = {
        name: {p: torch.tensor(a, requires_grad=True) for p, a in parameters.items()}
        for name, parameters in host(net.parameters).items()
    }
    mask = np.random.default_rng(4).random((len(x), 8)) >= 0.3
    steps = [
        ("center1", lambda x: x - 0.2),
        ("conv1", lambda x: F.conv2d(F.pad(x, (0, 1, 1, 0)), w["conv1"]["W"], w["conv1"]["b"])),
        ("tanh1", torch.tanh),
        ("pool1", lambda x: F.max_pool2d(x, 3, 2, 1)),
        ("lrn1", lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 1.0)),
        ("conv2", lambda x: F.conv2d(x, w["conv2"]["W"], w["conv2"]["b"], dilation=(2, 1), groups=2)),
        ("relu1", torch.relu),
        ("avgpool1", lambda x: F.avg_pool2d(x, 2, 1)),
        ("flatten1", lambda x: x.flatten(1)),
        ("dense1", lambda x: F.linear(x, w["dense1"]["W"], w["dense1"]["b"])),
        ("sigmoid1", torch.sigmoid),
        ("dropout1", lambda x: x * torch.tensor(mask / 0.7)),
        ("dense2", lambda x: F.linear(x, w["dense2"]["W"], w["dense2"]["b"])),
        ("softmax1", lambda x: torch.softmax(x, -1)),
    ]
    assert [name for name, _ in steps] == list(net.layers)
    tensors = {"input": torch.tensor(x, requires_grad=True)}
    out = tensors["input"]
    for name, f in steps:
        out = tensors[name] = f(out)
        out.retain_grad()
    return tensors, w


@pytest.mark.parametrize("seed", range(4))
def test_every_output_delta_and_gradient(seed: int, backend: Backend) -> None:
    net = nets.small(backend, seed=seed)
    x = nets.images(net, seed=seed)
    trace = net.forward(x)
    seeds = np.random.default_rng(seed).standard_normal((3, *trace.y.shape))  # (S, N, K)
    deltas = net.backward(trace, seeds)
    gradients, deltas, ours = host(net.gradients(trace, deltas)), host(deltas), host(trace.outputs)
    for s in range(3):
        theirs, weights = outputs(net, x)
        theirs["softmax1"].backward(torch.tensor(seeds[s]))
        for name in net.names:
            np.testing.assert_allclose(ours[name], theirs[name].detach().numpy(), rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(deltas[name][s], theirs[name].grad.numpy(), rtol=1e-10, atol=1e-10)
        for name, parameters in weights.items():
            for p, w in parameters.items():
                np.testing.assert_allclose(gradients[name][p][s], w.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_cross_entropy_seed_is_pytorchs_loss(backend: Backend) -> None:
    """The seed y - onehot at the logits gives the deltas of `F.cross_entropy`."""
    net = nets.small(backend)
    x, labels = nets.images(net), np.array([4, 0, 2])
    trace = net.forward(x)
    deltas = host(net.backward(trace, host(trace.y) - np.eye(5)[labels], start="dense2"))
    theirs, _ = outputs(net, x)
    F.cross_entropy(theirs["dense2"], torch.tensor(labels), reduction="sum").backward()
    for name in deltas:
        np.testing.assert_allclose(deltas[name], theirs[name].grad.numpy(), rtol=1e-10, atol=1e-10)
