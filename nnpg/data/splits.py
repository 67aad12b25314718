"""Random splits into training and test images, and identical images on both sides of a split."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnpg.data.dataset import DataError, Dataset
from nnpg.support.arguments import as_array, as_generator, as_instance, as_number, as_numbers, described


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of the training images and of the test images.

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

    def duplicates(self, dataset: Dataset) -> list[tuple[int, int]]:
        """Return the test images that equal a training image, as pairs (training index, test index).

        Such an image tests nothing, since the network was trained on it. If several training images equal it, the
        pair names the first.

        Examples
        --------
        >>> d = Dataset(np.zeros((2, 1, 2, 2), np.float32), np.array([0, 0]), ("a",), "pets")
        >>> Split(np.array([1]), np.array([0])).duplicates(d)
        [(1, 0)]
        """
        digests = _digests(dataset)
        first: dict[bytes, int] = {}
        for i in self.train_indices:
            first.setdefault(digests[i], int(i))
        return [(first[digests[i]], int(i)) for i in self.test_indices if digests[i] in first]


def stratified_split(labels: Dataset | ArrayLike, test: float = 0.25, rng: int | np.random.Generator = 0) -> Split:
    """Split at random, with the same share of test images in every class, as far as the total allows.

    The test set holds exactly round(test * N) images. Each class gives its quota, rounded down. The images that are
    then still missing come from the classes with the largest remainders, one from each; ties are broken at random.
    So 165 images of 15 classes at 0.25 give 41 test images: 2 or 3 from each class.

    Parameters
    ----------
    labels : Dataset or N integers
    test : float
        Share of test images, between 0 and 1.
    rng : int or numpy.random.Generator
        Draws the test images.

    Raises
    ------
    DataError
        If a side would be empty, or a class has only one image, which cannot be on both sides.

    Examples
    --------
    >>> split = stratified_split(np.repeat(np.arange(15), 11))
    >>> len(split.train_indices), len(split.test_indices)
    (124, 41)
    """
    labels, rng = _as_labels(labels), as_generator(rng)
    n_test = _test_count(len(labels), test)
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        raise DataError(
            f"a stratified split needs at least 2 images of each class, found 1 of class "
            f"{classes[counts.argmin()]}; add images or use random_split"
        )
    quotas, remainders = np.divmod(n_test * counts, len(labels))
    largest = np.lexsort((rng.random(len(classes)), -remainders))[: n_test - quotas.sum()]
    quotas[largest] += 1
    chosen = [
        rng.choice(np.flatnonzero(labels == c), quota, replace=False) for c, quota in zip(classes, quotas, strict=True)
    ]
    return _split(len(labels), np.concatenate(chosen))


def random_split(labels: Dataset | ArrayLike, test: float = 0.25, rng: int | np.random.Generator = 0) -> Split:
    """Split at random, whatever the classes; the test set holds exactly round(test * N) images.

    Parameters
    ----------
    labels, test, rng
        As in `stratified_split`.

    Raises
    ------
    DataError
        If a side would be empty.

    Examples
    --------
    >>> len(random_split([0, 0, 1, 1], test=0.5).test_indices)
    2
    """
    N, rng = len(_as_labels(labels)), as_generator(rng)
    n_test = _test_count(N, test)
    return _split(N, rng.permutation(N)[:n_test])


def find_duplicates(dataset: Dataset) -> list[tuple[int, int]]:
    """Return the images that equal an earlier one, pixel for pixel, as pairs (first such image, copy).

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
    >>> find_duplicates(Dataset(x, np.zeros(4, np.int64), ("a",), "dots"))
    [(0, 2), (0, 3)]
    """
    first: dict[bytes, int] = {}
    pairs = ((first.setdefault(digest, i), i) for i, digest in enumerate(_digests(dataset)))
    return [(i, j) for i, j in pairs if i != j]


def _digests(dataset: Dataset) -> list[bytes]:
    dataset = as_instance(dataset, Dataset, "dataset")
    return [hashlib.sha256(image.tobytes()).digest() for image in dataset.x]


def _as_labels(labels: Dataset | ArrayLike) -> NDArray[np.int64]:
    array = as_array(labels.labels if isinstance(labels, Dataset) else labels, "labels", "a Dataset or N whole numbers")
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(f"labels must be a Dataset or N whole numbers, not {described(array)}")
    return array.astype(np.int64)


def _test_count(N: int, test: float) -> int:
    n_test = round(as_number(test, "test") * N)
    if not 0 < n_test < N:
        raise DataError(f"a split needs images on both sides: a share of {test} of {N} images is {n_test} test images")
    return n_test


def _split(N: int, test_indices: NDArray[np.int64]) -> Split:
    test_indices = np.sort(test_indices).astype(np.int64)
    return Split(np.setdiff1d(np.arange(N, dtype=np.int64), test_indices), test_indices)
