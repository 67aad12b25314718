"""Seeded splits into training and test images, and the identical images that straddle them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnpg.data.dataset import DataError, Dataset
from nnpg.support.arguments import as_array, as_count, as_instance, as_number, as_numbers, described


@dataclass(frozen=True, eq=False)
class Split:
    """Which images train and which test.

    Parameters
    ----------
    train_indices, test_indices : int64 arrays
        Positions in the data set, ascending, without overlap.

    Raises
    ------
    DataError
        If an image is on both sides, or twice on one.

    Examples
    --------
    >>> d = Dataset(np.zeros((4, 1, 2, 2), np.float32), np.array([0, 1, 0, 1]), ("a", "b"), "pets")
    >>> Split(np.array([0, 1]), np.array([2, 3])).apply(d)
    (Dataset 'pets train': 2 images of 1 x 2 x 2, 2 classes, Dataset 'pets test': 2 images of 1 x 2 x 2, 2 classes)
    """

    train_indices: NDArray[np.int64]
    test_indices: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("train_indices", "test_indices"):
            indices = as_numbers(getattr(self, name), f"a split: {name}", "indices (n,)", ndim=1)
            if indices.size and (indices.dtype.kind not in "iu" or indices.min() < 0):
                raise ValueError(f"a split: {name} must be whole numbers of at least 0, not {described(indices)}")
            object.__setattr__(self, name, indices.astype(np.int64, copy=False))
        both = np.concatenate([self.train_indices, self.test_indices])
        if len(np.unique(both)) != len(both):
            raise DataError("a split must hold each image once, found one twice")

    def apply(self, dataset: Dataset) -> tuple[Dataset, Dataset]:
        """Return the training and the test set."""
        dataset = as_instance(dataset, Dataset, "dataset")
        return (
            dataset.subset(self.train_indices, f"{dataset.name} train"),
            dataset.subset(self.test_indices, f"{dataset.name} test"),
        )

    def straddling(self, dataset: Dataset) -> list[tuple[int, int]]:
        """Test images of which an exact copy is trained on: pairs (training index, test index).

        Such an image is no test: the network has seen it. Where several training images equal
        it, the first is named.

        Examples
        --------
        >>> d = Dataset(np.zeros((2, 1, 2, 2), np.float32), np.array([0, 0]), ("a",), "pets")
        >>> Split(np.array([1]), np.array([0])).straddling(d)
        [(1, 0)]
        """
        digests = _digests(dataset)
        trained: dict[bytes, int] = {}
        for i in self.train_indices:
            trained.setdefault(digests[i], int(i))
        return [(trained[digests[i]], int(i)) for i in self.test_indices if digests[i] in trained]


def stratified_split(labels: Dataset | ArrayLike, test: float = 0.25, seed: int = 0) -> Split:
    """Split at random, with each class's share of the test images as equal as the total allows.

    The test set holds exactly round(test * N) images. Each class gives its quota rounded down; what
    is then still missing comes one image each from the classes with the largest remainders, ties drawn by
    the seed. So 165 images of 15 classes at 0.25 give 41 test images: 2 or 3 from each class.

    Parameters
    ----------
    labels : Dataset or N integers
    test : float
        Share of test images, between 0 and 1.
    seed : int

    Raises
    ------
    DataError
        If a side would be empty, or a class has a single image (it cannot be trained on and tested).

    Examples
    --------
    >>> split = stratified_split(np.repeat(np.arange(15), 11))
    >>> len(split.train_indices), len(split.test_indices)
    (124, 41)
    """
    classes = _labels(labels)
    n_test, seed = _test_count(len(classes), test), as_count(seed, "seed", least=0)
    values, counts = np.unique(classes, return_counts=True)
    if counts.min() < 2:
        raise DataError(
            f"a stratified split needs at least 2 images of each class, found 1 of class "
            f"{values[counts.argmin()]}; add images or use random_split"
        )
    rng = np.random.default_rng(seed)
    quotas, remainders = np.divmod(n_test * counts, len(classes))
    lucky = np.lexsort((rng.random(len(values)), -remainders))[: n_test - quotas.sum()]
    quotas[lucky] += 1
    chosen = [
        rng.choice(np.flatnonzero(classes == value), quota, replace=False)
        for value, quota in zip(values, quotas, strict=True)
    ]
    return _split(len(classes), np.concatenate(chosen))


def random_split(labels: Dataset | ArrayLike, test: float = 0.25, seed: int = 0) -> Split:
    """Split at random without regard to classes; the test set holds exactly round(test * N) images.

    Parameters
    ----------
    labels : Dataset or N integers
    test : float
        Share of test images, between 0 and 1.
    seed : int

    Raises
    ------
    DataError
        If a side would be empty.

    Examples
    --------
    >>> len(random_split([0, 0, 1, 1], test=0.5).test_indices)
    2
    """
    N, seed = len(_labels(labels)), as_count(seed, "seed", least=0)
    return _split(N, np.random.default_rng(seed).permutation(N)[: _test_count(N, test)])


def find_twins(dataset: Dataset) -> list[tuple[int, int]]:
    """Images that equal an earlier one, pixel for pixel: pairs (the first such image, the copy).

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    list of (int, int)
        Ordered by the copy's position; an image with three copies gives three pairs.

    Examples
    --------
    >>> x = np.array([0, 1, 0, 0], np.float32).reshape(4, 1, 1, 1)
    >>> find_twins(Dataset(x, np.zeros(4, np.int64), ("a",), "dots"))
    [(0, 2), (0, 3)]
    """
    first: dict[bytes, int] = {}
    pairs = ((first.setdefault(digest, i), i) for i, digest in enumerate(_digests(dataset)))
    return [(i, j) for i, j in pairs if i != j]


def _digests(dataset: Dataset) -> list[bytes]:
    dataset = as_instance(dataset, Dataset, "dataset")
    return [hashlib.sha256(image.tobytes()).digest() for image in dataset.x]


def _labels(labels: Dataset | ArrayLike) -> NDArray[np.int64]:
    found = as_array(labels.labels if isinstance(labels, Dataset) else labels, "labels", "a Dataset or N whole numbers")
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise DataError(f"labels must be a Dataset or N whole numbers, not {described(found)}")
    return found.astype(np.int64)


def _test_count(N: int, test: float) -> int:
    n_test = round(as_number(test, "test") * N)
    if not 0 < n_test < N:
        raise DataError(f"a split needs images on both sides: a share of {test} of {N} images is {n_test} test images")
    return n_test


def _split(N: int, test_indices: NDArray[np.int64]) -> Split:
    test_indices = np.sort(test_indices).astype(np.int64)
    return Split(np.setdiff1d(np.arange(N, dtype=np.int64), test_indices), test_indices)
