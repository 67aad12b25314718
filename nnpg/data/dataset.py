"""A data set: images, their labels, and what is known about each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnpg.support.arguments import as_array, as_names, as_sequence, as_text, as_units, as_whole, described


class DataError(ValueError):
    """A data file is missing or wrong. The message names the file, what was expected and what was found."""


LONGEST_NAME = 100  # characters of the name of a class


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images.

    Parameters
    ----------
    x : array (N, C, H, W), float32
        Pixels in [0, 1].
    labels : array (N,), int64
        Class of each image, 0 .. K-1.
    class_names : K strings
        All different, each of 1 to 100 characters that can be printed.
    name : str
        Name of the set: "faces", "yale", "mnist test", ...
    conditions : N strings, optional
        The condition of each image: "leftlight", "glasses", ...
    masks : array (K, H, W), bool, optional
        Pixels of the planted feature of each class; known only for built-in faces.
    features : K strings, optional
        Planted feature of each class: "widow's peak", ...; known only for built-in faces.

    Raises
    ------
    DataError
        If the arrays do not fit each other.

    Examples
    --------
    >>> d = Dataset(np.zeros((3, 1, 2, 2), np.float32), np.array([0, 1, 1]), ("cat", "dog"), "pets")
    >>> len(d), d.K, d.image_shape
    (3, 2, (1, 2, 2))
    >>> d.subset(d.labels == 1)
    Dataset 'pets': 2 images of 1 x 2 x 2, 2 classes
    """

    x: NDArray[np.float32]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    name: str
    conditions: tuple[str, ...] | None = None
    masks: NDArray[np.bool_] | None = None
    features: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        as_text(self.name, "name")
        for field, expected in (("x", "an array (N, C, H, W)"), ("labels", "an array (N,)")):
            object.__setattr__(self, field, as_array(getattr(self, field), field, expected))
        for field in ("class_names", "conditions", "features"):
            if field == "class_names" or getattr(self, field) is not None:
                as_sequence(getattr(self, field), field, "strings")
        if self.x.ndim != 4 or self.x.dtype != np.float32:
            raise DataError(
                f"{self.name}: images must be a float32 array (N, C, H, W), not {self.x.dtype} {self.x.shape}"
            )
        if self.labels.shape != (len(self.x),) or not np.issubdtype(self.labels.dtype, np.integer):
            raise DataError(
                f"{self.name}: {len(self.x)} images need {len(self.x)} integer labels, "
                f"not {self.labels.dtype} {self.labels.shape}"
            )
        _check_names(self.name, self.class_names)
        if len(self.labels) and (self.labels.min() < 0 or self.labels.max() >= self.K):
            raise DataError(
                f"{self.name}: labels must lie in 0 .. {self.K - 1} ({self.K} class names), "
                f"found {self.labels.min()} .. {self.labels.max()}"
            )
        if self.conditions is not None and len(self.conditions) != len(self.x):
            raise DataError(f"{self.name}: {len(self.x)} images but {len(self.conditions)} conditions")
        for field, names, count in (("conditions", self.conditions, len(self.x)), ("features", self.features, self.K)):
            if names is not None:
                as_names(names, field, count)
        if self.masks is not None:
            masks, shape = as_units(self.masks, "masks"), (self.K, *self.x.shape[2:])
            if masks.shape != shape:
                raise DataError(f"{self.name}: masks must be a bool array {shape}, not {described(masks)}")

    @property
    def K(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        C, H, W = self.x.shape[1:]
        return C, H, W

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.image_shape))
        return f"Dataset {self.name!r}: {len(self)} images of {shape}, {self.K} classes"

    def subset(self, images: NDArray[Any] | Sequence[int], name: str | None = None) -> Dataset:
        """Return a data set of some of the images.

        Parameters
        ----------
        images : whole numbers, or N of True and False
            Indices of the images, in the order of the result; or a mask.
        name : str, optional
            Name of the result; this set's name unless given.
        """
        indices = self._indices(images)
        name = None if name is None else as_text(name, "name")
        conditions = None if self.conditions is None else tuple(self.conditions[i] for i in indices)
        return replace(
            self, x=self.x[indices], labels=self.labels[indices], conditions=conditions, name=name or self.name
        )

    def _indices(self, images: NDArray[Any] | Sequence[int]) -> NDArray[np.intp]:
        N = len(self)
        array = as_array(images, "images", f"indices 0 .. {N - 1}, or {N} of True and False")
        if array.dtype == bool and array.shape == (N,):
            return np.flatnonzero(array)
        if array.size == 0 and array.ndim == 1:
            return np.zeros(0, np.intp)
        return as_whole(array, "images", "indices", ndim=1, least=0, most=N - 1).astype(np.intp)


def _check_names(name: str, class_names: Sequence[str]) -> None:
    """Refuse class names that are not strings, empty, too long, not printable (control sequences), or used twice."""
    classes: dict[str, int] = {}
    for c, text in enumerate(class_names):
        if not isinstance(text, str):
            raise DataError(f"{name}: class {c} has the name {text!r}, which is a {type(text).__name__}: use a string")
        shown = ascii(text if len(text) <= LONGEST_NAME else f"{text[:20]}...")
        if not text.strip():
            raise DataError(f"{name}: class {c} has an empty name: give it one")
        if len(text) > LONGEST_NAME:
            raise DataError(
                f"{name}: the name of class {c}, {shown}, has {len(text)} characters; {LONGEST_NAME} are allowed"
            )
        if not text.isprintable() or text != text.strip():
            raise DataError(
                f"{name}: the name of class {c}, {shown}, holds characters that cannot be printed, or starts or ends "
                "with a space: change it"
            )
        if text in classes:
            raise DataError(f"{name}: classes {classes[text]} and {c} have the same name, {shown}: rename one of them")
        classes[text] = c
