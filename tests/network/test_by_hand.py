"""A network so small that every number of its three passes is worked out in the comments.

x 3x3 --conv1 2x2--> 2x2 --relu1--> 2x2 --pool1--> 1 --flatten1--> 1 --dense1--> 2 --softmax1--> 2
"""

from __future__ import annotations

from math import log

import numpy as np
import pytest

import nnpg
from nnpg_kernels import Backend

X = np.array([[1.0, 2, 0], [0, 1, 3], [2, 0, 1]])[None, None]
V = log(3) / 7  # chosen so that the logits are (ln 3, 0) and the probabilities 3/4 and 1/4
NET = nnpg.Network(
    {
        "conv1": nnpg.Conv(np.array([[[[1.0, -1], [0, 2]]]]), np.array([-1.0])),
        "relu1": nnpg.ReLU(),
        "pool1": nnpg.MaxPool(2),
        "flatten1": nnpg.Flatten(),
        "dense1": nnpg.Dense(np.array([[V], [0.0]]), np.array([0.0, 0.0])),
        "softmax1": nnpg.Softmax(),
    },
    (1, 3, 3),
    nnpg.load_backend("numpy"),
)

FORWARD = {
    # conv1[h,w] = x[h,w] - x[h,w+1] + 2 x[h+1,w+1] - 1:
    #   1 - 2 + 2*1 - 1 = 0     2 - 0 + 2*3 - 1 = 7
    #   0 - 1 + 2*0 - 1 = -2    1 - 3 + 2*1 - 1 = -1
    "conv1": [[[[0, 7], [-2, -1]]]],
    "relu1": [[[[0, 7], [0, 0]]]],
    "pool1": [[[[7]]]],  # the winner is at row 0, column 1
    "flatten1": [[7]],
    "dense1": [[log(3), 0]],  # 7 ln 3 / 7, and 0
    "softmax1": [[3 / 4, 1 / 4]],  # e^ln 3 : e^0 = 3 : 1
}

# Seed (1, 0): how does y_0 = 3/4 depend on everything?
# dense1:   y_0 (1 - y_0) = 3/4 * 1/4 = 3/16 for its own logit, -y_0 y_1 = -3/16 for the other
# flatten1: 3/16 * ln 3 / 7 + (-3/16) * 0 = 3 ln 3 / 112 = G
# pool1, relu1: G at the winner; conv1: relu'(7) = 1, so G again
# input:    each weight of the winner's window, times G: its corner is row 0, column 1
G = 3 * log(3) / 112
DELTAS = {
    "softmax1": [[1, 0]],
    "dense1": [[3 / 16, -3 / 16]],
    "flatten1": [[G]],
    "pool1": [[[[G]]]],
    "relu1": [[[[0, G], [0, 0]]]],
    "conv1": [[[[0, G], [0, 0]]]],
    "input": [[[[0, G, -G], [0, 0, 2 * G], [0, 0, 0]]]],
}

GRADIENTS = {
    ("conv1", "W"): [[[[2 * G, 0], [G, 3 * G]]]],  # G times the winner's window: 2 0 / 1 3
    ("conv1", "b"): [G],
    ("dense1", "W"): [[21 / 16], [-21 / 16]],  # +-3/16 times its input 7
    ("dense1", "b"): [3 / 16, -3 / 16],
}


@pytest.fixture
def net(backend: Backend) -> nnpg.Network:
    return NET.to(backend)


def test_forward(net: nnpg.Network) -> None:
    trace = net.forward(X)
    for name, by_hand in FORWARD.items():
        np.testing.assert_allclose(trace[name], by_hand, rtol=1e-14, atol=1e-15, err_msg=name)


def test_backward(net: nnpg.Network) -> None:
    deltas = net.backward(net.forward(X), [[1, 0]])
    assert list(deltas) == list(DELTAS)
    for name, by_hand in DELTAS.items():
        np.testing.assert_allclose(deltas[name], by_hand, rtol=1e-14, atol=1e-16, err_msg=name)


def test_gradients(net: nnpg.Network) -> None:
    trace = net.forward(X)
    gradients = net.gradients(trace, net.backward(trace, [[1, 0]]))
    assert {(name, array) for name, own in gradients.items() for array in own} == set(GRADIENTS)
    for (name, array), by_hand in GRADIENTS.items():
        np.testing.assert_allclose(gradients[name][array], by_hand, rtol=1e-14, atol=1e-16, err_msg=f"{name} {array}")


def test_the_loss_of_the_same_class(net: nnpg.Network) -> None:
    """L = -ln y_0: dL/dlogits = y - (1, 0) = (-1/4, 1/4); at the pool -1/4 ln 3 / 7; times -y_0 = -3/4 it is G."""
    deltas = net.backward(net.forward(X), [[-1 / 4, 1 / 4]], at="dense1")
    np.testing.assert_allclose(deltas["pool1"], [[[[-log(3) / 28]]]], rtol=1e-14)
    np.testing.assert_allclose(-3 / 4 * deltas["pool1"], DELTAS["pool1"], rtol=1e-14)


def test_the_only_map_knocked_out(net: nnpg.Network) -> None:
    """Logits (0, 0): y = (1/2, 1/2), and the pool's delta is 1/4 ln 3 / 7; nothing below it moves y."""
    knocked = net.intervene("pool1", nnpg.Override(np.array([True])[:, None, None], np.array(0.0)))
    trace = knocked.forward(X)
    np.testing.assert_array_equal(trace.y, [[0.5, 0.5]])
    deltas = knocked.backward(trace, [[1, 0]])
    np.testing.assert_allclose(deltas["pool1"], [[[[log(3) / 28]]]], rtol=1e-14)
    np.testing.assert_array_equal(deltas["input"], np.zeros((1, 1, 3, 3)))
