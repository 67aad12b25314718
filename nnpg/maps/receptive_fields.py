"""Which pixels a unit of a feature map sees, and where in the picture its number belongs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.layers import Dense, Flatten, Softmax
from nnpg.network import INPUT, Network, as_network
from nnpg.support.arguments import as_numbers, as_pair, described
from nnpg.support.network_arguments import as_output
from nnpg_kernels import Array


class ReceptiveField(NamedTuple):
    """Unit (i, j) sees size[0] rows from row start[0] + i step[0] on, and likewise columns; all in pixels.

    With padding the first rows may lie above the picture.
    """

    start: tuple[int, int]
    step: tuple[int, int]
    size: tuple[int, int]

    def box(self, i: int, j: int) -> tuple[int, int, int, int]:
        """Return what unit (i, j) sees as (top, left, height, width), pixels.

        Examples
        --------
        >>> ReceptiveField(start=(0, 0), step=(2, 2), size=(6, 6)).box(3, 5)
        (6, 10, 6, 6)
        """
        return self.start[0] + i * self.step[0], self.start[1] + j * self.step[1], *self.size

    def spread(self, maps: npt.ArrayLike, shape: tuple[int, int]) -> Array:
        """Put each unit's number on the pixels in the middle of what it sees.

        Parameters
        ----------
        maps : array (..., H', W')
        shape : (H, W)
            Of the picture.

        Returns
        -------
        array (..., H, W)
            Each unit fills `step` pixels; NaN at the rim, on which no unit is centred.

        Examples
        --------
        >>> ReceptiveField(start=(0, 0), step=(2, 1), size=(2, 3)).spread([[1.0, 2.0]], (2, 4))
        array([[nan,  1.,  2., nan],
               [nan,  1.,  2., nan]])
        """
        values, shape = as_numbers(maps, "maps", "an array (..., H, W)").astype(np.float64), as_pair(shape, "shape")
        if values.ndim < 2 or values.size == 0:
            raise ValueError(f"maps must be an array (..., H, W), not {described(values)}")
        units, has_unit = [], []  # of each row of pixels, and of each column: the unit there, and whether there is one
        for axis in (0, 1):
            first = self.start[axis] + (self.size[axis] - self.step[axis]) // 2
            unit = (np.arange(shape[axis]) - first) // self.step[axis]
            has_unit.append((unit >= 0) & (unit < values.shape[axis - 2]))
            units.append(unit.clip(0, values.shape[axis - 2] - 1))
        return np.where(has_unit[0][:, None] & has_unit[1], values[..., units[0][:, None], units[1]], np.nan)


def receptive_field(net: Network, *, layer: str) -> ReceptiveField:
    """Return which pixels a unit of the output `layer` sees, from the windows of the layers before it.

    A window of size I, stride s and padding p turns start, step and size into start - step p, step s and
    size + step (I - 1); with dilation d, (I - 1) d in place of I - 1.

    Parameters
    ----------
    net : Network
    layer : str
        A feature map's output, or "input".

    Returns
    -------
    ReceptiveField

    Raises
    ------
    KeyError, ValueError
        If there is no such output, or it is no feature map: a unit after a dense layer sees the whole image.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 5), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.conv(8, 5)], input_shape=(1, 60, 60),
    ...                  rng=0)
    >>> receptive_field(net, layer="pool1")
    ReceptiveField(start=(0, 0), step=(2, 2), size=(6, 6))
    >>> receptive_field(net, layer="conv2").size
    (14, 14)
    """
    layer = as_output(as_network(net), layer)
    before = net.names[1 : net.names.index(layer) + 1] if layer != INPUT else []
    whole = [name for name in before if isinstance(net.layers[name], Dense | Flatten | Softmax)]
    if whole or len(net.input_shape) != 3:
        why = f"it comes after {whole[0]!r}" if whole else f"the input {net.input_shape} is no image"
        raise ValueError(f"layer {layer!r} is no feature map, so its units have no place in the picture: {why}")
    start, step, size = [0, 0], [1, 1], [1, 1]
    for name in before:
        window = getattr(net.layers[name], "window", None)
        if window is None:  # each unit sees one unit of the layer before
            continue
        for axis in (0, 1):
            start[axis] -= step[axis] * window.padding[2 * axis]
            size[axis] += step[axis] * (window.extent[axis] - 1)
            step[axis] *= window.stride[axis]
    return ReceptiveField((start[0], start[1]), (step[0], step[1]), (size[0], size[1]))
