"""Volatility: how much each unit's activity changes when an image is made adversarial (Hinthorn 2017, 5.2, 6).

The activity of a unit is a neuron's output or a whole feature map a. The paper defines its change twice: as the change
of the Frobenius norm (5.2), and as the norm of the change (6.2). By the triangle inequality

    volatility = | ||a'|| - ||a|| |   <=   ||a' - a|| = shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.layers import Conv, Dense, Flatten, Softmax
from nnpg.network import Network, as_network
from nnpg.programs import find
from nnpg.programs.tasks import Outputs
from nnpg.support.arguments import as_choice, as_count, as_number, as_numbers, described
from nnpg.support.network_arguments import as_images, as_outputs
from nnpg_kernels import Array

Measure: TypeAlias = Literal["volatility", "shift"]
MEASURES: tuple[Measure, ...] = ("volatility", "shift")


@dataclass(frozen=True, eq=False)
class Change:
    """How N pairs change the F units of one layer; all arrays (N, F).

    Parameters
    ----------
    before, after : array (N, F)
        Frobenius norm of each unit's activity for the original and for the adversarial image.
    shift : array (N, F)
        Norm of the difference of the two activities.
    """

    before: Array
    after: Array
    shift: Array

    @property
    def volatility(self) -> Array:
        """| after - before |."""
        return abs(self.after - self.before)

    def of(self, measure: Measure) -> Array:
        """Return the one or the other measure of change."""
        as_choice(measure, "measure", MEASURES)
        return self.volatility if measure == "volatility" else self.shift


def activity(a: Array) -> Array:
    """Return the Frobenius norm of each unit's output: (N, F, ...) to (N, F).

    Examples
    --------
    >>> activity(np.array([[[[3.0, 4.0]], [[0.0, -1.0]]]]))
    array([[5., 1.]])
    """
    flat = a.reshape(*a.shape[:2], -1)  # (N, F, units of a map)
    return (flat * flat).sum(axis=-1) ** 0.5


def change_of(a: Array, b: Array) -> Change:
    """Return how the units change from an output a (N, F, ...) to an output b of the same layer.

    Examples
    --------
    >>> change = change_of(np.array([[3.0, -1.0]]), np.array([[1.0, 1.0]]))
    >>> change.volatility, change.shift
    (array([[2., 0.]]), array([[2., 2.]]))
    """
    return Change(activity(a), activity(b), activity(b - a))


def unit_changes(
    net: Network, x: npt.ArrayLike, adversarial: npt.ArrayLike, layers: Sequence[str], *, batch: int = 128
) -> dict[str, Change]:
    """Measure how pairs of images change the units of some layers.

    Parameters
    ----------
    net : Network
    x, adversarial : arrays (N, *net.input_shape)
        Row n of both is one pair.
    layers : names of outputs
    batch : int
        Pairs at a time.

    Returns
    -------
    dict
        `result["relu3"]` is a Change of arrays (N, F).

    Raises
    ------
    ValueError, KeyError
        If there are no pairs, their numbers differ, or the network has no such output.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2)], input_shape=(2,), rng=0).replace("dense1", W=np.eye(2))
    >>> unit_changes(net, [[1.0, 0.0]], [[1.0, 3.0]], ["dense1"])["dense1"].volatility
    array([[0., 3.]])
    """
    net = as_network(net)
    x = as_images(net, x, least=1, finite=True)
    adversarial = as_images(net, adversarial, "adversarial", least=1, finite=True)
    if x.shape != adversarial.shape:
        raise ValueError(f"x and adversarial must be the same number of images, not {x.shape} and {adversarial.shape}")
    layers, batch = as_outputs(net, layers), as_count(batch, "batch")
    parts = []
    for n in range(0, len(x), batch):
        before, after = (outputs(net, images[n : n + batch], layers) for images in (x, adversarial))
        parts.append({name: change_of(before[name], after[name]) for name in layers})
    return {
        name: Change(*(np.concatenate([getattr(p[name], f) for p in parts]) for f in ("before", "after", "shift")))
        for name in layers
    }


def outputs(net: Network, x: npt.NDArray[Any], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Return some outputs (N, ...) of images by name, from a compiled program where there is one.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2)], input_shape=(2,), rng=0).replace("dense1", W=np.eye(2, dtype="f4"))
    >>> outputs(net, np.array([[1.0, 3.0]]), ["dense1"])
    {'dense1': array([[1., 3.]], dtype=float32)}
    """
    if not len(names):
        return {}
    program = find(net, Outputs(tuple(names)))
    if program.run is not None:
        found: dict[str, npt.NDArray[Any]] = program.run(x)
        return found
    trace = net.forward(x, stop=max(names, key=net.names.index))
    return {name: net.backend.to_numpy(trace[name]) for name in names}


def unit_output(net: Network, layer: str) -> str:
    """Name the output at which the units of a layer with weights are read: behind its activation and pooling.

    Examples
    --------
    >>> import nnpg
    >>> recipe = [nnpg.conv(3, 3), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()]
    >>> net = nnpg.build(recipe, input_shape=(1, 6, 6), rng=0)
    >>> unit_output(net, "conv1"), unit_output(net, "dense1")
    ('pool1', 'dense1')
    """
    names = list(as_network(net).layers)
    if not isinstance(layer, str):
        raise TypeError(f"layer must be the name of a layer with weights, not {described(layer)}")
    if layer not in net.layers or not net.layers[layer].parameters:
        raise KeyError(f"layer: no layer with weights named {layer!r}; this network has {', '.join(net.parameters)}")
    found = layer
    for name in names[names.index(layer) + 1 :]:
        if isinstance(net.layers[name], Conv | Dense | Flatten | Softmax):
            break
        found = name
    return found


def top_share(scores: npt.ArrayLike, share: float = 0.1) -> npt.NDArray[np.float64]:
    """Return how much of the sum of scores (..., F) the largest `share` of them has, ceil(share F) of F.

    Examples
    --------
    >>> float(top_share([1.0, 7.0, 1.0, 1.0], 0.25))
    0.7
    """
    share = as_number(share, "share", above=0, most=1)
    curve = concentration_curve(scores)
    return curve[..., how_many(share, curve.shape[-1] - 1)]


def how_many(share: float, F: int) -> int:
    """Return ceil(share F), the number of units retained (Hinthorn 2017, 6), rounding errors aside.

    Examples
    --------
    >>> how_many(0.55, 100), how_many(0.01, 32)
    (55, 1)
    """
    share, F = as_number(share, "share", least=0, most=1), as_count(F, "F")
    return int(np.ceil(round(share * F, 9)))


def concentration_curve(scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return how much of the sum of scores (..., F) its n largest have, n = 0 .. F: (..., F + 1), from 0 to 1.

    Twice the area between this curve and the diagonal is the Gini coefficient (`nnpg.rankings.knock_out_curves.gini`).

    Examples
    --------
    >>> concentration_curve([1.0, 7.0, 1.0, 1.0])
    array([0. , 0.7, 0.8, 0.9, 1. ])
    """
    s = as_numbers(scores, "scores", "an array (..., F)").astype(np.float64)
    if s.ndim == 0 or s.shape[-1] == 0 or not (s >= 0).all():
        raise ValueError(
            f"scores must be an array (..., F) of numbers that are not negative, at least one, not {described(s)}"
        )
    sums = np.cumsum(-np.sort(-s, axis=-1), axis=-1)
    with np.errstate(invalid="ignore"):  # nothing changed at all: NaN
        return np.concatenate([np.zeros((*s.shape[:-1], 1)), sums / sums[..., -1:]], axis=-1)
