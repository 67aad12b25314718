"""Volatility: how much each unit's activity changes when an image is made adversarial (Hinthorn 2017, 5.2, 6).

The activity of a unit is a neuron's output or a whole feature map a. The paper defines its change twice: as the change
of the Frobenius norm (5.2), and as the norm of the change (6.2). By the triangle inequality

    volatility = | ||a'|| - ||a|| |   <=   ||a' - a|| = shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.analysis.outputs import outputs_by_name
from nnpg.batches import in_batches
from nnpg.layers import Softmax
from nnpg.layers.blocks import block_of
from nnpg.network import Network, as_network
from nnpg.support.arguments import as_choice, as_count, described
from nnpg.support.crossings import values_to_numpy
from nnpg.support.network_arguments import as_images, as_outputs, placed
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas

BATCH = 128  # pairs of images at a time

Measure: TypeAlias = Literal["volatility", "shift"]
MEASURES: tuple[Measure, ...] = ("volatility", "shift")


_PARTS = ("before", "after", "shift")
_COLUMNS = ("before", "after", "volatility", "shift")


@dataclass(frozen=True, eq=False)
class Change:
    """How the F units of one layer change over N pairs of images; prints as a table of the units.

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

    def __str__(self) -> str:
        columns = [a.mean(axis=0) for a in (self.before, self.after, self.volatility, self.shift)]
        return text_table(
            ("unit", *_COLUMNS), [(f, *map(float, row)) for f, row in enumerate(zip(*columns, strict=True))]
        )

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per pair and unit: pair, unit, before, after, volatility, shift."""
        arrays = (self.before, self.after, self.volatility, self.shift)
        rows = [(n, f, *(float(a[n, f]) for a in arrays)) for n, f in np.ndindex(*self.shift.shape)]
        return data_frame(("pair", "unit", *_COLUMNS), rows)

    @property
    def volatility(self) -> Array:
        """| after - before |."""
        return abs(self.after - self.before)

    def of(self, measure: Measure) -> Array:
        """Return the measure of that name, (N, F)."""
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
    net: Network, x: npt.ArrayLike, adversarial: npt.ArrayLike, *, layers: str | Sequence[str], batch: int = BATCH
) -> dict[str, Change]:
    """Measure how the units of layers change from images to their adversarial images.

    Parameters
    ----------
    net : Network
    x, adversarial : arrays (N, *net.input_shape)
        Row n of both is one pair.
    layers : names of outputs
    batch : int
        Pairs at a time; it bounds the memory.

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
    >>> unit_changes(net, [[1.0, 0.0]], [[1.0, 3.0]], layers="dense1")["dense1"].volatility
    array([[0., 3.]])
    """
    net = as_network(net)
    x = as_images(net, x, least=1, finite=True)
    adversarial = as_images(net, adversarial, "adversarial", least=1, finite=True)
    if x.shape != adversarial.shape:
        raise ValueError(f"x and adversarial must be the same number of images, not {x.shape} and {adversarial.shape}")
    layers, parts, k = as_outputs(net, layers), [], net.backend
    x, adversarial = placed(net, x), placed(net, adversarial, "adversarial")
    for rows in in_batches(len(x), as_count(batch, "batch"), BATCH):
        before, after = (outputs_by_name(net, images[rows], layers=layers) for images in (x, adversarial))
        parts.append({name: change_of(before[name], after[name]) for name in layers})
    norms = {(n, f): k.xp.concatenate([getattr(part[n], f) for part in parts]) for n in layers for f in _PARTS}
    on_host = values_to_numpy(k, norms)
    return {name: Change(*(on_host[name, f] for f in _PARTS)) for name in layers}


def unit_output(net: Network, *, layer: str) -> str:
    """Return the output at which the units of a layer with weights are read: after its activation and pooling.

    Raises
    ------
    TypeError, KeyError
        If `layer` is no layer with weights.

    Examples
    --------
    >>> import nnpg
    >>> recipe = [nnpg.conv(3, 3), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()]
    >>> net = nnpg.build(recipe, input_shape=(1, 6, 6), rng=0)
    >>> unit_output(net, layer="conv1"), unit_output(net, layer="dense1")
    ('pool1', 'dense1')
    """
    net = as_network(net)
    if not isinstance(layer, str):
        raise TypeError(f"layer must be the name of a layer with weights, not {described(layer)}")
    if layer not in net.layers or not net.layers[layer].parameters:
        raise KeyError(f"layer: no layer with weights named {layer!r}; this network has {', '.join(net.parameters)}")
    block = block_of(net.layers, layer)
    return [layer, *takewhile(lambda name: not isinstance(net.layers[name], Softmax), block[1:])][-1]
