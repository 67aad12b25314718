"""Activation maximisation: the image, not one of a set, that excites a unit most (Erhan et al. 2009, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.batches import in_batches
from nnpg.network import INPUT, Network, as_network
from nnpg.prediction import BATCH
from nnpg.support.arguments import as_count, as_ends, as_number, as_numbers, described
from nnpg.support.crossings import all_to_numpy
from nnpg.support.network_arguments import as_images, as_output, placed
from nnpg.support.progress import progress_bar
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array, one_blas_thread

if TYPE_CHECKING:
    import pandas

_COLUMNS = ("image", "output before", "output", "norm")


@dataclass(frozen=True, eq=False)
class Maximised:
    """Images that excite their units or directions; prints as a table.

    Parameters
    ----------
    images : array (N, *shape)
        Inside the box, and of the largest norm or less.
    outputs : array (N,), float64
        <phi(x), v> of each image.
    before : array (N,), float64
        The same of the image at which the ascent began.
    """

    images: Array
    outputs: npt.NDArray[np.float64]
    before: npt.NDArray[np.float64]

    def __str__(self) -> str:
        return text_table(_COLUMNS, self._rows())

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per image: image, output before, output, norm."""
        return data_frame(_COLUMNS, self._rows())

    def _rows(self) -> list[tuple[object, ...]]:
        columns = (self.before, self.outputs, _norms(np, self.images))
        return [(n, *(value.item() for value in line)) for n, line in enumerate(zip(*columns, strict=True))]


def maximise_outputs(
    net: Network,
    x: npt.ArrayLike,
    directions: npt.ArrayLike,
    *,
    layer: str,
    largest_norm: npt.ArrayLike | None = None,
    box: tuple[float, float] = (0.0, 1.0),
    steps: int = 100,
    step: float = 0.1,
    batch: int = BATCH,
    progress: bool | None = None,
) -> Maximised:
    """Change each image so that it excites a unit, or another direction of a layer, as much as can be found.

        x* = argmax of <phi(x), v> over x in the box with |x| <= norm               (Erhan et al. 2009, section 3)

    by gradient ascent. The seed v at the layer makes the delta of the input the gradient of <phi(x), v>; step i of n
    has the length (1 - i / n) step, whatever the size of the gradient, and ends in the box and at the norm. The best
    image on the way is returned. The maximum is a local one, which depends on the image at which the ascent begins; a
    unit that is 0 all around it, such as a ReLU that is off, has no gradient and keeps its image.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
        Where the ascents begin; moved into the box, and to the norm, first.
    directions : array (N, D)
        v of each image: a row of 0 with a 1 at a unit's place, or any other; D outputs of the layer.
    layer : str
    largest_norm : float or array (N,), optional
        Of the pixels of each image, the root of the sum of squares; no limit unless given.
    box : (low, high)
        Of the pixels. With a norm it must hold 0.
    steps : int
        Forward and backward passes.
    step : float
        Length of the first, root mean square over the pixels.
    batch : int
        Images at a time; it bounds the memory.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    Maximised

    Raises
    ------
    ValueError, KeyError
        If images, directions or settings do not fit, or the network has no such output.

    Examples
    --------
    The first output is x_1 - x_2, so it is largest where only the first pixel is bright.

    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2)], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.array([[1, -1], [0, 1]], dtype="float32"))
    >>> found = maximise_outputs(net, [[0.5, 0.5]], [[1, 0]], layer="dense1")
    >>> found.images.round(3), float(found.before[0]), round(float(found.outputs[0]), 3)
    (array([[1., 0.]], dtype=float32), 0.0, 1.0)
    """
    x, layer = as_images(as_network(net), x, least=1, finite=True), as_output(net, layer)
    N, D = len(x), int(np.prod(net.shapes[layer]))
    v = as_numbers(directions, "directions", f"an array ({N}, {D})", ndim=2, finite=True)
    if v.shape != (N, D):
        raise ValueError(f"directions must be ({N}, {D}), one for each image, not {described(directions)}")
    low, high = as_ends(box, "box")
    norms = None if largest_norm is None else _as_norms(largest_norm, N, low, high)
    steps, step, batch = as_count(steps, "steps"), as_number(step, "step", above=0), as_count(batch, "batch")
    images = np.empty(x.shape, net.dtype)
    outputs, before, k = np.empty(N), np.empty(N), net.backend
    x, v = placed(net, x), placed(net, v, "directions")
    norms = None if norms is None else placed(net, norms, "largest_norm")
    with one_blas_thread(), progress_bar("maximising", N, show=progress) as advance:
        for rows in in_batches(N, batch, BATCH):
            limits = None if norms is None else norms[rows]
            found = _ascend(net, x[rows], v[rows], layer, limits, (low, high), steps, step)
            images[rows], outputs[rows], before[rows] = all_to_numpy(k, [found.images, found.outputs, found.before])
            advance(len(found.images))
    return Maximised(images, outputs, before)


def _ascend(
    net: Network,
    x: Array,
    v: Array,
    layer: str,
    norms: Array | None,
    box: tuple[float, float],
    steps: int,
    step: float,
) -> Maximised:
    xp = net.backend.xp
    seed = v.reshape(len(v), *net.shapes[layer]).astype(net.dtype)
    x = best = _inside(xp, x, norms, box).astype(net.dtype)
    highest = xp.full(len(x), -xp.inf)
    before = highest
    for i in range(steps + 1):
        trace = net.forward(x, stop=layer)
        z = (trace[layer].reshape(v.shape).astype(np.float64) * v).sum(axis=1)
        before = z if i == 0 else before
        best = xp.where(_as_columns(z > highest, x), x, best)
        highest = xp.maximum(z, highest)
        if i < steps:
            g = net.backward(trace, seed, start=layer, stop=INPUT, keep=[INPUT])[INPUT].astype(np.float64)
            length = _as_columns(_norms(xp, g) / np.sqrt(g[0].size), g)
            rise = xp.where(length > 0, g / xp.where(length > 0, length, 1.0), 0.0)
            x = _inside(xp, x + (1 - i / steps) * step * rise, norms, box).astype(net.dtype)
    return Maximised(best, highest, before)


def _inside(xp: ModuleType, x: Array, norms: Array | None, box: tuple[float, float]) -> Array:
    """Return the images at the norm or below it and in the box, which holds 0, so that clipping makes none longer."""
    if norms is not None:
        x = x * _as_columns(xp.minimum(1, norms / xp.maximum(_norms(xp, x), np.finfo(np.float64).tiny)), x)
    return xp.clip(x, *box)


def _norms(xp: ModuleType, x: Array) -> Array:
    """The root of the sum of squares of each image (N,)."""
    return xp.linalg.norm(x.reshape(len(x), -1).astype(np.float64), axis=1)


def _as_columns(values: Array, x: Array) -> Array:
    """Return a value for each image, (N,), with axes that fit the images."""
    return values.reshape(len(values), *[1] * (x.ndim - 1))


def _as_norms(largest_norm: npt.ArrayLike, N: int, low: float, high: float) -> Array:
    norms = as_numbers(largest_norm, "largest_norm", f"a number, or an array ({N},)", finite=True)
    if norms.shape not in ((), (N,)) or not (norms > 0).all():
        raise ValueError(f"largest_norm must be above 0: a number, or an array ({N},), not {described(largest_norm)}")
    if not low <= 0 <= high:
        raise ValueError(f"with a largest norm the box must hold 0, not {low:g} .. {high:g}")
    return np.broadcast_to(norms.astype(np.float64), (N,))
