"""Which images a command works on: named on the command line, remembered in the model's file, split in the same way."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnpg.cli.options import Images
from nnpg.data import Dataset, load, stratified_split
from nnpg.files import describe, load_network
from nnpg.network import Network

OWN_SPLIT = ("mnist", "cifar10")  # they come divided into training and test images


@dataclass(frozen=True, eq=False)
class Parts:
    """The training and the test images, what they are parts of, and how many test images are trained on as well."""

    train: Dataset
    test: Dataset
    undivided: Dataset | None = None
    duplicates: int = 0

    @property
    def whole(self) -> Dataset:
        """All images, in the order in which they came."""
        if self.undivided is not None:
            return self.undivided
        x, labels = ([getattr(part, name) for part in (self.train, self.test)] for name in ("x", "labels"))
        name = self.train.name.removesuffix(" train")
        return Dataset(np.concatenate(x), np.concatenate(labels), self.train.class_names, name)


@dataclass(frozen=True)
class Source:
    """Where images come from and how they are divided; what a model's file remembers of its data.

    Parameters
    ----------
    data : str
        As in `nnpg.data.load`.
    data_dir : str, optional
    test_share : float
        Share of images held out for testing; not used for sets that come divided.
    split_seed : int
    """

    data: str
    data_dir: str | None = None
    test_share: float = 0.25
    split_seed: int = 0

    def load(self) -> Parts:
        """Load the images and divide them."""
        if self.data in OWN_SPLIT:
            return Parts(load(self.data, self.data_dir, split="train"), load(self.data, self.data_dir, split="test"))
        whole = load(self.data, self.data_dir)
        split = stratified_split(whole, self.test_share, self.split_seed)
        return Parts(*split.apply(whole), whole, len(split.duplicates(whole)))

    def describe_split(self) -> str:
        """Return how the images are divided, in words."""
        return "its own split" if self.data in OWN_SPLIT else f"stratified split, seed {self.split_seed}"


def fingerprint(dataset: Dataset) -> str:
    """Return a name for these very pixels and labels.

    Examples
    --------
    >>> d = Dataset(np.zeros((1, 1, 2, 2), np.float32), np.array([0]), ("cat",), "pets")
    >>> fingerprint(d) == fingerprint(d.subset([0])), len(fingerprint(d))
    (True, 16)
    """
    digest = hashlib.sha256(np.ascontiguousarray(dataset.x).tobytes())
    digest.update(dataset.labels.astype(np.int64).tobytes())
    return digest.hexdigest()[:16]


def remembered(source: Source, train: Dataset, test: Dataset) -> dict[str, Any]:
    """Return what a model's file says about its data."""
    return asdict(source) | {
        "name": train.name.removesuffix(" train"),
        "classes": list(train.class_names),
        "train_images": len(train),
        "test_images": len(test),
        "train_fingerprint": fingerprint(train),
    }


@dataclass(frozen=True, eq=False)
class Work:
    """A model and the images to ask it about.

    Parameters
    ----------
    net : Network
    images : Dataset
        What the question is about.
    train : Dataset
        What the model was trained on, as far as that is known; else all images.
    """

    net: Network
    images: Dataset
    train: Dataset


def open_model(
    model: Path,
    data: str | None,
    data_dir: Path | None,
    which: Images | None,
    backend: str,
    layers: Sequence[str] | None = None,
) -> Work:
    """Load a model and the images: its own unless others are named.

    Parameters
    ----------
    model, data, data_dir, which, backend
        The options of the commands.
    layers : names, optional
        Outputs that the model must have; that is found out before any image is read.

    Raises
    ------
    ValueError
        If the images do not fit the model, or nothing says which images are meant.
    KeyError
        If the model lacks one of the outputs.
    """
    net = load_network(model, backend)
    for name in layers or ():
        if name not in net.names:
            raise KeyError(f"no output named {name!r}; this network has {', '.join(net.names)}")
    known = _known(describe(model))
    if known is not None and data in (None, known["data"]):
        own, data_dir = True, known["data_dir"] if data_dir is None else data_dir
        source = Source(known["data"], _text(data_dir), known["test_share"], known["split_seed"])
    elif data is not None:
        own, source = False, Source(data, _text(data_dir))
    else:
        raise ValueError(f"{model} does not say what it was trained on: name the images with --data")
    divided = source.data in OWN_SPLIT
    which = which or ("test" if divided else "all")
    if which != "all" and not own and not divided:
        raise ValueError(
            f"--images {which} means the model's own {which} images, but {model} was not trained on {source.data}: "
            "leave --images out"
        )
    parts = source.load()
    if known is not None and own and fingerprint(parts.train) != known["train_fingerprint"]:
        print(f"note: {source.data} has changed since {model} was trained on it", file=sys.stderr)
    images: Dataset = getattr(parts, "whole" if which == "all" else which)
    if net.input_shape != images.image_shape or net.K != images.K:
        takes, found = (" x ".join(map(str, shape)) for shape in (net.input_shape, images.image_shape))
        raise ValueError(
            f"{model} takes images of {takes} in {net.K} classes, but {source.data} has {found} in {images.K}: "
            "name other images with --data"
        )
    return Work(net, images, parts.train if own or divided else parts.whole)


def _text(path: Path | str | None) -> str | None:
    return None if path is None else str(path)


def _known(header: dict[str, Any]) -> dict[str, Any] | None:
    """What `remembered` wrote, if this file's provenance holds it; other programs may write what they like there."""
    provenance = header.get("provenance")
    known = provenance.get("data") if isinstance(provenance, dict) else None
    if not isinstance(known, dict) or not all(holds(known.get(key)) for key, holds in _REMEMBERED.items()):
        return None
    return known


_REMEMBERED: dict[str, Callable[[Any], bool]] = {  # what `open_model` reads of it
    "data": lambda v: isinstance(v, str),
    "data_dir": lambda v: v is None or isinstance(v, str),
    "test_share": lambda v: type(v) in (int, float) and 0 < v < 1,
    "split_seed": lambda v: type(v) is int and 0 <= v < 2**64,
    "train_fingerprint": lambda v: isinstance(v, str),
}
