"""The least distortion by its definition: the method of the paper, for one image, with SciPy.

Slow and short, to be read first. `nnpg.attacks.minimal_distortion` does the same for many images at once; the tests
compare its distortions with these.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.attacks.checks import images_in_box
from nnpg.attacks.least_distortion.norms import NORMS, NormName
from nnpg.losses import softmax_cross_entropy
from nnpg.network import INPUT, Network
from nnpg.support.arguments import as_choice, as_class, as_number, on_host

FIRST_C, SMALLEST_C, LARGEST_C = 1.0, 1e-6, 1e6
PRECISION = 1.01  # the search ends when the smallest c that fails is at most this times the largest that succeeds


def least_distorted(
    net: Network,
    x: npt.ArrayLike,
    target: int,
    *,
    norm: NormName = "squared_l2",
    box: tuple[float, float] = (0.0, 1.0),
    epsilon: float | None = None,
    kappa: float = 0.0,
) -> npt.NDArray[np.float64] | None:
    """Return the least distorted image that the network takes for the target, of those that this search finds.

        minimise  c |r|^2 + loss(x + r, target)   over r,   such that x + r lies in the box and |r_i| <= epsilon

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
    norm : "squared_l2", "l2" or "l1"
        "l2" is solved as its square. With "l1" it is c |r|_1 + loss over r = p - q with p, q >= 0, where |r|_1 becomes
        the sum of p and q, which is smooth.
    box : (low, high)
        Of the pixels.
    epsilon : float, optional
        Largest change of any pixel.
    kappa : float
        By how much the target's score must exceed every other score (Carlini & Wagner 2017, Sec. VI-A).

    Returns
    -------
    array (*net.input_shape), or None where no c succeeds

    Raises
    ------
    ValueError
        If the image, the target or a setting does not fit.

    Examples
    --------
    The class is that of the larger pixel, so the pixels must become equal.

    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0).replace("dense1", W=np.eye(2))
    >>> least_distorted(net, [0.9, 0.5], 1).round(2)
    array([0.7, 0.7])
    >>> least_distorted(net, [0.9, 0.5], 1, kappa=0.1).round(2)
    array([0.65, 0.75])
    """
    from scipy.optimize import Bounds, minimize

    net = net.astype("float64").to("numpy")
    x, target = images_in_box(net, np.asarray(on_host(x, "x"))[None], box).ravel(), as_class(target, net.K, "target")
    as_choice(norm, "norm", NORMS)
    epsilon = np.inf if epsilon is None else as_number(epsilon, "epsilon", above=0)
    kappa = as_number(kappa, "kappa", least=0)
    loss, k, targets = softmax_cross_entropy(net), net.backend, np.array([target])
    low, high = np.maximum(x - epsilon, box[0]), np.minimum(x + epsilon, box[1])
    if norm == "l1":
        start, bounds = np.zeros(2 * len(x)), Bounds(0, np.concatenate([high - x, x - low]))
    else:
        start, bounds = x, Bounds(low, high)

    def image(v: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Make x + r from the variables."""
        adversarial = x + v[: len(x)] - v[len(x) :] if norm == "l1" else v
        return np.clip(adversarial, low, high).reshape(1, *net.input_shape)

    def objective(v: npt.NDArray[np.float64], c: float) -> tuple[float, npt.NDArray[np.float64]]:
        """Value and gradient with respect to the variables."""
        trace = net.forward(image(v), stop=loss.layer)
        delta = net.backward(trace, loss.seed(k, trace.y, targets))[INPUT].ravel()
        value = loss.value(k, trace.y, targets)[0]
        if norm == "l1":
            return c * v.sum() + value, c + np.concatenate([delta, -delta])
        return c * (v - x) @ (v - x) + value, 2 * c * (v - x) + delta

    best, c = None, FIRST_C
    succeeds, fails = 0.0, np.inf  # the largest c that succeeds, and the smallest above it that fails
    while fails > PRECISION * succeeds and SMALLEST_C <= c <= LARGEST_C:
        adversarial = image(minimize(objective, start, args=(c,), jac=True, method="L-BFGS-B", bounds=bounds).x)
        scores = net.forward(adversarial, stop=loss.layer).y[0]
        if scores[target] - np.delete(scores, target).max() > kappa:
            best, succeeds = adversarial[0], c
        else:
            fails = c
        if fails == np.inf:
            c = 10 * succeeds
        elif succeeds == 0:
            c = fails / 10
        else:
            c = float(np.sqrt(succeeds * fails))
    return best
