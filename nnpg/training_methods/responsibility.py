"""How much of a misclassification hangs on some units: what the network says when they alone are set back.

Hinthorn (2017, 6) looks for units that "bear the majority of the responsibility for misclassifications". A large change
of a unit is no proof of that, because the layers after it may not read it. Here the outputs of these units for the
adversarial image are replaced by those for the original, and the layers after them are run again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.analysis.outputs import BATCH as OUTPUTS
from nnpg.analysis.outputs import placed_outputs
from nnpg.batches import in_batches
from nnpg.network import Network, as_network
from nnpg.support.arguments import as_count, as_units, described
from nnpg.support.network_arguments import as_images, as_output, placed
from nnpg_kernels import Array

BATCH = 128  # pairs of images at a time


def predict_restored(
    net: Network, x: npt.ArrayLike, adversarial: npt.ArrayLike, *, layer: str, units: npt.ArrayLike, batch: int = BATCH
) -> Array:
    """Return the predictions for adversarial images where some units have the outputs that they have for the originals.

    Parameters
    ----------
    net : Network
    x, adversarial : arrays (N, *net.input_shape)
        Row n of both is one pair.
    layer : str
        Name of the output (N, F, ...) whose units are set back.
    units : array (F,) or (N, F), bool
        Which units; for each pair its own where there are N rows.
    batch : int
        Pairs at a time; it bounds the memory.

    Returns
    -------
    array (N, K)

    Raises
    ------
    ValueError, KeyError
        If the pairs or the units do not fit, or the network has no such output.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2)], input_shape=(2,), rng=0).replace("dense1", W=np.eye(2))
    >>> predict_restored(net, [[1.0, 0.0]], [[0.0, 3.0]], layer="input", units=[False, True])
    array([[0., 0.]])
    """
    net = as_network(net)
    x = as_images(net, x, least=1, finite=True)
    adversarial = as_images(net, adversarial, "adversarial", least=1, finite=True)
    if x.shape != adversarial.shape:
        raise ValueError(f"x and adversarial must be the same number of images, not {x.shape} and {adversarial.shape}")
    layer, units = as_output(net, layer), as_units(units, "units")
    N, F, *rest = len(x), *net.shapes[layer]
    if units.shape not in ((F,), (N, F)):
        raise ValueError(f"units must be an array ({F},) or ({N}, {F}) of True and False, not {described(units)}")
    k, xp, parts = net.backend, net.backend.xp, []
    x, adversarial = placed(net, x), placed(net, adversarial, "adversarial")
    back = xp.broadcast_to(placed(net, units, "units"), (N, F)).reshape(N, F, *[1] * len(rest))
    for rows in in_batches(N, as_count(batch, "batch"), BATCH):
        outputs = (placed_outputs(net, images[rows], layer=layer, batch=OUTPUTS) for images in (x, adversarial))
        before, after = (xp.concatenate(list(of_layer)) for of_layer in outputs)
        parts.append(net.forward(xp.where(back[rows], before, after), start=layer).y)
    return np.asarray(k.to_numpy(xp.concatenate(parts)))
