"""Projections: what a hidden unit sees, sent back to the image (Zeiler & Fergus 2014, 2.1; Hinthorn 2017, 5.2).

One backward pass of the network that made the trace, its rectifiers read by another rule. y is the rectifier's output,
delta what comes from above:

    gradient     delta where y > 0           the derivative
    deconvnet    max(0, delta)               a rectifier of its own on the way back
    guided       max(0, delta) where y > 0   both

Everything else keeps its own backward, which for a convolution is the convolution with the flipped filters, and for a
max pooling the way through its switches: back to where the maximum was. Linear layers, other activations included,
know no rules: without rectifiers the three are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.layers import ReLU
from nnpg.network import INPUT, Network, Trace
from nnpg.support.arguments import as_choice, as_count, as_instance, as_numbers
from nnpg.support.network_arguments import as_images, as_network, as_output
from nnpg_kernels import Array, Backend

Rule: TypeAlias = Literal["deconvnet", "gradient", "guided"]
Signal: TypeAlias = Literal["activation", "one"]
Units: TypeAlias = Literal["each"] | int | Sequence[int] | npt.NDArray[Any] | None

RULES: dict[str, Callable[[Backend, Array, Array], Array]] = {
    "deconvnet": lambda k, delta, y: k.xp.maximum(delta, 0),
    "gradient": lambda k, delta, y: delta * (y > 0),
    "guided": lambda k, delta, y: k.xp.maximum(delta, 0) * (y > 0),
}


@dataclass(frozen=True, eq=False)
class RuledReLU(ReLU):
    """The rectifier with one of the rules as its way back; forward it is the same.

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
        """The rule."""
        return RULES[self.rule](k, delta, saved)


def with_rule(net: Network, rule: Rule) -> Network:
    """Return the network with another way back through its rectifiers: same weights, same forward, same traces.

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
    >>> with_rule(net, "guided").layers["dense1"] is net.layers["dense1"]
    True
    """
    net, ruled = as_network(net), RuledReLU(rule)
    layers = {name: ruled if isinstance(layer, ReLU) else layer for name, layer in net.layers.items()}
    return replace(net, layers=layers)


def project(
    net: Network,
    trace: Trace,
    layer: str,
    *,
    units: Units = None,
    rule: Rule = "deconvnet",
    signal: Signal = "activation",
    until: str = INPUT,
) -> Array:
    """Send units of a layer back to the image, all others of the layer masked (Hinthorn 2017, 5.2).

    The projection of a set of units is not the sum of theirs, save by the gradient: each rectifier on the way back sees
    the sum.

    Parameters
    ----------
    net : Network
    trace : Trace
        A forward pass of `net`, up to `layer` or further; any number of projections can be made from it.
    layer : str
        Output whose units are projected.
    units : optional
        All of them unless given. A feature map or neuron f; several, as one set; "each" of them alone; or weights of
        the units (bool or float): (F,) for whole maps, else whatever broadcasts against `trace[layer]`, extra leading
        axes being masks of their own.
    rule : "deconvnet", "gradient" or "guided"
    signal : "activation" or "one"
        What enters at the units: their activations, which the paper projects; or 1, so that the rule "gradient" gives
        the derivative of the sum of the units.
    until : str
        Output to which it is sent back; the image unless given.

    Returns
    -------
    array (N, C, H, W)
        With "each" (F, N, C, H, W), with stacked masks (S, N, C, H, W).

    Raises
    ------
    ValueError
        For an unknown rule or signal, or units that the layer does not have.
    KeyError
        If the trace does not hold `layer` or `until`.

    Examples
    --------
    Two units, x0 - x1 and x1; the second layer is twice their difference.

    >>> import nnpg
    >>> recipe = [nnpg.dense(2), nnpg.ReLU(), nnpg.dense(1), nnpg.ReLU()]
    >>> net = nnpg.build(recipe, input_shape=(2,), rng=0, dtype="float64")
    >>> net = net.replace("dense1", W=np.array([[1.0, -1.0], [0.0, 1.0]])).replace("dense2", W=np.array([[2.0, -2.0]]))
    >>> trace = net.forward([[5.0, 2.0]])                       # units 3 and 2, then 2
    >>> project(net, trace, "relu2", signal="one", rule="gradient")
    array([[ 2., -4.]])
    >>> project(net, trace, "relu2", signal="one")               # what speaks against the unit is cut off
    array([[ 2., -2.]])
    >>> project(net, trace, "relu1", units="each")[:, 0]
    array([[ 3., -3.],
           [ 0.,  2.]])
    """
    as_choice(signal, "signal", ("activation", "one"))
    ruled, k = with_rule(net, rule), as_network(net).backend
    trace, layer, until = as_instance(trace, Trace, "trace"), as_output(net, layer), as_output(net, until, "until")
    a = trace[layer]
    weights = k.asarray(unit_weights(units, a.shape)).astype(a.dtype)
    seed = weights * (a if signal == "activation" else k.xp.ones_like(a))  # (..., N, F, ...)
    return k.to_numpy(ruled.backward(trace, seed, at=layer, until=until, keep=[until])[until])


def mean_projection(
    net: Network,
    x: npt.ArrayLike,
    layer: str,
    *,
    units: Units = None,
    rule: Rule = "deconvnet",
    signal: Signal = "activation",
    batch: int = 32,
) -> npt.NDArray[np.float64]:
    """Average the projections of a group of images (Hinthorn 2017, Fig. 11 and 12).

    Parameters
    ----------
    net, layer, units, rule, signal
        As in `project`; units (N, ...) that differ from image to image are not for groups.
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
    >>> mean_projection(net, [[1.0, 2.0], [3.0, 4.0]], "relu1")
    array([2., 3.])
    """
    net, batch = as_network(net), as_count(batch, "batch")
    x, layer = as_images(net, x, least=1), as_output(net, layer)
    total: Any = 0.0
    for n in range(0, len(x), batch):
        trace = net.forward(x[n : n + batch], upto=layer)
        part = project(net, trace, layer, units=units, rule=rule, signal=signal)
        total = total + part.sum(axis=-1 - len(net.input_shape), dtype=np.float64)
    return total / len(x)


def unit_weights(units: Units, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return which units of an output of this shape (N, F, ...) are meant, as an array that broadcasts against it.

    Examples
    --------
    >>> unit_weights([0, 2], (4, 3, 1, 1)).ravel()
    array([ True, False,  True])
    >>> unit_weights("each", (4, 3, 2, 2)).shape
    (3, 1, 3, 1, 1)
    """
    F, maps = shape[1], (1,) * len(shape[2:])
    if units is None:
        return np.ones((F, *maps), bool)
    if isinstance(units, str):
        if units != "each":
            raise ValueError(f"units must be 'each', a unit, several units, or an array of weights, not {units!r}")
        return np.eye(F, dtype=bool).reshape(F, 1, F, *maps)
    given = as_numbers(units, "units", f"'each', a unit 0 .. {F - 1}, several, or weights that fit an output {shape}")
    if given.dtype.kind in "iu" and given.ndim <= 1:
        if given.size == 0 or (given < 0).any() or (given >= F).any():
            raise ValueError(f"units must be whole numbers 0 .. {F - 1}, at least one, not {units!r}")
        return np.isin(np.arange(F), given).reshape(F, *maps)
    if given.shape == (F,):
        return given.reshape(F, *maps)
    try:
        np.broadcast_shapes(given.shape[-len(shape) :], shape)
        fits = np.broadcast_shapes(given.shape, shape)[-len(shape) :] == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"units {given.dtype} {given.shape} do not fit an output of shape {shape}")
    return given
