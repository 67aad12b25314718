"""Measures of an attack: target_success, error, distortion, confidence. Shares come with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from nnpg.analysis.statistics import Interval, wilson
from nnpg.support.arguments import as_labels, as_numbers, as_whole


def target_success(predicted: npt.ArrayLike, targets: npt.ArrayLike) -> Interval:
    """Return the share of predictions that are the target, with its Wilson interval; n is the number of predictions.

    Examples
    --------
    >>> [round(v, 2) for v in target_success([3, 3, 1, 0], [3, 3, 3, 3])]
    [0.5, 0.15, 0.85]
    """
    same = np.equal(*_classes(predicted, targets, "targets"))
    return wilson(int(same.sum()), same.size)


def error(predicted: npt.ArrayLike, labels: npt.ArrayLike) -> Interval:
    """Return the share of predictions that are not the label, with its Wilson interval.

    Examples
    --------
    >>> error([3, 3, 1, 0], [3, 3, 1, 1]).value
    0.25
    """
    wrong = np.not_equal(*_classes(predicted, labels, "labels"))
    return wilson(int(wrong.sum()), wrong.size)


def distortion(x: npt.ArrayLike, adversarial: npt.ArrayLike) -> NDArray[np.float64]:
    """Return the root mean square of the change over all pixels of each image (N,), in units of the pixels.

        sqrt(sum (x' - x)^2 / m)            (Szegedy et al. 2013, section 4.2)

    Examples
    --------
    >>> distortion(np.zeros((1, 1, 2, 2)), np.full((1, 1, 2, 2), 0.1)).round(3)
    array([0.1])
    """
    a = as_numbers(x, "x", "images (N, ...)", finite=True).astype(np.float64)
    b = as_numbers(adversarial, "adversarial", "images (N, ...)", finite=True).astype(np.float64)
    if a.shape != b.shape or a.ndim == 0:
        raise ValueError(f"x and adversarial must be images of one shape (N, ...), not {a.shape} and {b.shape}")
    r = b - a
    return np.asarray(np.sqrt((r * r).reshape(len(r), -1).mean(axis=1)))


def confidence(y: npt.ArrayLike, classes: npt.ArrayLike) -> NDArray[np.float64]:
    """Return the network's output for one class of each image (N,), out of its outputs (N, K).

    Examples
    --------
    >>> confidence([[0.9, 0.1], [0.2, 0.8]], [0, 0])
    array([0.9, 0.2])
    """
    y = as_numbers(y, "y", "an array (N, K)", ndim=2)
    t = as_labels(classes, len(y), y.shape[1], "classes")
    return np.asarray(np.take_along_axis(y, t[:, None], axis=1)[:, 0])


def _classes(predicted: npt.ArrayLike, classes: npt.ArrayLike, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Predictions and what they are compared with, of one shape."""
    p, t = (as_whole(c, n, "an array of classes,", least=0) for c, n in ((predicted, "predicted"), (classes, name)))
    if t.ndim and p.shape != t.shape:  # (N,) and (N, 1) would make a table of N x N comparisons
        raise ValueError(f"predicted and {name} must be of one shape, not {p.shape} and {t.shape}")
    return p, t
