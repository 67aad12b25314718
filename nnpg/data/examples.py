"""One image per class, for figures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnpg.data.dataset import Dataset


def one_of_each(data: Dataset, condition: str = "normal") -> NDArray[np.intp]:
    """Return the index of one image per class, (K,): the first one that has this condition.

    Parameters
    ----------
    data : Dataset
    condition : str
        Not used if the data set has no conditions.

    Raises
    ------
    ValueError
        If a class has no image in this condition.

    Examples
    --------
    >>> x = np.zeros((4, 1, 2, 2), np.float32)
    >>> one_of_each(Dataset(x, np.array([1, 0, 0, 1]), ("a", "b"), "d"))
    array([1, 0])
    >>> one_of_each(Dataset(x, np.array([1, 0, 0, 1]), ("a", "b"), "d", ("happy", "happy", "normal", "normal")))
    array([2, 3])
    """
    fits = np.ones(len(data), bool) if data.conditions is None else np.array(data.conditions) == condition
    images = [np.flatnonzero(fits & (data.labels == c)) for c in range(data.K)]
    missing = [name for name, indices in zip(data.class_names, images, strict=True) if not len(indices)]
    if missing:
        raise ValueError(f"{data.name} has no {condition} image of {missing[0]}")
    return np.array([indices[0] for indices in images])
