"""Projections: what a hidden unit sees, sent back to the image (Zeiler & Fergus 2014, 2.1; Hinthorn 2017, 5.2).

A projection is one backward pass of the network that made the trace, with another rule in its rectifiers. With y the
rectifier's output and delta the derivative with respect to it:

    gradient     delta where y > 0           the derivative
    deconvnet    max(0, delta)               a rectifier in the backward pass too
    guided       max(0, delta) where y > 0   both

Every other layer keeps its own backward: for a convolution, the convolution with the flipped filters; for a max
pooling, back to where the maximum was (the paper's switches). In a network without rectifiers the three are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.batches import in_batches
from nnpg.layers import ReLU
from nnpg.network import INPUT, Network, as_network
from nnpg.support.arguments import as_choice, as_count, as_instance, as_numbers, on_host
from nnpg.support.network_arguments import as_images, as_output, placed
from nnpg.trace import Trace
from nnpg_kernels import Array, Backend

Rule: TypeAlias = Literal["deconvnet", "gradient", "guided"]
Signal: TypeAlias = Literal["activation", "one"]
Units: TypeAlias = Literal["each"] | int | Sequence[int] | npt.NDArray[Any] | None

BATCH = 32  # images that are projected at a time

RULES: dict[str, Callable[[Backend, Array, Array], Array]] = {
    "deconvnet": lambda k, delta, y: k.xp.maximum(delta, 0),
    "gradient": lambda k, delta, y: delta * (y > 0),
    "guided": lambda k, delta, y: k.xp.maximum(delta, 0) * (y > 0),
}


@dataclass(frozen=True, eq=False)
class RuledReLU(ReLU):
    """The rectifier with one of the rules as its backward; its forward is the same.

    Examples
    --------
    >>> import nnpg
    >>> k, y = nnpg.load_backend("numpy"), np.array([0.0, 2.0, 3.0])
    >>> RuledReLU("deconvnet").backward(k, np.array([5.0, 6.0, -7.0]), y)
    array([5., 6., 0.])
    >>> RuledReLU("guided").backward(k, np.array([5.0, 6.0, -7.0]), y)
    array([0., 6., 0.])
    """

    rule: Rule = "deconvnet"

    def __post_init__(self) -> None:
        as_choice(self.rule, "rule", RULES)

    def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
        """Return the delta with respect to the input, by the rule."""
        return RULES[self.rule](k, delta, saved)


def with_rule(net: Network, *, rule: Rule) -> Network:
    """Return the network with another rule in the backward of its rectifiers: same weights, same forward, same traces.

    Parameters
    ----------
    net : Network
    rule : "deconvnet", "gradient" or "guided"

    Raises
    ------
    ValueError
        For an unknown rule.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.ReLU()], input_shape=(2,), rng=0)
    >>> with_rule(net, rule="guided").layers["dense1"] is net.layers["dense1"]
    True
    """
    net, ruled = as_network(net), RuledReLU(rule)
    layers = {name: ruled if isinstance(layer, ReLU) else layer for name, layer in net.layers.items()}
    return replace(net, layers=layers)


def project(
    net: Network,
    trace: Trace,
    *,
    layer: str,
    units: Units = None,
    rule: Rule = "deconvnet",
    signal: Signal = "activation",
    stop: str = INPUT,
) -> Array:
    """Send units of a layer back to the image, with all other units of the layer at 0 (Hinthorn 2017, 5.2).

        projection = backward(seed),    seed = activation of the chosen units, 0 elsewhere

    Except by the rule "gradient", the projection of several units is not the sum of their projections: each rectifier
    acts on the sum.

    Parameters
    ----------
    net : Network
    trace : Trace
        A forward pass of `net`, up to `layer` or further; any number of projections can be made from it.
    layer : str
        Output whose units are projected.
    units : optional
        All of them unless given. A feature map or neuron f; several, taken together; "each", every one alone; or
        weights of the units (bool or float): (F,) for whole maps, otherwise an array that broadcasts against
        `trace[layer]`, whose extra leading axes S stack independent masks.
    rule : "deconvnet", "gradient" or "guided"
    signal : "activation" or "one"
        The seed at the units: their activations, which the paper projects; or 1, so that the rule "gradient" gives
        the derivative of the sum of the units.
    stop : str
        Output to which it is sent back; the image unless given.

    Returns
    -------
    array (N, C, H, W)
        In the shape of `trace[stop]`; with "each" (F, N, C, H, W), with stacked masks (S, N, C, H, W).

    Raises
    ------
    ValueError
        For an unknown rule or signal, or units that the layer does not have.
    KeyError
        If the trace does not hold `layer` or `stop`.

    Examples
    --------
    Two units, x0 - x1 and x1; the second layer is twice their difference.

    >>> import nnpg
    >>> recipe = [nnpg.dense(2), nnpg.ReLU(), nnpg.dense(1), nnpg.ReLU()]
    >>> net = nnpg.build(recipe, input_shape=(2,), rng=0, dtype="float64")
    >>> net = net.replace("dense1", W=np.array([[1.0, -1.0], [0.0, 1.0]])).replace("dense2", W=np.array([[2.0, -2.0]]))
    >>> trace = net.forward([[5.0, 2.0]])                       # units 3 and 2, then 2
    >>> project(net, trace, layer="relu2", signal="one", rule="gradient")
    array([[ 2., -4.]])
    >>> project(net, trace, layer="relu2", signal="one")         # its rectifier cuts negative deltas off
    array([[ 2., -2.]])
    >>> project(net, trace, layer="relu1", units="each")[:, 0]
    array([[ 3., -3.],
           [ 0.,  2.]])
    """
    as_choice(signal, "signal", ("activation", "one"))
    ruled, k = with_rule(net, rule=rule), as_network(net).backend
    trace, layer, stop = as_instance(trace, Trace, "trace"), as_output(net, layer), as_output(net, stop, "stop")
    return k.to_numpy(sent_back(ruled, trace, layer, units, signal, stop))


def sent_back(ruled: Network, trace: Trace, layer: str, units: Units, signal: Signal, stop: str = INPUT) -> Array:
    """Return the projection of a network with its rule, in the memory of its backend; see `project`."""
    k, outputs = ruled.backend, trace[layer]
    weights = k.asarray(unit_weights(units, outputs.shape, k.xp)).astype(outputs.dtype)
    seed = weights * (outputs if signal == "activation" else k.xp.ones_like(outputs))  # (..., N, F, ...)
    return ruled.backward(trace, seed, start=layer, stop=stop, keep=[stop])[stop]


def mean_projection(
    net: Network,
    x: npt.ArrayLike,
    *,
    layer: str,
    units: Units = None,
    rule: Rule = "deconvnet",
    signal: Signal = "activation",
    batch: int = BATCH,
) -> npt.NDArray[np.float64]:
    """Average the projections of a group of images (Hinthorn 2017, Fig. 11 and 12).

    Parameters
    ----------
    net, layer, units, rule, signal
        As in `project`; weights of units must be the same for all images.
    x : array (N, *net.input_shape)
        The group.
    batch : int
        Images at a time; it bounds the memory.

    Returns
    -------
    array (C, H, W)
        With "each" (F, C, H, W), with stacked masks (S, C, H, W).

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.ReLU()], input_shape=(2,), rng=0).replace("dense1", W=np.eye(2))
    >>> mean_projection(net, [[1.0, 2.0], [3.0, 4.0]], layer="relu1")
    array([2., 3.])
    """
    ruled, k = with_rule(net, rule=rule), as_network(net).backend
    as_choice(signal, "signal", ("activation", "one"))
    x, layer = placed(net, as_images(net, x, least=1)), as_output(net, layer)
    if isinstance(units, np.ndarray) and units.dtype.kind in "bf":
        units = k.asarray(units)
    total: Any = 0.0
    for rows in in_batches(len(x), as_count(batch, "batch"), BATCH):
        projections = sent_back(ruled, net.forward(x[rows], stop=layer), layer, units, signal)
        total = total + projections.sum(axis=-1 - len(net.input_shape), dtype=np.float64)
    return k.to_numpy(total) / len(x)


def unit_weights(units: Units, shape: tuple[int, ...], xp: ModuleType = np) -> Array:
    """Return the weights of the units of an output of this shape (N, F, ...), as an array that broadcasts against it.

    Weights that are given as an array are returned where they are; all others are made by the array module `xp`.

    Parameters
    ----------
    units
        As in `project`.
    shape : (N, F, ...)

    Raises
    ------
    ValueError
        If the output has no such units, or weights do not fit it.

    Examples
    --------
    >>> unit_weights([0, 2], (4, 3, 1, 1)).ravel()
    array([ True, False,  True])
    >>> unit_weights("each", (4, 3, 2, 2)).shape
    (3, 1, 3, 1, 1)
    """
    F, ones = shape[1], (1,) * len(shape[2:])
    if units is None:
        return xp.ones((F, *ones), bool)
    if isinstance(units, str):
        if units != "each":
            raise ValueError(f"units must be 'each', a unit, several units, or an array of weights, not {units!r}")
        return xp.eye(F, dtype=bool).reshape(F, 1, F, *ones)
    expected = f"'each', a unit 0 .. {F - 1}, several, or weights that fit an output {shape}"
    array = as_numbers(units, "units", expected, stays=True)
    if array.dtype.kind in "iu" and array.ndim <= 1:
        chosen = np.atleast_1d(on_host(array, "units")).tolist()
        if not chosen or min(chosen) < 0 or max(chosen) >= F:
            raise ValueError(f"units must be whole numbers 0 .. {F - 1}, at least one, not {units!r}")
        return xp.stack([xp.arange(F) == f for f in chosen]).any(axis=0).reshape(F, *ones)
    if array.shape == (F,):
        return array.reshape(F, *ones)
    try:
        np.broadcast_shapes(array.shape[-len(shape) :], shape)
        fits = np.broadcast_shapes(array.shape, shape)[-len(shape) :] == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"units {array.dtype} {array.shape} do not fit an output of shape {shape}")
    return array
