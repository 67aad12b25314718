"""Which data sets a run reads: a fingerprint of each, for the record of the result."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import numpy as np

from nnpg.data import Dataset

NOT_PASSED_ON = ("yale",)  # the licence of the Yale faces forbids it: no record holds a picture that shows one
CIFAR10 = "cifar10"
CIFAR10_NOTE = (
    "This project's printed numbers on CIFAR-10 come from a copy that is re-compressed (JPEG) and reshuffled. A true "
    "copy gives other numbers."
)


class Fingerprint(NamedTuple):
    """A data set, as a record names it."""

    name: str
    images: int
    sha256: str  # of its arrays


_read: ContextVar[dict[tuple[Hashable, ...], Fingerprint] | None] = ContextVar("data_sets_of_a_run", default=None)


@contextmanager
def data_sets_recorded() -> Iterator[dict[tuple[Hashable, ...], Fingerprint]]:
    """Record the data sets that are noted inside. Sets that other processes read are not recorded.

    Examples
    --------
    >>> from nnpg.data import faces
    >>> with data_sets_recorded() as data_sets:
    ...     data = noted(faces(identities=2), "two faces")
    >>> [(data_set.name, data_set.images) for data_set in data_sets.values()]
    [('faces', 22)]
    """
    data_sets: dict[tuple[Hashable, ...], Fingerprint] = {}
    token = _read.set(data_sets)
    try:
        yield data_sets
    finally:
        _read.reset(token)


def noted(data: Dataset, *request: Hashable) -> Dataset:
    """Note a data set for the record of the run, and return it.

    `request` is what it was asked for by: the fingerprint of the same request is computed once in a run.
    """
    data_sets = _read.get()
    if data_sets is not None and request not in data_sets:
        data_sets[request] = Fingerprint(data.name, len(data), fingerprint(data))
    return data


def fingerprint(data: Dataset) -> str:
    """Return the SHA-256 of a data set's arrays: images, labels and masks, each with its type and shape.

    Examples
    --------
    >>> data = Dataset(np.zeros((1, 1, 2, 2), np.float32), np.array([0]), ("a", "b"), "grey")
    >>> fingerprint(data)[:8], len(fingerprint(data))
    ('6bbc36ba', 64)
    """
    digest = hashlib.sha256()
    for name, array in (("x", data.x), ("labels", data.labels), ("masks", data.masks)):
        if array is not None:
            plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            digest.update(f"{name} {plain.dtype.str} {plain.shape}\n".encode())
            digest.update(plain.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def not_passed_on(name: str) -> bool:
    """Return whether a data set of this name, with what was chosen of it, may not be passed on.

    Examples
    --------
    >>> not_passed_on("yale test"), not_passed_on("mnist")
    (True, False)
    """
    return name.split()[0] in NOT_PASSED_ON


def notes_on(data_sets: list[Fingerprint]) -> list[str]:
    """Return what a reader of results on these data sets must know of them."""
    return [CIFAR10_NOTE] if any(data_set.name.split()[0] == CIFAR10 for data_set in data_sets) else []
