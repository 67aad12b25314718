"""The least distortion by its definition: the method of the paper, for one image, with SciPy.

Slow and short, to be read first. `nnpg.attacks.minimal_distortion` does the same for many images at once; the tests
compare its distortions with these.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.attacks.checks import images_in_box
from nnpg.losses import softmax_cross_entropy
from nnpg.network import INPUT, Network
from nnpg.support.arguments import as_class

FIRST_C, SMALLEST_C, LARGEST_C = 1.0, 1e-6, 1e6
PRECISION = 1.01  # the search ends when the smallest c that fails is at most this times the largest that succeeds


def least_distorted(
    net: Network, x: npt.ArrayLike, target: int, *, box: tuple[float, float] = (0.0, 1.0)
) -> npt.NDArray[np.float64] | None:
    """Return the least distorted image that the network takes for the target, of those that this search finds.

        minimise  c |r|^2 + loss(x + r, target)   over r,   such that x + r lies in the box

    by L-BFGS-B from r = 0, where the loss is the cross-entropy. The larger c is, the nearer the minimiser stays to x,
    until the network no longer takes it for the target. The largest c that succeeds is searched for (Szegedy et al.
    2013, 4.1): c is multiplied or divided by 10 until one c succeeds and a larger one fails, then it is the geometric
    mean of the two. The paper writes |r|; its square has the same minimisers, at another c, and is smooth at r = 0.

    Parameters
    ----------
    net : Network
        Computed in float64, which makes rounding negligible.
    x : array (*net.input_shape)
        Inside the box.
    target : int
    box : (low, high)
        Of the pixels.

    Returns
    -------
    array (*net.input_shape), or None where no c succeeds

    Raises
    ------
    ValueError
        If the image or the target does not fit.

    Examples
    --------
    The class is that of the larger pixel, so the pixels must become equal.

    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0).replace("dense1", W=np.eye(2))
    >>> least_distorted(net, [0.9, 0.5], 1).round(2)
    array([0.7, 0.7])
    """
    from scipy.optimize import Bounds, minimize

    net = net.astype("float64").to("numpy")
    x, target = images_in_box(net, np.asarray(x)[None], box).ravel(), as_class(target, net.K, "target")
    loss, k, targets = softmax_cross_entropy(net), net.backend, np.array([target])

    def objective(adversarial: npt.NDArray[np.float64], c: float) -> tuple[float, npt.NDArray[np.float64]]:
        """Value and gradient with respect to x + r."""
        r = adversarial - x
        trace = net.forward(adversarial.reshape(1, *net.input_shape), stop=loss.layer)
        deltas = net.backward(trace, loss.seed(k, trace.y, targets))
        return c * r @ r + loss.value(k, trace.y, targets)[0], 2 * c * r + deltas[INPUT].ravel()

    best, c = None, FIRST_C
    succeeds, fails = 0.0, np.inf  # the largest c that succeeds, and the smallest above it that fails
    while fails > PRECISION * succeeds and SMALLEST_C <= c <= LARGEST_C:
        adversarial = minimize(objective, x, args=(c,), jac=True, method="L-BFGS-B", bounds=Bounds(*box)).x
        if net.forward(adversarial.reshape(1, *net.input_shape)).y.argmax() == target:
            best, succeeds = adversarial.reshape(net.input_shape), c
        else:
            fails = c
        if fails == np.inf:
            c = 10 * succeeds
        elif succeeds == 0:
            c = fails / 10
        else:
            c = float(np.sqrt(succeeds * fails))
    return best
