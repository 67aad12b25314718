"""Images for Szegedy's networks: MNIST as rows of pixels, and random parts of it."""

from __future__ import annotations

import numpy as np

from experiments.data_sets import noted
from nnpg.data import Dataset, faces, load, stratified_split
from nnpg_kernels import Array


def digits(dataset: str, data_dir: str | None) -> tuple[Dataset, Dataset]:
    """Return training and test images: MNIST, or for the smoke scale a few built-in faces ("faces") of its size."""
    if dataset == "mnist":
        train, test = load("mnist", data_dir), load("mnist", data_dir, split="test")
        return noted(train, "mnist", "train"), noted(test, "mnist", "test")
    few = noted(faces(identities=4, size=28), "faces")
    return stratified_split(few).apply(few)


def as_rows(data: Dataset) -> Array:
    """Return the images as rows of pixels (N, m)."""
    return data.x.reshape(len(data), -1)


def random_images(data: Dataset, N: int, seed: int) -> tuple[Array, Array]:
    """Return N random images as rows, and their labels; all of them, in order, for N = 0."""
    indices = np.random.default_rng(seed).permutation(len(data))[:N] if N else np.arange(len(data))
    return as_rows(data)[indices], data.labels[indices]


def part_of(N: int, part: str, seed: int) -> Array:
    """Return the indices of "all" of N images, or of one of the seed's two random halves "P1" and "P2" (4.2)."""
    order = np.random.default_rng(seed).permutation(N)
    return np.sort({"all": order, "P1": order[: N // 2], "P2": order[N // 2 :]}[part])
