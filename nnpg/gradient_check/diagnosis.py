"""The likely cause of a wrong gradient, from the pattern of its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]


def likely_cause(analytic: Values, numeric: Values, images: int = 0) -> str:
    """Describe the mistake that turns the right gradient `numeric` into `analytic`.

    Parameters
    ----------
    analytic : array
        Result of backward or gradients.
    numeric : array of the same shape
        Measured values; NaN where nothing was measured.
    images : int
        N, by which a mean in the place of a sum is recognised.

    Examples
    --------
    >>> right = np.array([[1.0, 2.0], [3.0, 5.0]])
    >>> likely_cause(-right, right)
    'the sign is flipped'
    >>> likely_cause(right.T, right)
    'transposed: axes 0 and 1 are swapped'
    >>> likely_cause(right / 4, right, images=4)
    'a constant factor 0.25: a mean over the 4 images where a sum belongs'
    """
    if not np.isfinite(analytic).all():
        return "NaN or infinity: a division by 0, a logarithm of 0 or an overflow"
    measured = np.isfinite(numeric)
    if not measured.any():
        return "nothing could be measured: forward returns NaN or infinity nearby"
    scale = np.abs(numeric[measured]).max(initial=0)
    wrong = measured & (np.abs(analytic - np.where(measured, numeric, 0)) > 1e-5 * scale)
    if not wrong.any():
        return "every entry is right to 1e-5: a loss of precision, perhaps by float32"

    def same(a: Values) -> bool:
        return bool(np.allclose(a[measured], numeric[measured], rtol=1e-5, atol=1e-5 * scale))

    if not analytic.any():
        return "it is 0 everywhere: a term is missing, or delta is never used"
    if scale == 0:
        return "it should be 0: the output does not depend on this array"
    if same(-analytic):
        return "the sign is flipped"
    factor = float((analytic[measured] * numeric[measured]).sum() / (numeric[measured] ** 2).sum())
    if factor and same(analytic / factor):
        return _factor(factor, images)
    shift = float((analytic - numeric)[measured].mean())
    if same(analytic - shift):
        return f"{shift:.6g} is added to every entry: a sum that begins with ones, or a term too many"
    for words, turn in _rearrangements(analytic.ndim):
        turned = turn(analytic)
        if turned.shape == analytic.shape and same(turned):
            return words
    inside = wrong[..., 1:-1, 1:-1] if analytic.ndim >= 3 else wrong
    if inside.size and not inside.any():
        return "wrong only at the border: padding, or the last window, is off by one"
    count = f"{wrong.sum()} of {measured.sum()} entries are wrong"
    if not analytic[wrong].any():
        return f"{count}, all of them 0: a term is missing there"
    if same(np.where(wrong, -analytic, analytic)):
        return f"{count}, by their sign"
    return f"{count}: no known pattern; a term is missing or has the wrong sign"


def _factor(c: float, images: int) -> str:
    words = f"a constant factor {c:.6g}"
    if images > 1 and np.isclose(c, 1 / images, rtol=1e-4):
        return f"{words}: a mean over the {images} images where a sum belongs"
    if images > 1 and np.isclose(c, images, rtol=1e-4):
        return f"{words}: 1/N with N = {images} is missing, or images are counted twice"
    if c > 0 and np.isclose(1 / c, round(1 / c), rtol=1e-4):
        return f"{words} = 1/{round(1 / c)}: a mean where a sum belongs, or a missing factor"
    return f"{words}: a factor is missing, doubled or inverted"


def _rearrangements(ndim: int) -> Iterator[tuple[str, Callable[[Values], Values]]]:
    if ndim >= 2:
        yield "flipped in its last two axes: convolution mixed up with cross-correlation", lambda a: a[..., ::-1, ::-1]
    for i in range(ndim):
        for j in range(i + 1, ndim):
            yield f"transposed: axes {i} and {j} are swapped", lambda a, i=i, j=j: a.swapaxes(i, j)  # type: ignore[misc]
    for i in range(ndim):
        yield f"reversed along axis {i}", lambda a, i=i: np.flip(a, i)  # type: ignore[misc]
        for by in (1, -1):
            yield f"shifted along axis {i}: off by one", lambda a, i=i, by=by: np.roll(a, by, i)  # type: ignore[misc]
