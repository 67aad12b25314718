"""How much each layer of a network can stretch a change of its input, and how much it does (Szegedy et al. 2013, 4.3).

Every layer has a Lipschitz constant: that of a linear layer is its upper frame bound (`nnpg.analysis.spectral`). The
product of the constants bounds how much a network can stretch a change of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.analysis.spectral import FrameBounds, frame_bounds
from nnpg.batches import in_batches
from nnpg.layers import (
    AvgPool,
    Center,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from nnpg.network import INPUT, Network, as_network
from nnpg.support.arguments import as_count
from nnpg.support.crossings import values_to_numpy
from nnpg.support.network_arguments import as_images, placed
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

BATCH = 256  # pairs of images that go through the layers at a time


@dataclass(frozen=True)
class Gain:
    """How much one layer can stretch a change.

    Parameters
    ----------
    layer : str
    bounds : FrameBounds or None
        Of a linear layer with weights.
    constant : float
        Lipschitz constant: |f(x) - f(x')| <= constant |x - x'|.
    product : float
        Of the constants of all layers up to this one.
    """

    layer: str
    bounds: FrameBounds | None
    constant: float
    product: float


@dataclass(frozen=True)
class LipschitzBounds:
    """How much each layer of a network can stretch a change; prints as a table of the layers.

    Parameters
    ----------
    gains : tuple of Gain
        One per layer, in order.
    """

    gains: tuple[Gain, ...]

    def __str__(self) -> str:
        return text_table(("layer", "lower bound", "constant", "product"), self._rows())

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per layer: layer, lower frame bound, Lipschitz constant, product of constants up to it."""
        return data_frame(("layer", "lower bound", "constant", "product"), self._rows())

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the product of the constants over the layers."""
        from nnpg.plots import Depth, depth_curves

        names, products = [gain.layer for gain in self.gains], [gain.product for gain in self.gains]
        return depth_curves(
            [Depth("bound", names, {"bound": products})], path, ylabel="gain from the input to the layer"
        )

    def _rows(self) -> list[tuple[object, ...]]:
        return [(g.layer, g.bounds.lower if g.bounds else None, g.constant, g.product) for g in self.gains]


class MeasuredGain(NamedTuple):
    """By how much N changes grew in a layer (N,), and from the input up to its output (N,)."""

    layer: npt.NDArray[np.float64]
    total: npt.NDArray[np.float64]


def lipschitz_bounds(net: Network) -> LipschitzBounds:
    """Return how much each layer of a network can stretch a change, and the product of these constants up to it.

        |f(x) - f(x')| <= constant |x - x'|        in the L2 norm, for each layer f

    Dense and Conv: the upper frame bound. Sigmoid: 1/4. Softmax: 1/2, since its Jacobian diag y - y y' has no row
    sum above 2 y (1 - y). Tanh, ReLU: 1. MaxPool: the square root of how many windows share a pixel, 1 where they do
    not overlap. AvgPool: as the convolution that it is.

    Parameters
    ----------
    net : Network

    Returns
    -------
    LipschitzBounds
        One gain per layer, in order.

    Raises
    ------
    ValueError
        If the network has interventions, or a layer without a known constant (`Step` has none).

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Sigmoid()], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.diag([8.0, 2.0]).astype("float32"))
    >>> [(gain.layer, gain.constant, gain.product) for gain in lipschitz_bounds(net).gains]
    [('dense1', 8.0, 8.0), ('sigmoid1', 0.25, 2.0)]
    """
    if as_network(net).interventions:
        raise ValueError(f"the network has interventions on {', '.join(net.interventions)}: bound the one without them")
    shapes, gains, product = net.shapes, [], 1.0
    for before, (name, layer) in zip(net.names, net.layers.items(), strict=False):
        shape = shapes[before]
        bounds = frame_bounds(layer, input_shape=shape) if isinstance(layer, Dense | Conv) else None
        constant = bounds.upper if bounds else _constant(name, layer, shape)
        product *= constant
        gains.append(Gain(name, bounds, constant, product))
    return LipschitzBounds(tuple(gains))


def measured_gains(
    net: Network, x: npt.ArrayLike, adversarial: npt.ArrayLike, *, batch: int = BATCH
) -> dict[str, MeasuredGain]:
    """Measure by how much changes of images grow, layer by layer: |f(x') - f(x)| / |x' - x| in the L2 norm.

    Parameters
    ----------
    net : Network
    x, adversarial : arrays (N, *net.input_shape)
        Row n of both is one pair; the two must differ. Any change will do, noise for example.
    batch : int
        Images at a time.

    Returns
    -------
    dict
        `result["conv1"]` is a MeasuredGain; its `layer` is NaN where nothing of the change reaches the layer.

    Raises
    ------
    ValueError
        If the shapes differ, or the images of a pair are equal.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.ReLU()], input_shape=(2,), rng=0)
    >>> measured_gains(net, [[1.0, 1.0]], [[1.0, -1.0]])["relu1"].total
    array([0.5])
    """
    net = as_network(net)
    x = as_images(net, x, least=1, finite=True)
    adversarial = as_images(net, adversarial, "adversarial", least=1, finite=True)
    if x.shape != adversarial.shape:
        raise ValueError(f"x and adversarial must be as many images, not {len(x)} and {len(adversarial)}")
    x, adversarial, k = placed(net, x), placed(net, adversarial, "adversarial"), net.backend
    same = k.to_numpy((x == adversarial).reshape(len(x), -1).all(axis=1))
    if same.any():
        raise ValueError(f"image {int(np.flatnonzero(same)[0])} is not changed: a gain needs a change")
    parts: dict[str, list[Array]] = {name: [] for name in net.names}
    for rows in in_batches(len(x), as_count(batch, "batch"), BATCH):
        before, after = net.forward(x[rows]), net.forward(adversarial[rows])
        for name in net.names:
            change = after[name].astype(np.float64) - before[name]
            parts[name].append(k.xp.sqrt((change.reshape(len(change), -1) ** 2).sum(axis=1)))
    sizes = values_to_numpy(k, {name: k.xp.concatenate(part) for name, part in parts.items()})
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            name: MeasuredGain(
                np.where(sizes[before] > 0, sizes[name] / sizes[before], np.nan), sizes[name] / sizes[INPUT]
            )
            for before, name in zip(net.names, net.names[1:], strict=False)
        }


def _average(layer: AvgPool, shape: Sequence[int]) -> float:
    """Return the constant of an average pooling: that of the convolution that it is, the same for every channel."""
    I, J = layer.window.size
    conv = Conv(np.full((1, 1, I, J), 1 / (I * J)), None, layer.window.stride, layer.padding)
    return frame_bounds(conv, input_shape=shape).upper


def _overlap(layer: MaxPool) -> float:
    """Return the constant of a max pooling: the square root of how many windows share a pixel."""
    (I, J), (down, across) = layer.window.size, layer.window.stride
    return float(np.sqrt(-(-I // down) * -(-J // across)))


_CONSTANTS: dict[type[Any], Callable[[Any, Sequence[int]], float]] = {
    Sigmoid: lambda layer, shape: 0.25,
    Softmax: lambda layer, shape: 0.5,
    MaxPool: lambda layer, shape: _overlap(layer),
    AvgPool: _average,
    **{kind: (lambda layer, shape: 1.0) for kind in (Tanh, ReLU, Flatten, Center, Dropout)},
}


def _constant(name: str, layer: Layer, shape: Sequence[int]) -> float:
    """Return the constant of a layer without weights, or say that none is known."""
    if type(layer) not in _CONSTANTS or getattr(layer, "key", None) is not None:
        raise ValueError(
            f"layer {name!r} ({type(layer).__name__}) has no Lipschitz constant here: one is known for Dense, Conv, "
            f"{', '.join(kind.__name__ for kind in _CONSTANTS)} (without a mask)"
        )
    return _CONSTANTS[type(layer)](layer, shape)
