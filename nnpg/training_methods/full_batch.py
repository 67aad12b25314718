"""The mean loss over all images and its gradient, with all weights of a network in one row: what L-BFGS minimises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from nnpg.batches import in_batches
from nnpg.layers import Dense
from nnpg.layers.blocks import first_with_weights
from nnpg.losses import Loss
from nnpg.network import INPUT, Network
from nnpg.optimisers import Decay, Parameters, parameters_on_host, penalised, penalty_of
from nnpg.support.crossings import all_to_numpy
from nnpg.support.network_arguments import placed
from nnpg.training_methods.sparsity import Sparsity
from nnpg_kernels import Array
from nnpg_kernels.threads import thread_count, use_threads

P = TypeVar("P")
T = TypeVar("T")
MANY = 1 << 20  # numbers in all images, from which it is worth while to list those that are not 0
LINES = (Dense.forward, Dense.gradients)  # that a sparse matrix has the products of; a user may replace them
FEW_ARE_NOT = 0.25  # share of the numbers that are not 0, up to which a product by their list takes less time


def mean_loss(
    net: Network,
    x: Array,
    targets: Array,
    loss: Loss,
    *,
    decay: Decay | None = None,
    sparsity: Sparsity | None = None,
    weights: Parameters | None = None,
    batch: int,
    batches: list[Array] | None = None,
) -> tuple[float, Array]:
    """Return the mean loss over all images plus the penalties, and its gradient with respect to all weights in one row.

        value = 1/N sum_n L_n + decay + sparsity

    Value and gradient come down together; with a sparsity, the host also looks at the rates once.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    targets : array (N,) or (N, K)
    loss : Loss
    decay, sparsity : optional
        Penalties on the weights, and on the mean outputs of one layer's units.
    weights : optional
        The weights of the network on the host, which the decay reads; copied there unless given.
    batch : int
        Images at a time.
    batches : list of array, optional
        `x` in batches, from `batches_of`; made here unless given.
    """
    k, stop = net.backend, first_with_weights(net.layers)
    x, targets = placed(net, x), placed(net, targets, "targets")
    value, total = k.xp.zeros(()), k.xp.zeros(net.n_parameters)
    batches = batches_of(net, x, batch) if batches is None else batches
    rates = None if sparsity is None else _mean_outputs(net, batches, sparsity.layer)
    rows = in_batches(len(x), batch, batch)

    def of_images(part: tuple[slice, Array]) -> tuple[Array, Array]:
        here, images = part
        t = targets[here]
        trace = net.forward_unchecked(images, stop=loss.layer)
        seed, start = loss.seed(k, trace.y, t), loss.layer
        deltas: dict[str, Array] = {}
        if sparsity is not None and rates is not None:  # each image's share of the mean is 1/N, which is divided below
            deltas, start = net.backward(trace, seed, start=start, stop=sparsity.layer), sparsity.layer
            seed = deltas[start] + k.asarray(sparsity.gradient(rates)).astype(net.dtype)
        deltas |= net.backward(trace, seed, start=start, stop=stop)
        return loss.value(k, trace.y, t).sum(dtype=np.float64), _row(net, net.gradients(trace, deltas))

    for loss_of_part, row in _in_order(net, list(zip(rows, batches, strict=True)), of_images):
        value, total = value + loss_of_part, total + row
    summed, total = all_to_numpy(k, [value, total])
    weights = parameters_on_host(net) if decay is not None and weights is None else weights
    of_sparsity = 0.0 if sparsity is None or rates is None else sparsity.value(rates)
    if weights is None or decay is None:
        return float(summed) / len(x) + of_sparsity, total / len(x) + 0.0  # no -0
    zeros = {layer: {p: w * 0 for p, w in arrays.items()} for layer, arrays in weights.items()}
    of_decay = np.concatenate([g.ravel() for gs in penalised(weights, zeros, decay).values() for g in gs.values()])
    return float(summed) / len(x) + penalty_of(weights, decay) + of_sparsity, total / len(x) + of_decay


def batches_of(net: Network, x: Array, batch: int) -> list[Array]:
    """Return the images in batches; where most numbers are 0, each batch is a matrix that leaves them out of products.

    That is for many images (N, D) whose first layer is a `Dense`, where the backend has a `sparse_matrix`. It stands in
    for the array: the layer's own lines compute with it.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(3,), rng=0)
    >>> [part.shape for part in batches_of(net, np.zeros((5, 3), "f4"), batch=3)]
    [(3, 3), (2, 3)]
    """
    parts = [x[rows] for rows in in_batches(len(x), batch, batch)]
    first, sparse_matrix = next(iter(net.layers.values())), getattr(net.backend, "sparse_matrix", None)
    dense = type(first) is Dense and INPUT not in net.interventions and x.ndim == 2 and x.dtype == net.dtype
    dense = dense and (Dense.forward, Dense.gradients) == LINES
    if sparse_matrix is None or not dense or x.dtype not in (np.float32, np.float64) or x.size < MANY:
        return parts
    return parts if np.count_nonzero(x) > FEW_ARE_NOT * x.size else [sparse_matrix(part) for part in parts]


def _in_order(net: Network, parts: list[P], f: Callable[[P], T]) -> Iterator[T]:
    """Yield f of each part, in their order; on a CPU, each thread takes one part at a time."""
    threads = thread_count() if net.backend.xp is np else 1
    if threads == 1 or len(parts) == 1:
        yield from map(f, parts)
        return

    def alone(part: P) -> T:
        with use_threads(1):
            return f(part)

    with ThreadPoolExecutor(threads, thread_name_prefix="nnpg") as pool:
        for first in range(0, len(parts), threads):  # no more rows of all weights exist than threads
            here = parts[first : first + threads]
            yield from [done.result() for done in [pool.submit(copy_context().run, alone, part) for part in here]]


def flatten(net: Network, parameters: Parameters) -> Array:
    """Return the weights of a network, or their gradients, in one row, in float64.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(1)], input_shape=(2,), rng=0).replace("dense1", W=np.array([[3.0, 4.0]]))
    >>> flatten(net, net.parameters)
    array([3., 4., 0.])
    """
    return np.asarray(net.backend.to_numpy(_row(net, parameters)))


def _row(net: Network, parameters: Parameters) -> Array:
    """Return them in the memory of the network's backend."""
    names = [(layer, p) for layer, arrays in net.parameters.items() for p in arrays]
    return net.backend.xp.concatenate([parameters[n][p].ravel() for n, p in names]).astype(np.float64)


def unflatten(net: Network, w: Array) -> Network:
    """Return the network with the weights of one row, the inverse of `flatten`, in the types of its own weights.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(1)], input_shape=(2,), rng=0)
    >>> unflatten(net, np.array([3.0, 4.0, 5.0])).layers["dense1"].b
    array([5.], dtype=float32)
    """
    return net.with_parameters(split(net, net.backend.asarray(w)))


def split(net: Network, w: Array) -> Parameters:
    """Return the weights of one row by layer and name, in the types of the network's own, where the row is.

    Examples
    --------
    >>> import nnpg
    >>> split(nnpg.build([nnpg.dense(1)], input_shape=(1,), rng=0), np.array([3.0, 4.0]))["dense1"]["b"]
    array([4.], dtype=float32)
    """
    parameters: Parameters = {}
    first = 0
    for layer, arrays in net.parameters.items():
        parameters[layer] = {}
        for p, old in arrays.items():
            parameters[layer][p] = w[first : first + old.size].reshape(old.shape).astype(old.dtype)
            first += old.size
    return parameters


def _mean_outputs(net: Network, batches: list[Array], layer: str) -> npt.NDArray[np.float64]:
    """Return the mean over all images of an output, (F,) or (F, H, W)."""
    sums = [net.forward_unchecked(x, stop=layer).y.sum(axis=0, dtype=np.float64) for x in batches]
    return np.asarray(net.backend.to_numpy(sum(sums)) / sum(map(len, batches)))
