"""Losses: the value that training minimises, and the seed that it sends back.

A loss is made for a network, because it says where its seed enters: at the output before the squashing function if the
product of the two derivatives is y - t, at the last output otherwise. L is minus a log-likelihood, and the step is
w <- w - lr dL/dw. The papers write the log-likelihood and a plus (thesis eq. 2.2, 2.3), which is the same step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from nnpg.layers import Sigmoid, Softmax
from nnpg.network import Network, as_network
from nnpg.support.arguments import as_choice, as_instance
from nnpg_kernels import Array, Backend


@dataclass(frozen=True)
class Loss:
    """One number per image, and its derivative, both read at the output `layer`.

    Parameters
    ----------
    name : str
    layer : str
        The output that the loss reads and where its seed enters.
    value : function (k, z, t) -> array (N,)
    seed : function (k, z, t) -> array (N, K)
        d value[n] / d z[n].
    """

    name: str
    layer: str
    value: Callable[[Backend, Array, Array], Array]
    seed: Callable[[Backend, Array, Array], Array]


LossMaker = Callable[[Network], Loss]


def one_hot(k: Backend, t: npt.ArrayLike, like: Array) -> Array:
    """Return targets as an array of the shape and type of `like` (N, K): labels (N,) become rows of 0 and 1.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> one_hot(nnpg.load_backend("numpy"), [2, 0], np.zeros((2, 3)))
    array([[0., 0., 1.], [1., 0., 0.]])
    """
    targets = k.asarray(t)
    if targets.ndim == 1 and targets.dtype.kind in "iu":
        targets = targets[:, None] == k.xp.arange(like.shape[-1])
    return targets.astype(like.dtype)


def softmax_cross_entropy(net: Network) -> Loss:
    """L = -sum_k t_k log y_k, y = softmax z: dL/dz = y - t. The seed enters at the logits z.

    After your own softmax, or one with an intervention on its output, it enters at y: dL/dy = -t / y.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(3,), rng=0)
    >>> loss = softmax_cross_entropy(net)
    >>> loss.layer, loss.value(net.backend, np.zeros((1, 2)), [0]).round(4)
    ('dense1', array([0.6931]))
    """
    last = as_network(net).names[-1]
    if logits := _before_squashing(net, Softmax):
        return Loss("softmax_cross_entropy", logits, cross_entropy, cross_entropy_seed)
    if isinstance(net.layers[last], Softmax):
        return Loss("softmax_cross_entropy", last, cross_entropy_of_probabilities, cross_entropy_of_probabilities_seed)
    return Loss("softmax_cross_entropy", last, cross_entropy, cross_entropy_seed)


def binary_cross_entropy(net: Network) -> Loss:
    """L = -sum_k [t_k log y_k + (1 - t_k) log(1 - y_k)], each output separately (minus thesis eq. 2.2).

    After a Sigmoid the seed enters at the logits, dL/dz = y - t; otherwise at y, dL/dy = (y - t) / (y (1 - y)).

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Sigmoid()], input_shape=(3,), rng=0)
    >>> binary_cross_entropy(net).seed(net.backend, np.zeros((1, 2)), [0])
    array([[-0.5,  0.5]])
    """
    if logits := _before_squashing(net, Sigmoid):
        return Loss("binary_cross_entropy", logits, binary, binary_seed)
    return Loss("binary_cross_entropy", net.names[-1], binary_of_probabilities, binary_of_probabilities_seed)


def squared_error(net: Network) -> Loss:
    """L = 1/2 sum_k (y_k - t_k)^2: dL/dy = y - t.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> net = nnpg.build([nnpg.dense(2)], input_shape=(3,), rng=0)
    >>> squared_error(net).value(net.backend, np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]]))
    array([2.5])
    """
    return Loss("squared_error", as_network(net).names[-1], squares, squares_seed)


# Values (N,) and seeds (N, K) of logits z or outputs y. Compiled programs recognise a loss by these functions.


def cross_entropy(k: Backend, z: Array, t: Any) -> Array:
    """L = -sum_k t_k log softmax(z)_k."""
    z = z - z.max(axis=-1, keepdims=True)
    log_y = z - k.xp.log(k.xp.exp(z).sum(axis=-1, keepdims=True))  # (N, K)
    return -(one_hot(k, t, z) * log_y).sum(axis=-1)


def cross_entropy_seed(k: Backend, z: Array, t: Any) -> Array:
    """dL/dz = softmax z - t."""
    y, _ = Softmax().forward(k, z)
    return y - one_hot(k, t, z)


def cross_entropy_of_probabilities(k: Backend, y: Array, t: Any) -> Array:
    """L = -sum_k t_k log y_k."""
    return -(one_hot(k, t, y) * k.xp.log(_inside(k, y))).sum(axis=-1)


def cross_entropy_of_probabilities_seed(k: Backend, y: Array, t: Any) -> Array:
    """dL/dy = -t / y."""
    return -one_hot(k, t, y) / _inside(k, y)


def binary(k: Backend, z: Array, t: Any) -> Array:
    """L = sum_k log(1 + e^z_k) - t_k z_k, without overflow."""
    log_sum = k.xp.maximum(z, 0) + k.xp.log1p(k.xp.exp(-abs(z)))
    return (log_sum - one_hot(k, t, z) * z).sum(axis=-1)


def binary_seed(k: Backend, z: Array, t: Any) -> Array:
    """dL/dz = sigmoid z - t."""
    y, _ = Sigmoid().forward(k, z)
    return y - one_hot(k, t, z)


def binary_of_probabilities(k: Backend, y: Array, t: Any) -> Array:
    """L = -sum_k [t_k log y_k + (1 - t_k) log(1 - y_k)]."""
    y, t = _inside(k, y), one_hot(k, t, y)
    return -(t * k.xp.log(y) + (1 - t) * k.xp.log(1 - y)).sum(axis=-1)


def binary_of_probabilities_seed(k: Backend, y: Array, t: Any) -> Array:
    """dL/dy = (y - t) / (y (1 - y))."""
    y = _inside(k, y)
    return (y - one_hot(k, t, y)) / (y * (1 - y))


def squares(k: Backend, y: Array, t: Any) -> Array:
    """L = 1/2 sum_k (y_k - t_k)^2."""
    return ((y - one_hot(k, t, y)) ** 2).sum(axis=-1) / 2


def squares_seed(k: Backend, y: Array, t: Any) -> Array:
    """dL/dy = y - t."""
    return y - one_hot(k, t, y)


def _inside(k: Backend, y: Array) -> Array:
    """Return probabilities clipped to between 0 and 1, so that one that rounded to 0 or 1 gives a finite loss."""
    eps = k.xp.finfo(y.dtype).eps
    return k.xp.clip(y, eps, 1 - eps)


LOSSES: dict[str, LossMaker] = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "squared_error": squared_error,
}


def loss_for(net: Network, loss: str | LossMaker) -> Loss:
    """Return the loss of that name, made for `net`."""
    net = as_network(net)
    if callable(loss) and not isinstance(loss, type):
        return as_instance(loss(net), Loss, "what the function loss returns")
    return LOSSES[as_choice(loss, "loss", LOSSES, also="a function of the network")](net)


def _before_squashing(net: Network, kind: type) -> str | None:
    """Return the input of the last layer, if this is of exactly this class and no intervention changes its output."""
    last = as_network(net).names[-1]
    return net.names[-2] if type(net.layers[last]) is kind and last not in net.interventions else None
