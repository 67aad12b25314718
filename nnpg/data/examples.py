"""Which image stands for its class in a figure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnpg.data.dataset import Dataset


def one_of_each(data: Dataset, condition: str = "normal") -> NDArray[np.intp]:
    """Return the index of one image of each class, (K,): the first, in that condition where conditions are known.

    Raises
    ------
    ValueError
        If a class has no such image.

    Examples
    --------
    >>> x = np.zeros((4, 1, 2, 2), np.float32)
    >>> one_of_each(Dataset(x, np.array([1, 0, 0, 1]), ("a", "b"), "d"))
    array([1, 0])
    >>> one_of_each(Dataset(x, np.array([1, 0, 0, 1]), ("a", "b"), "d", ("happy", "happy", "normal", "normal")))
    array([2, 3])
    """
    fits = np.ones(len(data), bool) if data.conditions is None else np.array(data.conditions) == condition
    found = [np.flatnonzero(fits & (data.labels == c)) for c in range(data.K)]
    without = [name for name, own in zip(data.class_names, found, strict=True) if not len(own)]
    if without:
        raise ValueError(f"{data.name} has no {condition} image of {without[0]}")
    return np.array([own[0] for own in found])
