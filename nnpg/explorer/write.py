"""`explore`: a model, images and the page's own scripts in one file of HTML, which `read_page` reads again."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import zlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from nnpg.explorer.bundle import bundled
from nnpg.explorer.document import MOST_IMAGES, document_text, explorer_document, packed
from nnpg.files import writable, write_file
from nnpg.network import Network, as_network
from nnpg.prediction import predict
from nnpg.support.arguments import as_count, as_labels, as_path, as_text
from nnpg.support.network_arguments import as_images

MEGABYTE = 1_000_000
ROOM = 700_000  # bytes for images, of a page of a megabyte: the rest is the scripts and a small network
PER_IMAGE = 3_000  # bytes of an image's digests and its least distortion
SURE = 0.8  # the page opens with an answer about as sure: at 1.0 no filter and no pixel changes it much


def explore(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    path: str | Path,
    *,
    class_names: Any = None,
    title: str = "network",
    attack: bool = True,
    progress: bool | None = None,
) -> Path:
    """Write a page that computes a network's three passes in the browser, for a lecture or an evening alone.

    It shows each output, delta and gradient with its arithmetic, and lets one knock out filters, follow terms, move
    numbers, train a step and fool the network. It is one file, which opens from a disk, and loads and sends nothing.

    Parameters
    ----------
    net : Network
        Of nnpg's own layers, with at most 5,000,000 parameters.
    x : array (N, *net.input_shape)
        1 to 45 images; `images_of_page` chooses some of a data set.
    labels : array (N,)
    path : path
        A .html file, written whole or not at all.
    class_names : K strings, optional
        "class 0", "class 1" and so on unless given.
    title : str
    attack : bool
        Also search for the least distortion of each image, by `minimal_distortion` with effort "rough", which takes
        most of the time.
    progress : bool, optional
        Draw a progress bar; by default, only on a terminal.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the page cannot compute the network, images, labels or names do not fit it, or `path` is no .html file.

    Examples
    --------
    >>> import tempfile, nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
    ...                  input_shape=(1, 5, 5), rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = explore(net, np.zeros((2, 1, 5, 5)), [0, 1], Path(folder) / "net.html", attack=False, progress=False)
    ...     "default-src 'none'" in page.read_text(encoding="utf-8")
    True
    """
    path, title, net = as_path(path, "path"), as_text(title, "title"), as_network(net).undrawn()
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"the explorer is written as .html, not as {path.name!r}")
    writable(path)
    document = explorer_document(net, x, labels, class_names, attack=attack, progress=progress)
    first = _first_image(net, as_images(net, x), as_labels(labels, len(document["labels"]), net.K))
    text = page_text(document, title, first)
    if len(text) > MEGABYTE:  # the changes as pictures are left out, their sizes stay
        shorter = [None if found is None else found | {"change": None} for found in document["found"]]
        text = page_text(document | {"found": shorter}, title, first)
    return write_file(path, text.encode())


def page_text(document: dict[str, Any], title: str, first: int = 0) -> str:
    """Return the page as HTML, with a policy by which the browser loads and sends nothing.

    Parameters
    ----------
    document : dict
        As `explorer_document` returns.
    title : str
    first : int
        Number of the image that the page opens with.
    """
    script, style, text = bundled("page/main.js"), _part("style.css"), document_text(document)
    values = {
        "policy": f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'",
        "title": html.escape(title),
        "style": style,
        "script": script,
        "document": text,
        "crc32": str(zlib.crc32(text.encode("ascii"))),
        "first": str(first),
    }
    return re.sub(r"\{\{ (\w+) \}\}", lambda found: values[found[1]], _part("page.html"))


def images_of_page(net: Network, x: npt.ArrayLike, labels: npt.ArrayLike, n: int | None = None) -> NDArray[np.int64]:
    """Choose images for a page: of every class the first one, then of every class the second, and so on.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    labels : array (N,)
    n : int, optional
        How many, at most 45; unless given, as many of each class as a page of a megabyte holds.

    Returns
    -------
    array (n,), int
        Their numbers, in the order of the classes.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2)], input_shape=(3,), rng=0)
    >>> images_of_page(net, np.zeros((5, 3)), [1, 0, 0, 1, 0], n=3)
    array([1, 2, 0])
    """
    net = as_network(net)
    x = net.backend.to_numpy(as_images(net, x, least=1))
    labels = as_labels(labels, len(x), net.K)
    order = np.argsort(labels, kind="stable")
    ranks = np.concatenate([np.arange(count) for count in np.bincount(labels)])  # first, second, ... of a class
    rounds = order[np.lexsort((labels[order], ranks))]
    if n is None:
        n = max(1, min(MOST_IMAGES, ROOM // (len(packed(x[rounds[:1]])["data"]) + PER_IMAGE)))
        classes = len(np.unique(labels))
        n = n - n % classes if n > classes else n
    chosen = rounds[: as_count(n, "n", most=MOST_IMAGES)]
    return chosen[np.argsort(labels[chosen], kind="stable")]


def _first_image(net: Network, x: NDArray[Any], labels: NDArray[np.int64]) -> int:
    """Return the image that is answered rightly, and about as surely as `SURE`; the first one if none is."""
    y = predict(net, x)
    right = y.argmax(axis=1) == labels
    apart = np.where(right, abs(y[np.arange(len(x)), labels] - SURE), np.inf)
    return int(apart.argmin())


def _hash(text: str) -> str:
    """Return how a policy names an inline script or style: by the hash of its text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _part(name: str) -> str:
    return files("nnpg.explorer").joinpath("page", name).read_text(encoding="utf-8")
