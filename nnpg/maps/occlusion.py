"""Where in a picture the evidence for a class lies, by covering places (Zeiler & Fergus 2013, 4.2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.maps.common import as_cover, as_explained, log_outputs
from nnpg.network import Network
from nnpg.support.arguments import as_count
from nnpg.support.network_arguments import placed
from nnpg.support.progress import progress_bar
from nnpg_kernels import Array

BATCH = 256  # covered images that are predicted at a time


def occlusion_map(
    net: Network,
    x: npt.ArrayLike,
    classes: npt.ArrayLike,
    *,
    window: int = 7,
    stride: int = 3,
    fill: npt.ArrayLike | None = None,
    progress: bool | None = None,
) -> Array:
    """Return what covering each place with a square costs: how much log y_c falls (Zeiler & Fergus 2013, 4.2).

        map = log y_c(x) - log y_c(x covered there)

    log y_c orders places as y_c does, and still tells them apart where y_c rounds to 1.

    Parameters
    ----------
    net, x, classes
        As in `strongest_map`.
    window, stride : int
        Side of the square and its steps, in pixels. A pixel gets the mean over the squares that cover it.
    fill : float or array (C, H, W), optional
        What the square shows: one grey value, the mean of all pixels of `x` unless given; or a part of another
        picture, such as the average image.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    array (N, H, W)

    Raises
    ------
    ValueError
        If the square does not fit into the picture, or steps over pixels.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()], input_shape=(1, 1, 2), rng=0)
    >>> net = net.replace("dense1", W=np.array([[9.0, 0.0], [0.0, 0.0]], "float32"))
    >>> occlusion_map(net, [[[[1.0, 1.0]]]], [0], window=1, stride=1, fill=0.0).round(2)    # log 1 - log 0.5
    array([[[0.69, 0.  ]]])
    """
    x, classes = as_explained(net, x, classes)
    H, W = x.shape[2:]
    window = as_count(window, "window", most=min(H, W))
    stride = as_count(stride, "stride", most=window)
    x = x.astype(net.dtype, copy=False)
    k, classes = net.backend, placed(net, classes, "classes")
    cover = k.asarray(as_cover(x.mean() if fill is None else fill, x))
    tops, lefts = (sorted({*range(0, side - window + 1, stride), side - window}) for side in (H, W))
    whole, falls, times = log_outputs(net, x, classes, batch=BATCH), k.xp.zeros((len(x), H, W)), np.zeros((H, W))
    with progress_bar("covering", len(tops) * len(lefts), show=progress) as advance:
        for top in tops:
            for left in lefts:
                square = (slice(top, top + window), slice(left, left + window))
                covered = x.copy()
                covered[:, :, *square] = cover[:, *square]
                falls[:, *square] += (whole - log_outputs(net, covered, classes, batch=BATCH))[:, None, None]
                times[square] += 1
                advance()
    return k.to_numpy(falls) / times
