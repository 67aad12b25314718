"""The images that a command works on: named on the command line, or in the model's file and divided as for training."""

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
from nnpg.data.readers.images import open_image, to_array
from nnpg.files import describe, load_network
from nnpg.network import Network
from nnpg_command import printable
from nnpg_kernels import Array

OWN_SPLIT = ("mnist", "cifar10")  # they come divided into training and test images


@dataclass(frozen=True, eq=False)
class Parts:
    """A data set divided for training and testing.

    Parameters
    ----------
    train, test : Dataset
    undivided : Dataset, optional
        The data set of which they are parts; None where it comes divided.
    duplicates : int
        Number of test images of which an exact copy is among the training images.
    """

    train: Dataset
    test: Dataset
    undivided: Dataset | None = None
    duplicates: int = 0

    @property
    def all(self) -> Dataset:
        """All images, in the order in which they came."""
        if self.undivided is not None:
            return self.undivided
        x, labels = ([getattr(part, name) for part in (self.train, self.test)] for name in ("x", "labels"))
        name = self.train.name.removesuffix(" train")
        return Dataset(np.concatenate(x), np.concatenate(labels), self.train.class_names, name)


@dataclass(frozen=True)
class Source:
    """Where images come from and how they are divided.

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
        undivided = load(self.data, self.data_dir)
        split = stratified_split(undivided, self.test_share, self.split_seed)
        return Parts(*split.apply(undivided), undivided, len(split.duplicates(undivided)))

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


def data_record(source: Source, train: Dataset, test: Dataset) -> dict[str, Any]:
    """Return the entry "data" of a model's provenance: source, split, sizes and fingerprint."""
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
        The images that the command is about.
    train : Dataset
        The images that the model was trained on, where that is known; else all images.
    """

    net: Network
    images: Dataset
    train: Dataset


def open_model(
    model: Path,
    data: str | None,
    data_dir: Path | None,
    part: Images | None,
    backend: str,
    layers: Sequence[str] | None = None,
) -> Work:
    """Load a model and its images: those of its training unless others are named.

    Parameters
    ----------
    model, data, data_dir, part, backend
        The options of the commands.
    layers : names, optional
        Outputs that the model must have; checked before any image is read.

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
        is_own, data_dir = True, known["data_dir"] if data_dir is None else data_dir
        source = Source(known["data"], _text(data_dir), known["test_share"], known["split_seed"])
    elif data is not None:
        is_own, source = False, Source(data, _text(data_dir))
    else:
        raise ValueError(f"{model} does not say what it was trained on: name the images with --data")
    divided = source.data in OWN_SPLIT
    part = part or ("test" if divided else "all")
    if part != "all" and not is_own and not divided:
        raise ValueError(
            f"--images {part} means the model's own {part} images, but {model} was not trained on {source.data}: "
            "leave --images out"
        )
    parts = source.load()
    if known is not None and is_own and fingerprint(parts.train) != known["train_fingerprint"]:
        print(f"note: {source.data} has changed since {model} was trained on it", file=sys.stderr)
    images: Dataset = getattr(parts, part)
    if net.input_shape != images.image_shape or net.K != images.K:
        expected, actual = (" x ".join(map(str, shape)) for shape in (net.input_shape, images.image_shape))
        raise ValueError(
            f"{model} takes images of {expected} in {net.K} classes, but {source.data} has {actual} in {images.K}: "
            "name other images with --data"
        )
    return Work(net, images, parts.train if is_own or divided else parts.all)


@dataclass(frozen=True, eq=False)
class Picture:
    """A model and one image to ask it about.

    Parameters
    ----------
    net : Network
    x : array (1, *net.input_shape)
    label : int or None
        Its class, where that is known.
    class_names : strings
    words : str
        Which image it is.
    """

    net: Network
    x: Array
    label: int | None
    class_names: tuple[str, ...]
    words: str


def open_picture(
    model: Path, image: str, data: str | None, data_dir: Path | None, part: Images | None, backend: str
) -> Picture:
    """Load a model and one image: a number among those of `open_model`, or a picture's file, resized to fit.

    Raises
    ------
    ValueError
        If there is no image of this number, or a file is named for a model that takes no pictures.
    """
    if not (image.isascii() and image.isdigit()):
        net = load_network(model, backend)
        if len(net.input_shape) != 3 or net.input_shape[0] not in (1, 3):
            raise ValueError(
                f"{model} takes no picture, but inputs of shape {net.input_shape}: name an image by number"
            )
        opened = open_image(Path(image), grey=net.input_shape[0] == 1)
        x = to_array(opened, net.input_shape[1:])[None]
        H, W = net.input_shape[1:]
        is_resized = (opened.height, opened.width) != (H, W)
        sizes = f", {opened.width} x {opened.height} pixels resized to {W} x {H}" if is_resized else ""
        words = f"image {printable(image)}{sizes}"
        return Picture(net, x, None, _class_names(describe(model), net.K), words)
    work = open_model(model, data, data_dir, part, backend)
    n, count = int(image[:12]), len(work.images)
    if n >= count:
        raise ValueError(f"--image must be a number 0 .. {count - 1} or a picture's file, not {image[:80]}")
    label, names = int(work.images.labels[n]), work.images.class_names
    return Picture(work.net, work.images.x[n : n + 1], label, names, f"image {n}, of class {names[label]}")


def _class_names(header: dict[str, Any], K: int) -> tuple[str, ...]:
    """Return the names of the classes that a file's provenance holds, or their numbers."""
    known = _known(header)
    names = known.get("classes") if known is not None else None
    if isinstance(names, list) and len(names) == K and all(isinstance(name, str) for name in names):
        return tuple(names)
    return tuple(map(str, range(K)))


def _text(path: Path | str | None) -> str | None:
    return None if path is None else str(path)


def _known(header: dict[str, Any]) -> dict[str, Any] | None:
    """Return what `data_record` wrote into a file's provenance, or None: other programs may have written anything."""
    provenance = header.get("provenance")
    known = provenance.get("data") if isinstance(provenance, dict) else None
    if not isinstance(known, dict) or not all(holds(known.get(key)) for key, holds in _RECORD.items()):
        return None
    return known


_RECORD: dict[str, Callable[[Any], bool]] = {  # the values that `open_model` reads
    "data": lambda v: isinstance(v, str),
    "data_dir": lambda v: v is None or isinstance(v, str),
    "test_share": lambda v: type(v) in (int, float) and 0 < v < 1,
    "split_seed": lambda v: type(v) is int and 0 <= v < 2**64,
    "train_fingerprint": lambda v: isinstance(v, str),
}
